"""An appointment as a calendar entry: one UID for life, SEQUENCE rises with each change (RFC 5545)."""

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event, vText

from scheduling.models import Appointment


def render(appointment: Appointment) -> bytes:
    """The calendar file of one appointment; a cancelled one cancels the entry in the person's calendar."""
    schedule = appointment.schedule
    cancelled = appointment.status == Appointment.Status.CANCELLED
    calendar = Calendar()
    calendar.add("prodid", "-//VICTORI//Vaksinasi Kota Semarang//ID")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancelled else "PUBLISH")
    event = Event()
    event.add("uid", f"{appointment.public_id}@victori.semarangkota")
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", appointment.changed_at)
    event.add("last-modified", appointment.changed_at)
    event.add("dtstart", appointment.slot.starts_at)
    event.add("dtend", appointment.slot.ends_at)
    event.add("summary", _("Vaksinasi %(vaccine)s") % {"vaccine": schedule.vaccine.short_name})
    event["location"] = vText(f"{schedule.facility.name}, {schedule.facility.address}".rstrip(", "))
    link = settings.PUBLIC_BASE_URL + reverse("scheduling:ticket", args=[appointment.public_id])
    # No name: a calendar is often shared with a family or an employer.
    event.add(
        "description", _("Kode tiket %(code)s. Bawa KTP atau KK. %(link)s") % {"code": appointment.code, "link": link}
    )
    event.add("url", link)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    if not cancelled:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", _("Vaksinasi besok"))
        alarm.add("trigger", timedelta(days=-1))
        event.add_component(alarm)
    calendar.add_component(event)
    return bytes(calendar.to_ical())
