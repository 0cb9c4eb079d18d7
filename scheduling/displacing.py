"""People whose place goes because a day is closed or made smaller: who, in batches, and at once another place for each.

Lock order: schedule, appointments, places, the StockFit row last (scheduling.capacity).
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import outbox
from scheduling import booking, capacity, errors, places, queries
from scheduling.models import Appointment, Displaced, Schedule, WaitlistEntry
from scheduling.waiting import offers, waitlist

NAMESPACE = UUID("0f2f7d0e-6c1f-4a4f-9d0b-6a1a4c1f0c55")
# Told, cancelled and offered another place in one transaction; the next batch is its own message, so that a crash
# repeats at most one.
BATCH = 100
# So many schedules, the nearest first, are asked for places at once; the rest is found by the sweeper.
NEAREST = 40

# Everybody booked, waiting for who is moving or cancelling at this moment: their place would come free unseen.
LOCK_PEOPLE = """
SELECT id FROM scheduling_appointment WHERE schedule_id = %(schedule)s AND status = 'booked'
ORDER BY id FOR NO KEY UPDATE"""

# Every place that nobody has, waiting for bookings in flight: once it is through, no booking can follow unseen.
LOCK_PLACES = """
SELECT place.id FROM scheduling_place place JOIN scheduling_slot slot ON slot.id = place.slot_id
WHERE slot.schedule_id = %(schedule)s AND place.state <> 'taken' ORDER BY place.id FOR UPDATE OF place"""

# A session keeps `keep` places. Who was served or stands at the desk stays, then who booked first;
# who booked last goes.
CHOOSE_PEOPLE = """
WITH keeps AS (SELECT * FROM unnest(%(slots)s::bigint[], %(keep)s::int[]) AS given (slot_id, keep)),
people AS (
    SELECT appointment.id, appointment.status, keeps.keep, row_number() OVER (
        PARTITION BY appointment.slot_id
        ORDER BY (appointment.status = 'booked'), appointment.booked_at, appointment.id) AS position
    FROM keeps JOIN scheduling_appointment appointment ON appointment.slot_id = keeps.slot_id
    WHERE appointment.status IN ('booked', 'arrived', 'fulfilled')
)
INSERT INTO scheduling_displaced (appointment_id, schedule_id, kind, reason, created_at)
SELECT id, %(schedule)s, %(kind)s, %(reason)s, %(now)s FROM people WHERE position > keep AND status = 'booked'
ON CONFLICT (appointment_id) DO UPDATE  -- they had to go once before, and moved by themselves
SET schedule_id = EXCLUDED.schedule_id, kind = EXCLUDED.kind, reason = EXCLUDED.reason, entry_id = NULL,
    created_at = EXCLUDED.created_at, done_at = NULL
