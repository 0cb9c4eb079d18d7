"""Places side by side for a family that waits: those that come free are gathered for it, for a limited time.

Freed places come one by one. Without this a family first in line would see each of them go to a single person behind
it for ever. So the first entry in line that needs several, may come on that day, and finds too few, has what is free
around one session kept back for it: GATHER_MINUTES long, once in 24 hours, one family per day and place at a time, and
never in the last GATHER_BEFORE_HOURS before a session. Then the places go on in order.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from scheduling import places
from scheduling.families import REACH
from scheduling.models import Place, Schedule, Slot, WaitlistEntry
from scheduling.waiting import waitlist
from scheduling.waiting.windows import Window

# The pools a place for somebody who waits can come from, or be in already.
FOR_WHO_WAITS = (Place.Pool.ONLINE, Place.Pool.OFFERED, Place.Pool.NEXT_DOSE)
AGAIN_AFTER = timedelta(hours=24)

# Out of everybody's sight; what somebody is taking at this moment is left to them.
KEEP_BACK = """
UPDATE scheduling_place SET pool = 'offered'
WHERE id IN (SELECT id FROM scheduling_place WHERE slot_id = ANY(%(slots)s::bigint[]) AND pool = 'online'
             AND state = 'free' ORDER BY id FOR UPDATE SKIP LOCKED)"""


@transaction.atomic
def gather(entry_id: int, schedule: Schedule, windows: Sequence[Window]) -> list[int]:
    """Keep back what is free around one session for a family; returns the sessions, none when it is not its time.

    Locks the entry, then the places. Takes them out of `windows`.
    """
    now = timezone.now()
    entry = waitlist.locked(entry_id)
    chosen = _around_best(schedule, windows, entry.members.filter(is_active=True).count(), now)
    if entry.state != WaitlistEntry.State.WAITING or not chosen or not may_gather(entry, schedule, now):
        return []
    if not _runs(entry, schedule, now):
        entry.gather_schedule, entry.gather_until = schedule, _until(chosen, now)
        entry.save(update_fields=["gather_schedule", "gather_until"])
    slots = [window.slot_id for window in chosen]
    places.count(KEEP_BACK, slots=slots)
    for window in chosen:
        window.left = 0
    return slots


def may_gather(entry: WaitlistEntry, schedule: Schedule, now: datetime) -> bool:
    """Whether places of this day are being gathered for the entry at `now`, or could be from now on."""
    if not settings.GATHER_MINUTES:
        return False
    return entry.gather_until is None or _runs(entry, schedule, now) or entry.gather_until + AGAIN_AFTER <= now


def _runs(entry: WaitlistEntry, schedule: Schedule, now: datetime) -> bool:
    return entry.gather_schedule_id == schedule.pk and entry.gather_until is not None and now < entry.gather_until


def _around_best(schedule: Schedule, windows: Sequence[Window], size: int, now: datetime) -> list[Window]:
    """The windows around the session with the most free places in reach, of those that begin late enough.

    Only where `size` people would fit if everybody else let go: else nothing would ever come of it.
    """
    earliest = now + timedelta(hours=settings.GATHER_BEFORE_HOURS)
    free = {window.slot_id: window for window in windows if window.left and window.starts_at > earliest}
    for_booking = Count("places", filter=Q(places__pool__in=FOR_WHO_WAITS))
    order = list(Slot.objects.filter(schedule=schedule).annotate(n=for_booking).order_by("starts_at", "pk"))
    reach = [order[max(0, at - REACH) : at + REACH + 1] for at in range(len(order))]
    around = [
        [free[slot.pk] for slot in slots if slot.pk in free] for slots in reach if sum(slot.n for slot in slots) >= size
    ]
    return max(around, key=lambda found: sum(window.left for window in found), default=[])


def _until(chosen: Sequence[Window], now: datetime) -> datetime:
    last = min(window.starts_at for window in chosen) - timedelta(hours=settings.GATHER_BEFORE_HOURS)
    return min(now + timedelta(minutes=settings.GATHER_MINUTES), last)
