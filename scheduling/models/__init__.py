"""When and where (schedule), for whom a place is kept before it is booked (waiting), places by lot (draw), and how many
the stock bears (capacity)."""

from scheduling.models.capacity import Displaced, StockFit
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
    "Displaced",
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
    "StockFit",
    "WaitlistEntry",
    "WaitlistMember",
]
