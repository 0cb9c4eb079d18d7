"""Vaccine on the shelves of the demo facilities; safe to repeat at every start."""

import calendar
from datetime import date, timedelta

from django.db.models import Q, Sum
from django.utils import timezone

from accounts.demo import ensure_demo_staff
from accounts.models import Membership, User
from programmes.models import Vaccine
from regions.models import Facility
from stock import announcements, deliveries, services
from stock.queries import usable_balances

FACILITIES = (
    "pkm-poncol", "pkm-miroto", "pkm-bandarharjo", "pkm-halmahera", "pkm-pandanaran", "pkm-karangayu", "pkm-gayamsari",
    "pkm-candilama", "pkm-genuk", "pkm-pegandan", "pkm-manyaran", "pkm-kagok",
)  # fmt: skip
COVID = ("COV_AZ", "COV_MODERNA", "COV_PFIZER", "COV_SINOVAC", "COV_INDOVAC")
ROUTINE = ("HB0", "BCG", "OPV", "IPV", "PENTA", "PCV", "RV", "MR")
# Two lots each, so that "earliest expiry first" has something to choose.
MONTHS_LEFT = (4, 9)
# Two weeks of the demo schedules at the busiest facility need about a thousand.
DOSES_PER_LOT, ENOUGH_DOSES = 600, 900
# Here the shelf does not last: places wait for a delivery that is announced. It comes after the two days of the first
# week on which this vaccine is given there, for one of them may be a Sunday.
SCARCE = ("pkm-kagok", "COV_MODERNA")
SCARCE_DOSES, ANNOUNCED_DOSES, ANNOUNCED_DAYS = 20, 300, 7


def ensure_demo_stock() -> int:
    """Receive two lots wherever a demo facility runs low, announce one delivery; returns how many lines it wrote."""
    keeper = _keeper()
    _announce(keeper)
    # A partner hospital records its doses from its own shelf.
    partners = Membership.objects.filter(role=Membership.Role.PARTNER).values("facility")
    facilities = list(Facility.objects.filter(Q(code__in=FACILITIES) | Q(pk__in=partners)))
    vaccines = list(Vaccine.objects.filter(code__in=(*COVID, *ROUTINE)))
    held = {
        (facility, vaccine): doses
        for facility, vaccine, doses in usable_balances(timezone.localdate())
        .filter(facility__in=facilities)
        .values_list("facility_id", "lot__vaccine_id")
        .annotate(doses=Sum("doses_on_hand"))
        .order_by()
    }
    low = [
        (facility, vaccine)
        for facility in facilities
        for vaccine in vaccines
        if held.get((facility.pk, vaccine.pk), 0) < (1 if (facility.code, vaccine.pk) == SCARCE else ENOUGH_DOSES)
    ]
    if not low:
        return 0
    today = timezone.localdate()
    lines = []
    for vaccine in {vaccine.pk: vaccine for _facility, vaccine in low}.values():
        for months in MONTHS_LEFT:
            expires = _month_end(today, months)
            lot = services.find_lot(vaccine.pk, f"{vaccine.pk.removeprefix('COV_')[:3]}{expires:%y%m}", expires)
            lines += [
                deliveries.Delivery(
                    facility.pk, lot.pk, SCARCE_DOSES if (facility.code, vaccine.pk) == SCARCE else DOSES_PER_LOT
                )
                for facility, wanted in low
                if wanted.pk == vaccine.pk
            ]
    return deliveries.receive_many(lines, actor=keeper, document="SBBK contoh")


def _announce(keeper: User) -> None:
    facility, today = Facility.objects.filter(code=SCARCE[0]).first(), timezone.localdate()
    if facility and not announcements.counted(today).filter(facility=facility, vaccine=SCARCE[1]).exists():
        announcements.announce(
            facility=facility, vaccine_code=SCARCE[1], doses=ANNOUNCED_DOSES, actor=keeper, document="SBBK contoh",
            expected_on=today + timedelta(days=ANNOUNCED_DAYS),
        )  # fmt: skip


def _keeper() -> User:
    rows = User.objects.filter(memberships__role=Membership.Role.STOCK_KEEPER)
    keeper = rows.first()
    if keeper is None:
        ensure_demo_staff()
        keeper = rows.get()
    return keeper


def _month_end(today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return date(year, month + 1, calendar.monthrange(year, month + 1)[1])
