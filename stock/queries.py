"""Reads over stock: what may be used first, how much there is, and how old each number is."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import F, Max, Q, QuerySet, Sum, Window
from django.db.models.functions import Lag
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from regions.models import Facility
from stock.models import StockBalance, StockMovement, Transfer, VialOpening

Kind = StockMovement.Kind
LOW_DAYS, SOON_DAYS = 7, 60
USE_WINDOW_DAYS = 14


@dataclass(frozen=True)
class LotOnShelf:
    """A lot that may be used now, with the reason for its rank."""

    lot_id: int
    lot_number: str
    vaccine_code: str
    vaccine_name: str
    expiration_date: date
    vvm_stage: str
    doses: int
    opened: int
    discard_at: datetime | None

    @property
    def why_first(self) -> str:
        """One phrase for the vaccinator: why this lot comes first."""
        if self.opened:
            return "vial sudah terbuka"
        return "VVM B" if self.vvm_stage == "B" else "kedaluwarsa paling dekat"


def usable_balances(on: date) -> QuerySet[StockBalance]:
    """Balances that could be given on local date `on`: not empty, not expired, VVM A or B."""
    return StockBalance.objects.filter(doses_on_hand__gt=0, lot__expiration_date__gte=on, vvm_stage__in=["A", "B"])


def usable_lots(facility_id: int, vaccine_code: str | None, at: datetime) -> list[LotOnShelf]:
    """Lots that may be used at `at`, first to use first: opened, VVM B, earliest expiry (RULES ST-3). Two queries."""
    balances = usable_balances(timezone.localdate(at)).filter(facility_id=facility_id).select_related("lot__vaccine")
    if vaccine_code:
        balances = balances.filter(lot__vaccine_id=vaccine_code)
    vials = defaultdict(list)
    for vial in VialOpening.objects.filter(facility_id=facility_id, closed_at__isnull=True):
        vials[vial.lot_id].append(vial)
    shelf = []
    for balance in balances:
        late = sum(v.doses_left for v in vials[balance.lot_id] if v.discard_at and v.discard_at < at)
        ready = [v for v in vials[balance.lot_id] if v.doses_left and (v.discard_at is None or v.discard_at >= at)]
        if balance.doses_on_hand - late < 1:
            continue
        shelf.append(
            LotOnShelf(
                lot_id=balance.lot_id,
                lot_number=balance.lot.lot_number,
                vaccine_code=balance.lot.vaccine_id,
                vaccine_name=balance.lot.vaccine.short_name,
                expiration_date=balance.lot.expiration_date,
                vvm_stage=balance.vvm_stage,
                doses=balance.doses_on_hand - late,
                opened=sum(v.doses_left for v in ready),
                discard_at=min((v.discard_at for v in ready if v.discard_at), default=None),
            )
        )
    far = timezone.now() + timedelta(days=36500)
    return sorted(
        shelf,
        key=lambda lot: (not lot.opened, lot.discard_at or far, lot.vvm_stage != "B", lot.expiration_date, lot.lot_id),
    )


# --- public ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PublicStock:
    """One vaccine at one facility as anybody may see it, with the age of the number."""

    vaccine: str
    vaccine_code: str
    programme: str
    doses: int
    days_left: int | None
    changed_at: datetime

    @property
    def kind(self) -> str:
        """Status colour."""
        if not self.doses:
            return "stop"
        return "wait" if self.days_left is not None and self.days_left < LOW_DAYS else "ok"

    @property
    def band(self) -> str | Promise:
        """Bands of days left (RULES ST-2); without recent use only whether there is any."""
        if not self.doses:
            return _("Habis")
        if self.days_left is None:
            return _("Tersedia")
        if self.days_left < 7:
            return _("Kurang dari 7 hari")
        if self.days_left <= 10:
            return _("7–10 hari")
        return _("10–14 hari") if self.days_left <= 14 else _("Lebih dari 14 hari")


@dataclass(frozen=True)
class FacilityStock:
    """The shelf of one facility on the public page."""

    facility_id: int
    facility: str
    code: str
    kecamatan: str
    kecamatan_code: str
    rows: list[PublicStock] = field(default_factory=list)

    @property
    def changed_at(self) -> datetime:
        """When the newest of its numbers changed."""
        return max(row.changed_at for row in self.rows)


def public_stock(kecamatan: str = "", vaccine: str = "", facilities: Any = None) -> list[FacilityStock]:
    """Usable doses per facility and vaccine with the age of each number; two queries whatever the size of the city."""
    today = timezone.localdate()
    usable = Q(lot__expiration_date__gte=today, vvm_stage__in=["A", "B"])
    rows = StockBalance.objects.filter(facility__is_active=True)
    if kecamatan:
        rows = rows.filter(facility__kecamatan_id=kecamatan)
    if vaccine:
        rows = rows.filter(lot__vaccine_id=vaccine)
    if facilities is not None:
        rows = rows.filter(facility_id__in=facilities)
    totals = (
        rows.values(
            "facility_id",
            "lot__vaccine_id",
            name=F("facility__name"),
            code=F("facility__code"),
            kecamatan_name=F("facility__kecamatan__name"),
            kecamatan_code=F("facility__kecamatan_id"),
            vaccine=F("lot__vaccine__short_name"),
            programme=F("lot__vaccine__programme__name"),
        )
        .annotate(doses=Sum("doses_on_hand", filter=usable, default=0), changed_at=Max("updated_at"))
        .order_by("facility__name", "facility_id", "lot__vaccine__programme__sort_order", "lot__vaccine__short_name")
    )
    used = daily_use()
    city = []
    for _key, group in groupby(totals, key=lambda row: row["facility_id"]):
        rows_here = list(group)
        first = rows_here[0]
        shelf = [
            PublicStock(
                row["vaccine"],
                row["lot__vaccine_id"],
                row["programme"] or "",
                row["doses"],
                days_left(row["doses"], used.get((row["facility_id"], row["lot__vaccine_id"]), 0)),
                row["changed_at"],
            )
            for row in rows_here
        ]
        place = (first["name"], first["code"], first["kecamatan_name"], first["kecamatan_code"])
        city.append(FacilityStock(first["facility_id"], *place, rows=shelf))
    return city


def daily_use() -> dict[tuple[int, str], float]:
    """Doses given per day over the last two weeks, by facility and vaccine."""
    since = timezone.now() - timedelta(days=USE_WINDOW_DAYS)
    rows = (
        StockMovement.objects.filter(at__gte=since, kind__in=[Kind.GIVEN, Kind.GIVEN_REVERSED])
        .values_list("facility_id", "lot__vaccine_id")
        .annotate(moved=Sum("quantity"))
        .order_by()
    )
    return {(facility, vaccine): -moved / USE_WINDOW_DAYS for facility, vaccine, moved in rows}


def days_left(doses: int, per_day: float) -> int | None:
    """Whole days the stock lasts at the present pace; None when nothing was used lately."""
    return int(doses / per_day) if per_day > 0 else None


@dataclass(frozen=True)
class VaccineTotal:
    """Usable doses of one vaccine in the whole city."""

    name: str
    doses: int


@dataclass(frozen=True)
class StockSummary:
    """The city's stock in one line."""

    doses: int
    facilities: int
    vaccines: list[VaccineTotal]
    counted_at: datetime | None


