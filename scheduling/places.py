"""The statements that take, hold and give back places (docs/adr/0001-place-rows.md).

Each picks rows with FOR UPDATE SKIP LOCKED, so nobody waits behind somebody else's place. All conditions that decide
whether a place may be taken stand in the statement itself: an expired hold, a closed schedule or the walk-in hour need
no worker to take effect. Times come from the caller, as one clock per request.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.prepared import Prepared
from scheduling.waiting.statements import GIVE_BACK

_OPEN = """
open_slot AS (
    SELECT slot.id, slot.schedule_id, schedule.programme_id
    FROM scheduling_slot slot JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    WHERE slot.id = %(slot)s AND schedule.state = 'open' AND slot.ends_at > %(now)s
      AND (schedule.release_at IS NULL OR schedule.release_at <= %(now)s)
      AND (schedule.walk_in_at IS NULL OR schedule.walk_in_at > %(now)s {or_else})
)"""

# The slot when citizens may book it now: released, open, not over, and not yet handed to the gate.
OPEN_SLOT = _OPEN.format(or_else="")

# The same for who holds a place there: the walk-in hour does not cut short the minutes their form was promised.
OPEN_SLOT_TO_HOLDER = _OPEN.format(
    or_else="""
           OR EXISTS (SELECT FROM scheduling_place place WHERE place.slot_id = slot.id AND place.state = 'held'
                      AND place.held_by = %(hold)s AND place.held_until >= %(now)s AND place.pool = 'online')"""
)

MINE = """
    SELECT id, slot_id FROM scheduling_place
    WHERE EXISTS (SELECT FROM open_slot)
      AND slot_id = %(slot)s AND state = 'held' AND held_by = %(hold)s AND pool = 'online'
    LIMIT 1 FOR UPDATE"""

PICK_HELD = "picked AS MATERIALIZED (" + MINE + ")"

# The caller's held place first, then a free one, then one whose hold has run out. A step is only evaluated when the one
# before found nothing, and each names the slot itself: through a join the planner would sort all places of the slot.
_OTHERS = """
free AS MATERIALIZED (
    SELECT id, slot_id FROM scheduling_place
    WHERE EXISTS (SELECT FROM open_slot) AND NOT EXISTS (SELECT FROM mine)
      AND slot_id = %(slot)s AND state = 'free' AND pool = 'online'
    ORDER BY slot_id, pool, number LIMIT 1 FOR UPDATE SKIP LOCKED
), lapsed AS MATERIALIZED (
    SELECT id, slot_id FROM scheduling_place
    WHERE EXISTS (SELECT FROM open_slot) AND NOT EXISTS (SELECT FROM mine) AND NOT EXISTS (SELECT FROM free)
      AND slot_id = %(slot)s AND state = 'held' AND held_until < %(now)s AND pool = 'online'
    LIMIT 1 FOR UPDATE SKIP LOCKED
), picked AS (
    SELECT * FROM mine UNION ALL SELECT * FROM free UNION ALL SELECT * FROM lapsed
)"""
PICK_PLACE = "mine AS MATERIALIZED (" + MINE + ")," + _OTHERS


def _with(*steps: str, last: str) -> str:
    return "WITH " + ",".join(steps) + last


BOOKED = """
booked AS (
    INSERT INTO scheduling_appointment (
        public_id, code, citizen_id, programme_id, schedule_id, slot_id, dose_code, status, client_uuid, pre_screening,
        questionnaire_id, booked_at, changed_at, sequence, cancel_reason, cancelled_because, booked_via)
    SELECT %(public_id)s::uuid, %(code)s, %(citizen)s::bigint, open_slot.programme_id, open_slot.schedule_id,
        open_slot.id, %(dose_code)s, 'booked', %(client_uuid)s::uuid, %(pre_screening)s::jsonb,
        %(questionnaire)s::bigint, %(now)s::timestamptz, %(now)s, 0, '', '', %(booked_via)s
    FROM picked JOIN open_slot ON open_slot.id = picked.slot_id
    -- One active appointment per citizen and programme, one answer per request key: the indexes decide, and the
    -- place stays free when they say no.
    ON CONFLICT DO NOTHING
    RETURNING id, programme_id, schedule_id
), taken AS (
    UPDATE scheduling_place place
    SET state = 'taken', appointment_id = booked.id, held_until = NULL, held_by = NULL
    FROM picked, booked WHERE place.id = picked.id
), news AS (
    INSERT INTO core_outboxmessage (
        topic, consumer, payload, created_at, state, available_at, attempts, last_error)
    SELECT 'appointment.booked', consumer, json_build_object('appointment_id', booked.id), %(now)s, 'waiting', %(now)s,
        0, ''
    FROM booked, unnest(%(consumers)s::text[]) AS consumer
)"""
_BOOKED_ROW = " SELECT id, programme_id, schedule_id FROM booked"

BOOK = Prepared("book_place", _with(OPEN_SLOT, PICK_PLACE, BOOKED, last=_BOOKED_ROW))

# Nearly everybody books the place they hold: without the steps for the others this takes a seventh less of the server.
BOOK_HELD = Prepared("book_held_place", _with(OPEN_SLOT_TO_HOLDER, PICK_HELD, BOOKED, last=_BOOKED_ROW))

HOLD = Prepared(
    "hold_place",
    _with(
        OPEN_SLOT,
        PICK_PLACE,
        """
