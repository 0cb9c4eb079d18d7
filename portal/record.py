"""One person's record as that person sees it: appointments, doses and how far each has travelled, and who looked."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certificates.queries import CertificateState, certificate_state
from core.models import ReadLog
from core.readlog import PURPOSES
from pcare_bridge.models import Delivery
from pcare_bridge.outlook import Outage, outages
from pcare_bridge.queries import DeliveryState, states_by_service
from programmes.models import DoseRule
from programmes.reasons import local_label
from registration.models import Citizen
from scheduling import eligibility
from scheduling.eligibility import Standing
from scheduling.models import Appointment
from vaccination.models import Immunization

DONE, NOW, NEXT, STOP = "done", "now", "next", "stop"
CORRECTED = _("Catatan penggantinya ada di halaman ini. Sertifikat lama tidak berlaku lagi.")
REVOKED = _(
    "%(because)s Kodenya tidak berlaku lagi; dosisnya tetap tercatat. Ada pertanyaan? Tanyakan ke puskesmas tempat "
    "vaksinasi."
)
TOLD = _("Dicatat dari keterangan atau kartu; tidak dikirim ulang ke PCare.")


@dataclass(frozen=True)
class Step:
    """One station of a dose: its state, what it says, when it was reached and when there will be news.

    With `day_only` the hour is not known and not said.
    """

    state: str
    title: str | Promise
    at: datetime | None = None
    text: str | Promise = ""
    news_at: datetime | None = None
    day_only: bool = False


@dataclass(frozen=True)
class Dose:
    """One dose on record with its way through the house."""

    immunization: Immunization
    label: str
    steps: list[Step]
    certificate_url: str
    counts: bool


@dataclass(frozen=True)
class Read:
    """One opening of the record by a member of staff."""

    at: datetime
    purpose: str
    name: str
    role: str


def dose_labels() -> dict[tuple[str, str], str]:
    """What each dose is called on forms, by programme and dose code."""
    rows = DoseRule.objects.exclude(dose_label="").values_list("programme_id", "dose_code", "dose_label").distinct()
    return {(programme, code): local_label(label) for programme, code, label in rows}


def doses(citizen: Citizen) -> list[Dose]:
    """All doses of one person, newest first; corrected ones stay visible and say so."""
    labels, down = dose_labels(), outages()
    rows = (
        Immunization.objects.filter(citizen=citizen)
        .select_related("vaccine", "facility", "programme", "replaced_by")
        .prefetch_related(
            "certificates__revocation",
            Prefetch("deliveries", Delivery.objects.order_by("created_at")),
        )
        .order_by("-occurred_at")
    )
    return [_dose(row, labels, down) for row in rows]


def _dose(row: Immunization, labels: dict[tuple[str, str], str], down: list[Outage]) -> Dose:
    certificate = certificate_state(row)
    return Dose(
        immunization=row,
        label=labels.get((row.programme_id, row.dose_code), f"Dosis {row.dose_number}"),
        steps=journey(row, certificate, states_by_service(row), down),
        certificate_url=certificate.url,
        counts=not row.invalid_reasons,
    )


def journey(
    row: Immunization, certificate: CertificateState, deliveries: list[DeliveryState], down: list[Outage] | None = None
) -> list[Step]:
    """Diberikan → sertifikat siap → menunggu PCare → diterima; a withdrawn dose ends at once and says why."""
    if row.status == Immunization.Status.ENTERED_IN_ERROR:
        return [
            Step(DONE, _("Dicatat"), row.recorded_at),
            Step(STOP, _("Catatan ini dibetulkan"), None, CORRECTED),
        ]
    if row.status == Immunization.Status.NOT_DONE:
        return [Step(STOP, _("Tidak diberikan"), row.occurred_at, row.status_reason)]
    if not row.is_primary_source:
        return [Step(DONE, _("Diberikan di tempat lain"), row.occurred_at, TOLD, day_only=True)]
    steps = [Step(DONE, _("Diberikan"), row.occurred_at)]
    if certificate.issued_at:
        steps.append(Step(DONE, _("Sertifikat siap"), certificate.issued_at))
        if certificate.kind == "stop":
            said = str(REVOKED % {"because": certificate.because}).strip()
            steps.append(Step(STOP, certificate.text, certificate.revoked_at, said))
    elif certificate.url:
        steps.append(Step(NOW, _("Sertifikat dibuat saat Anda membukanya")))
    else:
        steps.append(Step(STOP, certificate.text))
    queued = [state.since for state in deliveries if state.kind == "ok" and state.since]
    if queued:
        steps.append(Step(DONE, _("Masuk antrean laporan nasional"), min(queued)))
    for state in deliveries:
        steps += delivery_steps(state, next((one for one in down or [] if one.name == state.service_name), None))
    return steps


def delivery_steps(state: DeliveryState, outage: Outage | None = None) -> list[Step]:
    """The last stations to one service, in the words of its pages; the certificate stays valid whatever it does."""
    if state.kind == "ok":
        return [Step(DONE, state.text, state.accepted_at)]
    if state.kind == "info":
        return [Step(DONE, state.text, None, state.sentence)]
    delivery = state.delivery
    later = delivery.available_at if delivery and delivery.state == Delivery.WAITING else None
    news_at = later if later and later > timezone.now() else None
    sentence = state.sentence
    if outage and state.kind == "wait":
        # The hour of the next try means nothing while nobody answers there.
        news_at = None
        sentence = _(
            "%(service)s tidak menjawab sejak %(since)s WIB. Dosis Anda tercatat dan dikirim sendiri begitu "
            "layanan itu kembali; sertifikat Anda tetap berlaku."
        ) % {"service": outage.name, "since": f"{timezone.localtime(outage.since):%d-%m-%Y %H.%M}"}
    arrived = _("Diterima %(service)s") % {"service": state.service_name}
    return [Step(NOW, state.text, state.since, sentence, news_at), Step(NEXT, arrived)]


def standings(citizen: Citizen) -> list[Standing]:
    """What is next for this person in each programme that has something for them."""
    case = eligibility.Case.of(citizen)
    return [one for one in eligibility.standings(case, timezone.localdate()) if one.concerns]


def appointments(citizen: Citizen) -> list[Appointment]:
    """Active appointments first by date, then the latest of the past."""
    rows = Appointment.objects.filter(citizen=citizen).select_related(
        "schedule__facility", "schedule__vaccine", "programme", "slot"
    )
    active = list(rows.filter(status__in=Appointment.ACTIVE).order_by("slot__starts_at"))
    past = list(rows.exclude(status__in=Appointment.ACTIVE).order_by("-slot__starts_at")[:5])
    return active + past


def reads(citizen: Citizen, limit: int = 20) -> list[Read]:
    """Who opened this record and why (RULES D-9), newest first."""
    rows = ReadLog.objects.filter(citizen_id=citizen.pk).select_related("user").order_by("-at")[:limit]
    return [_read(row) for row in rows.prefetch_related("user__memberships__facility")]


def _read(row: ReadLog) -> Read:
    membership = next(iter(row.user.memberships.all()), None)
    return Read(
        at=row.at,
        purpose=str(PURPOSES.get(row.purpose, row.purpose)),
        name=row.user.full_name or "Petugas",
        role=str(membership) if membership else "",
    )
