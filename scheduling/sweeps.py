"""What time does to places, and whom a facility expects; run by the sweeper every few seconds."""

from datetime import date

from django.db.models import Q
from django.utils import timezone

from accounts.territory import Territory
from regions.models import Facility
from scheduling import places
from scheduling.models import Appointment
from scheduling.waiting import offers, waitlist

_day_ended_for: date | None = None


def tidy() -> int:
    """Return lapsed holds and unanswered offers, hand unclaimed places to the gate, end past days, offer what is free.

    Each step is harmless to run twice or in two workers. Past days only need ending once a day. Returns 0, since no
    more is left to do.
    """
    global _day_ended_for
    now = timezone.now()
    offers.expire_due(now)
    offers.withdraw_lost()
    places.release_expired_holds(now)
    places.fall_to_walk_in(now)
    today = timezone.localdate(now)
    if _day_ended_for != today:
        places.end_past_days(now)
        waitlist.end_past(today)
        _day_ended_for = today
    offers.offer_everywhere()
    return 0


def expected_citizens(territory: Territory) -> Q:
    """Staff of a facility may open whoever has an appointment there."""
    if not territory.facility_ids and not territory.kecamatan_codes:
        return Q(pk__in=[])
    facilities = Facility.objects.filter(territory.facility_filter())
    return Q(pk__in=Appointment.objects.filter(schedule__facility__in=facilities).values("citizen_id"))