held AS (
    UPDATE scheduling_place place
    SET state = 'held', held_by = %(hold)s,
        -- A hold that still runs is not made longer by asking again.
        held_until = CASE WHEN place.state = 'held' AND place.held_by = %(hold)s AND place.held_until >= %(now)s
                     THEN place.held_until ELSE %(until)s END
    FROM picked WHERE place.id = picked.id
    RETURNING place.id, place.held_until
), others AS (
    -- One form, one hold: choosing another session gives the first one back.
    UPDATE scheduling_place place SET state = 'free', held_by = NULL, held_until = NULL
    FROM held WHERE place.state = 'held' AND place.held_by = %(hold)s AND place.id <> held.id
)""",
        # Nobody waits for the disk: what a crash loses is a hold that ran out early, never a booking. Ends with the
        # transaction, so a hold is never taken inside one that books.
        last=" SELECT held_until, set_config('synchronous_commit', 'off', true) FROM held",
    ),
)

# What a form has come to: the ticket it made already, and until when a place is held for it.
SO_FAR = Prepared(
    "so_far",
    """
    SELECT (SELECT public_id FROM scheduling_appointment WHERE client_uuid = %(key)s AND citizen_id = %(citizen)s),
        (SELECT held_until FROM scheduling_place
         WHERE slot_id = %(slot)s AND state = 'held' AND held_by = %(hold)s ORDER BY id LIMIT 1)""",
)

ACTIVE_APPOINTMENT = Prepared(
    "active_appointment",
    """
    SELECT id FROM scheduling_appointment
    WHERE citizen_id = %(citizen)s AND programme_id = %(programme)s AND status IN ('booked', 'arrived')""",
)

# The same of a row `citizen` in all programmes: {programme: appointment}.
ACTIVE_OF_CITIZEN = """(
    SELECT coalesce(json_object_agg(programme_id, id), '{}')
    FROM scheduling_appointment WHERE citizen_id = citizen.id AND status IN ('booked', 'arrived'))"""

TAKE_ONLINE = _with(OPEN_SLOT, PICK_PLACE, last=" SELECT id FROM picked")

# A place for somebody at the gate: walk-in places, and after the hour what nobody booked online. The session that runs
# or comes next first; a place of an earlier session is as good once those are gone.
TAKE_WALK_IN = """
SELECT place.id, place.slot_id
FROM scheduling_place place
JOIN scheduling_slot slot ON slot.id = place.slot_id
JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
WHERE slot.schedule_id = %(schedule)s AND schedule.state = 'open'
  AND (place.pool = 'walk_in' OR (place.pool = 'online' AND schedule.walk_in_at <= %(now)s))
  AND (place.state = 'free' OR (place.state = 'held' AND place.held_until < %(now)s))
