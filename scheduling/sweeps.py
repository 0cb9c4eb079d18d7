"""What time does to places, and whom a facility expects; run by the sweeper every few seconds."""

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from accounts.territory import Territory
from regions.models import Facility
from scheduling import places
from scheduling.models import Appointment
from scheduling.waiting import offers, waitlist

_hour_ended: datetime | None = None


def tidy() -> int:
    """Return lapsed holds and unanswered offers, hand unclaimed places to the gate, end past days, offer what is free.

    Each step is harmless to run twice or in two workers. Past days are ended once an hour: who was locked at midnight,
    or let in as the day turned, may book again within the hour. Returns 0, since no more is left to do.
    """
    global _hour_ended
    now = timezone.now()
    offers.expire_due(now)
    offers.withdraw_lost()
    places.release_expired_holds(now)
    places.fall_to_walk_in(now)
    hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    if _hour_ended != hour:
        places.end_past_days(now)
        waitlist.end_past(hour.date())
        _hour_ended = hour
    offers.offer_everywhere()
    return 0


def expected_citizens(territory: Territory) -> Q:
    """Staff of a facility may open whoever has an appointment there."""
    if not territory.facility_ids and not territory.kecamatan_codes:
        return Q(pk__in=[])
    facilities = Facility.objects.filter(territory.facility_filter())
    return Q(pk__in=Appointment.objects.filter(schedule__facility__in=facilities).values("citizen_id"))