def public_stock_summary() -> StockSummary:
    """City totals for the home page; one query."""
    rows = list(
        usable_balances(timezone.localdate())
        .values("facility_id", name=F("lot__vaccine__short_name"))
        .annotate(doses=Sum("doses_on_hand"), changed_at=Max("updated_at"))
        .order_by()
    )
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        totals[row["name"]] += row["doses"]
    return StockSummary(
        doses=sum(totals.values()),
        facilities=len({row["facility_id"] for row in rows}),
        vaccines=[VaccineTotal(name, doses) for name, doses in sorted(totals.items(), key=lambda item: -item[1])],
        counted_at=max((row["changed_at"] for row in rows), default=None),
    )


# --- health office --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CityStock:
    """Everything on /dinkes/stok/."""

    facilities: list[FacilityStock]
    expiring: list[StockBalance]
    expired: list[StockBalance]
    low: list[tuple[str, PublicStock]]
    on_the_way: list[Transfer]
    late_vials: list[VialOpening]


def city_stock(user: User) -> CityStock:
    """The stock of the user's territory, with what needs attention; query count does not depend on its size."""
    today, now = timezone.localdate(), timezone.now()
    mine = Facility.objects.visible_to(user)
    balances = (
        StockBalance.objects.visible_to(user).filter(doses_on_hand__gt=0).select_related("lot__vaccine", "facility")
    )
    facilities = public_stock(facilities=mine.values("pk"))
    return CityStock(
        facilities=facilities,
        expiring=list(
            balances.filter(
                lot__expiration_date__gte=today, lot__expiration_date__lte=today + timedelta(days=SOON_DAYS)
            ).order_by("lot__expiration_date")
        ),
        expired=list(balances.filter(Q(lot__expiration_date__lt=today) | Q(vvm_stage__in=["C", "D"]))),
        low=[(shelf.facility, row) for shelf in facilities for row in shelf.rows if row.kind != "ok"],
        on_the_way=list(
            Transfer.objects.visible_to(user)
            .filter(state=Transfer.SENT)
            .select_related("lot__vaccine", "from_facility", "to_facility")
            .order_by("sent_at")
        ),
        late_vials=list(
            VialOpening.objects.visible_to(user)
            .filter(closed_at__isnull=True, discard_at__lt=now)
            .select_related("lot__vaccine", "facility")
        ),
    )