ORDER BY (slot.ends_at > %(now)s) DESC, slot.starts_at, place.number
LIMIT 1 FOR UPDATE OF place SKIP LOCKED"""

# The places of an offer end with the offer (waiting.statements.EXPIRE), never apart from it.
RELEASE_EXPIRED = """
UPDATE scheduling_place SET state = 'free', held_until = NULL, held_by = NULL
WHERE id IN (SELECT id FROM scheduling_place WHERE state = 'held' AND held_until < %(now)s
               AND pool NOT IN ('offered', 'next_dose')
             ORDER BY id FOR UPDATE SKIP LOCKED)"""

FALL_TO_WALK_IN = """
UPDATE scheduling_place SET pool = 'walk_in', state = 'free', held_until = NULL, held_by = NULL
WHERE id IN (
    SELECT place.id FROM scheduling_schedule schedule
    JOIN scheduling_slot slot ON slot.schedule_id = schedule.id JOIN scheduling_place place ON place.slot_id = slot.id
    WHERE schedule.date BETWEEN %(first)s AND %(last)s AND schedule.state = 'open' AND schedule.walk_in_at <= %(now)s
      AND place.pool = 'online' AND (place.state = 'free' OR (place.state = 'held' AND place.held_until < %(now)s))
    ORDER BY place.id FOR UPDATE OF place SKIP LOCKED)"""

# A day that is over: who did not come, who came and was not vaccinated; their places are no longer anybody's.
END_OF_DAY = """
WITH gone AS (
    UPDATE scheduling_appointment
    SET status = CASE status WHEN 'booked' THEN 'noshow' ELSE 'deferred' END, changed_at = %(now)s
    WHERE id IN (
        SELECT appointment.id FROM scheduling_appointment appointment
        JOIN scheduling_schedule schedule ON schedule.id = appointment.schedule_id
        WHERE appointment.status IN ('booked', 'arrived') AND schedule.date < %(today)s
        ORDER BY appointment.id FOR UPDATE OF appointment SKIP LOCKED)
    RETURNING id
)
UPDATE scheduling_place place SET state = 'free', appointment_id = NULL
FROM gone WHERE place.appointment_id = gone.id"""


def run(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Run one of the statements above and return its rows, or nothing for one without rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def count(statement: str, **values: Any) -> int:
    """Run one of the statements above and return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def hold(slot_id: int, key: UUID, now: datetime | None = None) -> datetime | None:
    """Hold one online place for `key` and return until when, or None when there is none to hold.

    One key holds one place: the place of another session comes free in the same statement. A running hold of the same
    session keeps its time, so nobody sits on a place by asking again.
    """
    now = now or timezone.now()
    until = now + timedelta(minutes=settings.HOLD_MINUTES)
    rows = HOLD.rows(slot=slot_id, hold=key, now=now, until=until)
    return rows[0][0] if rows else None


def so_far(key: UUID, citizen_id: int, slot_id: int, hold_key: UUID) -> tuple[UUID | None, datetime | None]:
    """The ticket that the form with this key has made, and until when a place of this session is held, if any."""
    made, until = SO_FAR.rows(key=key, citizen=citizen_id, slot=slot_id, hold=hold_key)[0]
    return made, until


def give_back(appointment_id: int, pool: str | None = None) -> None:
    """Free the place of an appointment, into `pool` when one is named; runs in the caller's transaction.

    A place for which somebody waits goes to the waiting list in the same statement, before anybody else can see it.
    """
    now = timezone.now()
    count(GIVE_BACK, appointment=appointment_id, pool=pool and str(pool), now=now, soon=soon(now))


def soon(now: datetime) -> datetime:
    """Sessions that start before this leave no time to answer an offer."""
    return now + timedelta(minutes=settings.OFFER_LEAST_MINUTES)


def release_expired_holds(now: datetime | None = None) -> int:
    """Give back what lapsed holds kept; tidiness only, since every taker treats a lapsed hold as free."""
    return count(RELEASE_EXPIRED, now=now or timezone.now())


def fall_to_walk_in(now: datetime | None = None) -> int:
    """Hand unclaimed online places to the gate where the schedule's hour has come (RULES L-5)."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    return count(FALL_TO_WALK_IN, now=now, first=today - timedelta(days=1), last=today)


def end_past_days(now: datetime | None = None) -> int:
    """Mark people who did not come on days before today, and free their places; returns how many."""
    now = now or timezone.now()
    return count(END_OF_DAY, now=now, today=timezone.localdate(now))
