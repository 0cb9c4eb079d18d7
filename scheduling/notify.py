"""Messages about appointments: consumers of the outbox, one message per change (dedupe by appointment and sequence)."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core.formats import long_date
from messaging import services as messaging
from registration.queries import notification_language, notification_phone
from scheduling import displacing
from scheduling.models import Appointment
from scheduling.waiting import waitlist

CONSUMER = "scheduling.notify"


def told_booked(payload: dict[str, Any]) -> None:
    """The ticket by message; who has one no longer waits for one."""
    appointment = Appointment.objects.filter(pk=payload["appointment_id"]).first()
    if appointment and appointment.is_active:
        waitlist.settle_booked(appointment.citizen_id, appointment.programme_id)
    _tell(payload, "appointment_booked", _booked_text)


def told_moved(payload: dict[str, Any]) -> None:
    """The new time and place."""
    _tell(payload, "appointment_moved", _moved_text)


def told_cancelled(payload: dict[str, Any]) -> None:
    """That the appointment is off, and why."""
    _tell(payload, "appointment_cancelled", _cancelled_text)


def cancel_batch(payload: dict[str, Any]) -> None:
    """The next people of a closed or shrunk schedule."""
    displacing.displace_batch(payload["schedule_id"])


def dedupe_key(appointment: Appointment, kind: str, sequence: int) -> str:
    """The same change is told once, however often its message is handled."""
    return f"{kind}:{appointment.pk}:{sequence}"


def _tell(payload: dict[str, Any], kind: str, text: Any) -> None:
    rows = Appointment.objects.select_related("citizen__account", "schedule__facility", "schedule__vaccine", "slot")
    appointment = rows.filter(pk=payload["appointment_id"]).first()
    phone = notification_phone(appointment.citizen) if appointment else None
    if appointment is None or phone is None:
        return
    sequence = payload.get("sequence", 0)
    if sequence < appointment.sequence:
        return  # a later change is already on its way; two contradicting messages help nobody
    language = notification_language(appointment.citizen)
    with translation.override(language):
        facts = _facts(appointment)
        messaging.send(
            kind=kind,
            to=phone,
            text=text(appointment, facts),
            subject=_("Janji vaksinasi %(code)s") % {"code": appointment.code},
            language=language,
            parameters=[facts["name"], facts["vaccine"], facts["facility"], facts["day"], facts["time"], facts["url"]],
            dedupe_key=dedupe_key(appointment, kind, sequence),
        )


def _facts(appointment: Appointment) -> dict[str, str]:
    local = timezone.localtime(appointment.slot.starts_at)
    return {
        "name": appointment.citizen.full_name,
        "vaccine": appointment.schedule.vaccine.short_name,
        "facility": appointment.schedule.facility.name,
        "address": appointment.schedule.facility.address,
        "day": long_date(local.date(), translation.get_language()),
        "time": f"{local:%H.%M} WIB",
        "code": appointment.code,
        "reason": appointment.cancel_reason,
        "url": settings.PUBLIC_BASE_URL + reverse("scheduling:ticket", args=[appointment.public_id]),
        "list": settings.PUBLIC_BASE_URL + reverse("scheduling:list"),
    }


def _booked_text(appointment: Appointment, facts: dict[str, str]) -> str:
    return (
        _(
            "Janji vaksinasi %(name)s: %(vaccine)s di %(facility)s, %(address)s, %(day)s pukul %(time)s. "
            "Kode tiket %(code)s. Tiket, pindah, atau batal: %(url)s"
        )
        % facts
    )


def _moved_text(appointment: Appointment, facts: dict[str, str]) -> str:
    return (
        _(
            "Janji vaksinasi %(name)s dipindahkan: %(vaccine)s di %(facility)s, %(address)s, %(day)s pukul %(time)s. "
            "Kode tiket tetap %(code)s. Tiket: %(url)s"
        )
        % facts
    )


def _cancelled_text(appointment: Appointment, facts: dict[str, str]) -> str:
    if appointment.cancelled_because == Appointment.Because.CLOSED:
        return (
            _(
                "Mohon maaf, layanan vaksinasi di %(facility)s pada %(day)s ditutup: %(reason)s. Janji %(name)s "
                "(%(code)s) dibatalkan. Kami mencarikan tempat lain dan mengirim tawarannya lewat pesan. Anda juga "
                "dapat memilih sendiri: %(list)s"
            )
            % facts
        )
    if appointment.cancelled_because == Appointment.Because.SHRUNK:
        return (
            _(
                "Mohon maaf, tempat vaksinasi di %(facility)s pada %(day)s dikurangi: %(reason)s. Janji %(name)s "
                "(%(code)s) dibatalkan. Kami mencarikan tempat lain dan mengirim tawarannya lewat pesan. Anda juga "
                "dapat memilih sendiri: %(list)s"
            )
            % facts
        )
    if appointment.cancelled_because == Appointment.Because.DOSE:
        return (
            _(
                "Vaksin %(name)s sudah tercatat diberikan di tempat lain. Janji %(code)s di %(facility)s pada %(day)s "
                "dibatalkan; Anda tidak perlu datang. Bila keliru, hubungi puskesmas."
            )
            % facts
        )
    return (
        _(
            "Janji vaksinasi %(name)s di %(facility)s, %(day)s pukul %(time)s sudah dibatalkan. "
            "Untuk memesan lagi: %(list)s"
        )
        % facts
    )