# --- invariant I4 ---------------------------------------------------------------------------------------------------


def _held() -> dict[tuple[int, int], int]:
    rows = StockBalance.objects.values_list("facility_id", "lot_id", "doses_on_hand")
    return {(facility, lot): doses for facility, lot, doses in rows}


def unbalanced() -> int:
    """Balances that differ from the sum of their ledger, in either direction (I4)."""
    sums = {
        (facility, lot): total
        for facility, lot, total in StockMovement.objects.values_list("facility_id", "lot_id")
        .annotate(total=Sum("quantity"))
        .order_by()
    }
    held = _held()
    return sum(sums.get(key, 0) != held.get(key, 0) for key in sums.keys() | held.keys())


def broken_running_totals() -> int:
    """Ledger lines whose balance is not the previous balance plus the line (I4)."""
    lines = StockMovement.objects.annotate(
        before=Window(Lag("balance_after", default=0), partition_by=["facility_id", "lot_id"], order_by="pk")
    ).values_list("before", "quantity", "balance_after")
    return sum(before + quantity != after for before, quantity, after in lines.iterator(chunk_size=5000))


def transfers_not_matching() -> int:
    """Transfers whose ledger lines do not tell what their state says (I4)."""
    rows = Transfer.objects.annotate(
        left=Sum("movements__quantity", filter=Q(movements__kind=Kind.SENT), default=0),
        came=Sum("movements__quantity", filter=Q(movements__kind=Kind.TRANSFER_IN), default=0),
        back=Sum("movements__quantity", filter=Q(movements__kind=Kind.TRANSFER_BACK), default=0),
    )
    wrong = 0
    for row in rows.iterator(chunk_size=2000):
        expected = {
            Transfer.SENT: (0, 0),
            Transfer.RECEIVED: (row.quantity_received, 0),
            Transfer.CANCELLED: (0, row.quantity_sent),
        }
        wrong += row.left != -row.quantity_sent or (row.came, row.back) != expected[row.state]
    return wrong


def open_vials_over_balance() -> int:
    """Lots whose open vials hold more doses than the facility owns (I4)."""
    opened = (
        VialOpening.objects.filter(closed_at__isnull=True)
        .values("facility_id", "lot_id")
        .annotate(left=Sum(F("doses") - F("doses_used") - F("doses_wasted")))
        .order_by()
    )
    held = _held()
    return sum(row["left"] > held.get((row["facility_id"], row["lot_id"]), 0) for row in opened)
