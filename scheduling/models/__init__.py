"""When and where (schedule), and for whom a place is kept before it is booked (waiting)."""

from scheduling.models.schedule import (
    Appointment,
    Place,
    PlaceQuerySet,
    Schedule,
    ScheduleQuerySet,
    ScheduleTemplate,
    Slot,
)
from scheduling.models.waiting import Offer, WaitlistEntry, WaitlistMember

__all__ = [
    "Appointment",
    "Offer",
    "Place",
    "PlaceQuerySet",
    "Schedule",
    "ScheduleQuerySet",
    "ScheduleTemplate",
    "Slot",
    "WaitlistEntry",
    "WaitlistMember",
]
