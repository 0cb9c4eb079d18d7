"""What the queue and each dose look like, for citizens, desk, health office and the public."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.crypto import blind_index
from pcare_bridge import accounts, deadlines, gather
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from pcare_bridge.models import (
    OPEN_STATES,
    SERVICE_NAMES,
    Delivery,
    FacilityAccount,
    ProfileSwitch,
    RetryRun,
    SatusehatAccount,
)
from regions.models import Facility
from registration.models import Citizen
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
    service_name: str = SERVICE_NAMES["pcare"]


def state_of_row(immunization: Immunization) -> DeliveryState:
    """The state of one dose; costs no query when `deliveries` was prefetched."""
    last = _last_by_profile(immunization)
    return _of_delivery(min(last, key=_urgency)) if last else _without_delivery(immunization)


def states_by_service(immunization: Immunization) -> list[DeliveryState]:
    """How far one dose is on its way to each service, PCare first; never empty, no query when prefetched."""
    last = _last_by_profile(immunization)
    found = []
    for service in SERVICE_NAMES:
        mine = [row for row in last if row.service == service]
        if mine:
            found.append(_of_delivery(min(mine, key=_urgency)))
    return found or [_without_delivery(immunization)]


def _last_by_profile(immunization: Immunization) -> list[Delivery]:
    rows = sorted(immunization.deliveries.all(), key=lambda row: (row.operation == "withdraw", row.created_at))
    return list({row.profile: row for row in rows}.values())


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


def of_person(user: User, nik: str) -> list[Delivery]:
    """Deliveries of the person with this NIK in the user's territory, newest first."""
    person = Citizen.objects.filter(nik_index=blind_index(nik, "nik"), merged_into__isnull=True)
    rows = Delivery.objects.visible_to(user).filter(immunization__citizen__in=person)
    return list(rows.select_related("immunization__vaccine", "facility").order_by("-created_at"))


def late(user: User, limit: int) -> list[tuple[Delivery, list[str]]]:
    """From the warning hour on: deliveries that would miss today's limit, nearest first, and what each still lacks."""
    rows = list(deadlines.would_miss(user)[:limit])
    missing = gather.missing_of(rows) if rows else {}
    return [(row, missing.get(row.pk, [])) for row in rows]


