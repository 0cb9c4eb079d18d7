"""What the queue and each dose look like, for citizens, desk, health office and the public."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.formats import number
from pcare_bridge import health
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from pcare_bridge.models import OPEN_STATES, Delivery, FacilityAccount, Incident, ProfileSwitch, Upstream
from regions.models import Facility
from vaccination.models import Immunization

Text = str | Promise
JUST_RECORDED = timedelta(minutes=10)
WAIT_SENTENCE = _(
    "Dikirim otomatis sampai diterima. Anda tidak perlu melakukan apa pun; sertifikat Anda tetap berlaku."
)


@dataclass(frozen=True)
class DeliveryState:
    """How far one dose is on its way to PCare: a tag, since when, and one sentence."""

    kind: str
    text: Text
    sentence: Text
    staff_text: str
    staff_sentence: str
    since: datetime | None = None
    accepted_at: datetime | None = None
    delivery: Delivery | None = None


def state_of(immunization_id: int) -> DeliveryState | None:
    """The state of one dose by its number, or None when there is no such dose."""
    immunization = Immunization.objects.prefetch_related("deliveries").filter(pk=immunization_id).first()
    return state_of_row(immunization) if immunization else None


def state_of_row(immunization: Immunization) -> DeliveryState:
    """The state of one dose; costs no query when `deliveries` was prefetched."""
    rows = sorted(immunization.deliveries.all(), key=lambda row: (row.operation == "withdraw", row.created_at))
    last = {row.profile: row for row in rows}
    if not last:
        return _without_delivery(immunization)
    return _of_delivery(min(last.values(), key=_urgency))


def _urgency(delivery: Delivery) -> int:
    """Of several profiles people hear about the one that needs something; no member of JKN is no fault of a dose."""
    if delivery.state == Delivery.REFUSED:
        return 4 if delivery.error_class == "not_eligible" else 0
    return {Delivery.SENT: 2, Delivery.REPORTED: 2, Delivery.WITHDRAWN: 3, Delivery.SUPERSEDED: 3}.get(
        delivery.state, 1
    )


def handed_to(user: User) -> list[Delivery]:
    """Refused deliveries in this person's hands, oldest first."""
    rows = Delivery.objects.filter(state=Delivery.REFUSED, assigned_to=user)
    return list(rows.select_related("immunization__citizen", "immunization__vaccine").order_by("created_at")[:20])


def _of_delivery(delivery: Delivery) -> DeliveryState:
    label = delivery.get_state_display()
    error = ERROR_CLASSES.get(delivery.error_class)
    error = error.about(delivery.service_name) if error else None
    ministry = delivery.service == "satusehat"
    state = DeliveryState(
        "wait",
        _("Menunggu SATUSEHAT") if ministry else _("Menunggu PCare"),
        WAIT_SENTENCE,
        label,
        error.sentence if error else "Dikirim sendiri oleh sistem.",
        since=delivery.created_at,
        delivery=delivery,
    )
    match delivery.state:
        case Delivery.SENT:
            return replace(
                state,
                kind="ok",
                text=_("Diterima SATUSEHAT") if ministry else _("Diterima PCare"),
                sentence=_("Dosis ini sudah tercatat di SATUSEHAT.")
                if ministry
                else _("Dosis ini sudah tercatat di PCare."),
                staff_sentence=f"Nomor {delivery.service_name} {delivery.upstream_number}.",
                accepted_at=delivery.finished_at,
            )
        case Delivery.REPORTED:
            return replace(
                state,
                kind="ok",
                text=_("Dilaporkan petugas"),
                sentence=_("Petugas melaporkan dosis ini ke PCare dengan cara lain."),
                staff_sentence=delivery.note,
                accepted_at=delivery.finished_at,
            )
        case Delivery.REFUSED:
            return replace(
                state,
                kind="stop",
                text=_("Diperiksa petugas"),
                sentence=_("PCare meminta data diperiksa. Petugas menanganinya; sertifikat Anda tetap berlaku."),
                staff_text=error.title if error else label,
                staff_sentence=_todo(delivery, error),
            )
        case Delivery.WITHDRAWN | Delivery.SUPERSEDED:
            sentence = _("Catatan ini sudah diganti atau ditarik.")
            return replace(state, kind="info", text=_("Tidak dikirim"), sentence=sentence, staff_sentence="")
    return state


def _todo(delivery: Delivery, error: ErrorClass | None) -> str:
    """What the desk does about a refusal; what is missing is named first."""
    if error is None:
        return ""
    return f"{delivery.error_message} {error.todo}" if error.key == "incomplete" else error.todo


def _without_delivery(immunization: Immunization) -> DeliveryState:
    fresh = timezone.now() - immunization.recorded_at < JUST_RECORDED
    if immunization.status == Immunization.Status.COMPLETED and immunization.is_primary_source and fresh:
        return DeliveryState(
            "wait", _("Menunggu PCare"),
            WAIT_SENTENCE,
            "Menunggu PCare", "Dikirim sendiri oleh sistem.", since=immunization.recorded_at,
        )  # fmt: skip
    return DeliveryState(
        "info", _("Tidak dikirim"), _("Dosis ini tidak dikirim ke PCare lewat portal ini."),
        "Tidak dikirim", "Dicatat sebelum pengiriman dimulai, di fasilitas tanpa akun PCare, atau dari keterangan.",
    )  # fmt: skip


