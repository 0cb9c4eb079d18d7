"""When and where (schedule), for whom a place is kept before it is booked (waiting), and places by lot (draw)."""

from scheduling.models.draw import Draw, DrawEntry, DrawMember
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
    "Draw",
    "DrawEntry",
    "DrawMember",
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
