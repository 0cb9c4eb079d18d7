"""What other apps and pages may do with schedules and appointments."""

from scheduling.booking import (
    active_appointment,
    arrive,
    book,
    cancel,
    defer,
    find_by_ticket,
    fulfil,
    hold_key,
    hold_place,
    move,
    settle_after_dose,
    take_walk_in,
    unfulfil,
)
from scheduling.capacity import dose_given, fit_pairs
from scheduling.publishing import (
    close_schedule,
    plan,
    publish_from_template,
    publish_schedule,
    reopen_schedule,
)

__all__ = [
    "active_appointment",
    "arrive",
    "book",
    "cancel",
    "close_schedule",
    "defer",
    "dose_given",
    "find_by_ticket",
    "fit_pairs",
    "fulfil",
    "hold_key",
    "hold_place",
    "move",
    "plan",
    "publish_from_template",
    "publish_schedule",
    "reopen_schedule",
    "settle_after_dose",
    "take_walk_in",
    "unfulfil",
]