@dataclass(frozen=True)
class ServiceState:
    """How PCare is doing, for the public page and the banners."""

    configured: bool
    is_down: bool
    since: datetime | None
    waiting: int
    oldest: datetime | None
    last_success_at: datetime | None
    per_minute: float
    done_at: datetime | None
    clock_difference: int | None
    stopped: str

    @property
    def forecast(self) -> str:
        """1.240 menunggu, 40/menit, selesai sekitar 11.30."""
        words = [f"{number(self.waiting)} menunggu", f"{number(round(self.per_minute))}/menit"]
        if self.done_at:
            words.append(f"selesai sekitar {timezone.localtime(self.done_at):%H.%M}")
        elif self.waiting:
            words.append("selesai setelah tersambung lagi")
        return ", ".join(words)

    @property
    def clock_is_off(self) -> bool:
        return abs(self.clock_difference or 0) > 60


def service_state() -> ServiceState:
    """The state now; four cheap queries."""
    upstream = health.upstream()
    now = timezone.now()
    queue = Delivery.objects.open().aggregate(count=Count("pk"), oldest=Min("created_at"))
    window = timedelta(minutes=10)
    recent = Delivery.objects.filter(state=Delivery.SENT, finished_at__gte=now - window).count()
    per_minute = recent / (window.total_seconds() / 60)
    is_down = bool(upstream and upstream.is_down)
    return ServiceState(
        configured=upstream is not None,
        is_down=is_down,
        since=upstream.changed_at if upstream else None,
        waiting=queue["count"],
        oldest=queue["oldest"],
        last_success_at=upstream.last_success_at if upstream else None,
        per_minute=per_minute,
        done_at=None if is_down or upstream is None else _forecast(queue["count"], per_minute, now),
        clock_difference=upstream.clock_difference_seconds if upstream else None,
        stopped=upstream.paused_reason if upstream else "",
    )


def _forecast(waiting: int, per_minute: float, now: datetime) -> datetime | None:
    """When the queue will be empty at the pace of the last minutes, at best the permitted rate."""
    if not waiting:
        return None
    permitted = settings.PCARE_PER_SECOND * 60 or 600
    pace = min(permitted, max(per_minute, permitted / 2))
    return now + timedelta(minutes=math.ceil(waiting / pace))


@dataclass(frozen=True)
class Bar:
    """Deliveries that arrived in ten minutes; place and height in the units of the chart."""

    begins: datetime
    count: int
    x: int
    y: int
    height: int


CHART_WIDTH, CHART_HEIGHT, BAR_WIDTH = 720, 120, 20
SLOT = timedelta(minutes=10)


def rate(now: datetime | None = None) -> list[Bar]:
    """What arrived in each ten minutes of the last six hours, oldest first; one query over recent rows."""
    now = now or timezone.now()
    slots = CHART_WIDTH // BAR_WIDTH
    first = now - slots * SLOT
    counts = [0] * slots
    arrived = Delivery.objects.filter(state=Delivery.SENT, finished_at__gt=first, finished_at__lte=now)
    for moment in arrived.values_list("finished_at", flat=True):
        assert moment is not None
        counts[min(int((moment - first) / SLOT), slots - 1)] += 1
    most = max(counts) or 1
    heights = [round(count / most * CHART_HEIGHT) for count in counts]
    return [
        Bar(first + at * SLOT, count, at * BAR_WIDTH, CHART_HEIGHT - height, height)
        for at, (count, height) in enumerate(zip(counts, heights, strict=True))
    ]


def incidents(days: int = 90) -> list[Incident]:
    """Outages of the last days, newest first."""
    address = settings.PCARE_BASE_URL.rstrip("/")
    since = timezone.now() - timedelta(days=days)
    return list(Incident.objects.filter(upstream__base_url=address, began_at__gte=since)[:100])


@dataclass(frozen=True)
class ClassRow:
    """One line of the list by error class."""

    error: ErrorClass
    state: str
    state_text: str
    count: int
    oldest: datetime


def by_class(user: object) -> list[ClassRow]:
    """Deliveries that carry an error, by class and state, the ones for people first."""
    rows = (
        Delivery.objects.visible_to(user)
        .filter(state__in=[*OPEN_STATES, Delivery.REFUSED])
        .exclude(error_class="")
        .values("state", "error_class")
        .annotate(count=Count("pk"), oldest=Min("created_at"))
    )
    names = dict(Delivery.STATES)
    lines = [
        ClassRow(ERROR_CLASSES[row["error_class"]], row["state"], names[row["state"]], row["count"], row["oldest"])
        for row in rows
        if row["error_class"] in ERROR_CLASSES
    ]
    return sorted(lines, key=lambda line: (line.state != Delivery.REFUSED, -line.count))


def by_state(user: object) -> list[tuple[str, str, int]]:
    """State, its name and how many deliveries are in it; states without any are left out."""
    counts = dict(
        Delivery.objects.visible_to(user).values_list("state").annotate(count=Count("pk")).values_list("state", "count")
    )
    return [(state, name, counts[state]) for state, name in Delivery.STATES if counts.get(state)]


def troubled_accounts(user: object) -> list[FacilityAccount]:
    """Paused accounts of the user's facilities."""
    return list(
        FacilityAccount.objects.filter(facility__in=Facility.objects.visible_to(user), is_active=True)
        .exclude(pause_class="")
        .select_related("facility")
    )


def stopped_profiles(user: User) -> list[ProfileSwitch]:
    """Profiles a person stopped everywhere or at a facility of the user."""
    mine = Q(facility__isnull=True) | Q(facility__in=Facility.objects.visible_to(user))
    return list(ProfileSwitch.objects.filter(mine).exclude(stopped_reason="").select_related("facility"))


def is_down_now() -> tuple[bool, datetime | None, int]:
    """Whether PCare is down, since when, and how many doses wait; one query while it is up."""
    address = settings.PCARE_BASE_URL.rstrip("/")
    upstream = Upstream.objects.filter(base_url=address).first() if address else None
    if upstream is None or not upstream.is_down:
        return False, None, 0
    return True, upstream.changed_at, Delivery.objects.open().count()