def _of_delivery(delivery: Delivery) -> DeliveryState:
    label = delivery.get_state_display()
    error = ERROR_CLASSES.get(delivery.error_class)
    error = error.about(delivery.service_name) if error else None
    named = {"service": delivery.service_name}
    state = DeliveryState(
        "wait",
        _("Menunggu %(service)s") % named,
        WAIT_SENTENCE,
        label,
        error.sentence if error else "Dikirim sendiri oleh sistem.",
        since=delivery.created_at,
        delivery=delivery,
        service_name=delivery.service_name,
    )
    match delivery.state:
        case Delivery.SENT:
            return replace(
                state,
                kind="ok",
                text=_("Diterima %(service)s") % named,
                sentence=_("Dosis ini sudah tercatat di %(service)s.") % named,
                staff_sentence=f"Nomor {delivery.service_name} {delivery.upstream_number}.",
                accepted_at=delivery.finished_at,
            )
        case Delivery.REPORTED:
            return replace(
                state,
                kind="ok",
                text=_("Dilaporkan petugas"),
                sentence=_("Petugas melaporkan dosis ini ke %(service)s dengan cara lain.") % named,
                staff_sentence=delivery.note,
                accepted_at=delivery.finished_at,
            )
        case Delivery.REFUSED:
            sentence = _("%(service)s meminta data diperiksa. Petugas menanganinya; sertifikat Anda tetap berlaku.")
            return replace(
                state,
                kind="stop",
                text=_("Diperiksa petugas"),
                sentence=sentence % named,
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
    return f"{delivery.said} {error.todo}" if error.key == "incomplete" else error.todo


def _without_delivery(immunization: Immunization) -> DeliveryState:
    fresh = timezone.now() - immunization.recorded_at < JUST_RECORDED
    if immunization.status == Immunization.Status.COMPLETED and immunization.is_primary_source and fresh:
        return DeliveryState(
            "wait", _("Menunggu %(service)s") % {"service": SERVICE_NAMES["pcare"]},
            WAIT_SENTENCE,
            "Menunggu PCare", "Dikirim sendiri oleh sistem.", since=immunization.recorded_at,
        )  # fmt: skip
    return DeliveryState(
        "info", _("Tidak dikirim"), _("Dosis ini tidak dikirim ke PCare lewat portal ini."),
        "Tidak dikirim", "Dicatat sebelum pengiriman dimulai, di fasilitas tanpa akun PCare, atau dari keterangan.",
    )  # fmt: skip


@dataclass(frozen=True)
class ClassRow:
    """One line of the list by cause: what happened, at which service, who does what about it."""

    error: ErrorClass
    service: str
    state: str
    state_text: str
    count: int
    oldest: datetime

    @property
    def service_name(self) -> str:
        return SERVICE_NAMES[self.service]

    @property
    def can_go_again(self) -> bool:
        """Whether the whole line may be sent again now; a paused account is repaired instead."""
        return self.state in (Delivery.REFUSED, Delivery.WAITING)


def by_class(user: object) -> list[ClassRow]:
    """Deliveries that carry an error, by service, class and state, the ones for people first."""
    lines = [line for service in SERVICE_NAMES for line in _by_class(user, service)]
    return sorted(lines, key=lambda line: (line.state != Delivery.REFUSED, -line.count))


def _by_class(user: object, service: str) -> list[ClassRow]:
    rows = (
        Delivery.objects.visible_to(user)
        .filter(state__in=[*OPEN_STATES, Delivery.REFUSED], profile__in=accounts.profiles_of(service))
        .exclude(error_class="")
        .values("state", "error_class")
        .annotate(count=Count("pk"), oldest=Min("created_at"))
    )
    names = dict(Delivery.STATES)
    return [
        ClassRow(
            ERROR_CLASSES[row["error_class"]].about(SERVICE_NAMES[service]),
            service,
            row["state"],
            names[row["state"]].replace("PCare", SERVICE_NAMES[service]),
            row["count"],
            row["oldest"],
        )
        for row in rows
        if row["error_class"] in ERROR_CLASSES
    ]


@dataclass(frozen=True)
class RunProgress:
    """One "send all again" and how far it is; `left` is still on its way."""

    run: RetryRun
    error: ErrorClass
    total: int
    arrived: int
    refused: int

    @property
    def left(self) -> int:
        return self.total - self.arrived - self.refused

    @property
    def finished(self) -> int:
        return self.arrived + self.refused


RECENT_RUN = timedelta(hours=12)


def retry_runs(user: User) -> list[RunProgress]:
    """The latest whole classes sent again, newest first, with what became of each; one query."""
    mine = Q(deliveries__facility__in=Facility.objects.visible_to(user))
    done = Q(deliveries__state__in=[Delivery.SENT, Delivery.REPORTED, Delivery.WITHDRAWN, Delivery.SUPERSEDED])
    rows = (
        RetryRun.objects.filter(asked_at__gte=timezone.now() - RECENT_RUN)
        .select_related("asked_by")
        .annotate(
            total=Count("deliveries", filter=mine),
            arrived=Count("deliveries", filter=mine & done),
            refused=Count("deliveries", filter=mine & Q(deliveries__state=Delivery.REFUSED)),
        )
        .filter(total__gt=0)
        .order_by("-asked_at")[:3]
    )
    return [
        RunProgress(
            row,
            ERROR_CLASSES[row.error_class].about(SERVICE_NAMES[row.service]),
            row.total,
            row.arrived,
            row.refused,
        )
        for row in rows
        if row.error_class in ERROR_CLASSES
    ]


def by_state(user: object) -> list[tuple[str, str, int]]:
    """State, its name and how many deliveries are in it; states without any are left out."""
    counts = dict(
        Delivery.objects.visible_to(user).values_list("state").annotate(count=Count("pk")).values_list("state", "count")
    )
    return [(state, name, counts[state]) for state, name in Delivery.STATES_OF_ALL if counts.get(state)]


def accounts_of(user: object) -> list[FacilityAccount]:
    """PCare accounts of the user's facilities with the one at SATUSEHAT beside each; those in trouble first."""
    mine = Facility.objects.visible_to(user).filter(is_active=True)
    rows = FacilityAccount.objects.filter(facility__in=mine).select_related("facility__satusehat_account")
    found = list(rows.order_by("facility__name"))
    return sorted(found, key=lambda row: (not row.is_paused, not row.password_is_old))


@dataclass(frozen=True)
class Trouble:
    """Accounts that a service refuses with the same words: often one cause for a whole city, such as our clock."""

    service_name: str
    said: str
    accounts: list[FacilityAccount | SatusehatAccount]

    @property
    def first(self) -> FacilityAccount | SatusehatAccount:
        return self.accounts[0]


def troubles(user: object) -> list[Trouble]:
    """The paused accounts of the user's facilities, one line for each service and answer."""
    mine = Facility.objects.visible_to(user)
    found: dict[tuple[str, str], Trouble] = {}
    for model in accounts.ACCOUNT_MODELS.values():
        rows = model._default_manager.filter(facility__in=mine, is_active=True).exclude(pause_class="")
        for row in rows.select_related("facility").order_by("facility__name"):
            key = row.service_name, row.pause_message
            found.setdefault(key, Trouble(*key, [])).accounts.append(row)
    return list(found.values())


def stopped_profiles(user: User) -> list[ProfileSwitch]:
    """Profiles a person stopped everywhere or at a facility of the user."""
    mine = Q(facility__isnull=True) | Q(facility__in=Facility.objects.visible_to(user))
    return list(ProfileSwitch.objects.filter(mine).exclude(stopped_reason="").select_related("facility"))