WHERE scheduling_displaced.schedule_id <> EXCLUDED.schedule_id OR scheduling_displaced.done_at IS NOT NULL"""

# Free places close first: what is left to a session after its people, in the order of numbers.
CLOSE_PLACES = """
WITH keeps AS (SELECT * FROM unnest(%(slots)s::bigint[], %(keep)s::int[]) AS given (slot_id, keep)),
ranked AS (
    SELECT place.id, place.state, keeps.keep, row_number() OVER (
        PARTITION BY place.slot_id
        ORDER BY (place.state = 'taken') DESC, (place.state = 'held') DESC, (place.pool = 'unstocked'), place.number
    ) AS position
    FROM keeps JOIN scheduling_place place ON place.slot_id = keeps.slot_id WHERE place.pool <> 'closed'
)
UPDATE scheduling_place place SET pool = 'closed', state = 'free', held_until = NULL, held_by = NULL
FROM ranked WHERE place.id = ranked.id AND ranked.position > ranked.keep AND place.state <> 'taken'"""

# Back to where the stock puts them: `capacity.fit`, called next, opens what it bears.
OPEN_PLACES = """
UPDATE scheduling_place place SET pool = 'unstocked' FROM scheduling_slot slot
WHERE slot.id = place.slot_id AND slot.schedule_id = %(schedule)s AND place.pool = 'closed'"""


def take_places(schedule: Schedule, keep: dict[int, int], kind: str, reason: str) -> int:
    """Close places of a schedule the caller has locked until each session of `keep` has so many; returns how many
    people have to go. They are cancelled in batches by the outbox; their places close as they go. Locks the people
    booked, then the free places."""
    places.run(LOCK_PEOPLE, schedule=schedule.pk)
    places.run(LOCK_PLACES, schedule=schedule.pk)
    limits = {"slots": list(keep), "keep": list(keep.values())}
    places.count(CLOSE_PLACES, **limits)
    people = places.count(
        CHOOSE_PEOPLE, **limits, schedule=schedule.pk, kind=kind, reason=reason, now=timezone.now()
    )  # fmt: skip
    if people:
        outbox.add("schedule.displaced", schedule_id=schedule.pk)
    capacity.fit(schedule.facility_id, schedule.vaccine_id)
    return people


def give_back_places(schedule: Schedule) -> None:
    """Open the closed places of a schedule the caller has locked, as far as the stock bears; who is not cancelled yet
    keeps the place. People who were and still wait come first: their wait has the first priority."""
    Displaced.objects.filter(schedule=schedule, done_at__isnull=True).delete()
    places.count(OPEN_PLACES, schedule=schedule.pk)
    capacity.fit(schedule.facility_id, schedule.vaccine_id)


@transaction.atomic
def displace_batch(schedule_id: int) -> int:
    """Cancel the next people, put them first on the waiting list and offer them places elsewhere; returns how many.

    Runs in the transaction of its outbox message. Who has moved, cancelled or come to the desk meanwhile is left alone.
    People of one account are sought places side by side.
    """
    schedule = Schedule.objects.select_for_update(no_key=True, of=("self",)).get(pk=schedule_id)
    due = Displaced.objects.filter(schedule=schedule, done_at__isnull=True)
    rows = list(due.select_related("appointment__citizen").order_by("appointment__citizen__account", "pk")[:BATCH])
    wanted = [row.appointment_id for row in rows]
    booked = Appointment.objects.select_for_update(no_key=True).filter(
        pk__in=wanted, schedule=schedule, status=Appointment.Status.BOOKED
    )
    going = {row.pk: row for row in booked.order_by("pk")}
    for row in rows:
        if appointment := going.get(row.appointment_id):
            because = Appointment.Because.CLOSED if row.kind == Displaced.Kind.CLOSED else Appointment.Because.SHRUNK
            booking.cancel_locked(appointment, reason=row.reason, because=because)
    for row in rows:
        row.done_at = timezone.now()
    _seek(schedule, [row for row in rows if row.appointment_id in going])
    Displaced.objects.bulk_update(rows, ["done_at", "entry"])
    capacity.fit(schedule.facility_id, schedule.vaccine_id)
    if going:
        _offer_near(schedule)
    if len(rows) == BATCH:
        outbox.add("schedule.displaced", schedule_id=schedule_id)
    return len(rows)


def _seek(schedule: Schedule, rows: Sequence[Displaced]) -> None:
    today = timezone.localdate()
    last = max(today, schedule.date) + timedelta(days=settings.REOFFER_DAYS)
    for _account, group in groupby(rows, key=lambda row: row.appointment.citizen.account_id or -row.pk):
        family = list(group)
        try:
            entry = waitlist.join(
                citizens=[row.appointment.citizen for row in family], programme=schedule.programme_id, first=today,
                last=last, vaccine=schedule.vaccine, source=WaitlistEntry.Source.CLOSED, joined_via="system",
                client_uuid=uuid5(NAMESPACE, ",".join(str(row.pk) for row in family)),
            )  # fmt: skip
        except errors.AlreadyWaiting as error:
            entry = error.entry
        for row in family:
            row.entry = entry


def _offer_near(schedule: Schedule) -> None:
    queries.forget()  # places that came free a moment ago count
    for row in queries.alternatives(schedule, limit=NEAREST):
        offers.offer_free_places(row.schedule.pk)
