"""A family side by side: n places in one session, or in sessions that follow each other without a gap, all or none.

The lock order is that of a single booking with one step between: citizen, schedule (advisory, families only), place.
Places are picked with FOR UPDATE SKIP LOCKED, so a family never waits for a place; two families that each see half of
the last places would both go away with nothing, therefore who comes up short tries again with the schedule to itself.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import outbox, sweeper
from programmes.rules import Option
from registration.models import Citizen
from scheduling import booking, eligibility, errors, places, queries, tickets
from scheduling.models import Appointment, Place, Slot

# How many sessions before or after the chosen one still count as coming together.
REACH = 2
LARGEST = 10
TRIES = 5

# A place for these people: free, lapsed, or already held under one of their keys.
_USABLE = """place.pool = ANY(%(pools)s) AND (
    place.state = 'free' OR (place.state = 'held' AND (place.held_until < %(now)s
                                                       OR place.held_by = ANY(%(keys)s::uuid[]))))"""

# `near` are the sessions that can be reached from the chosen one over sessions that all have a place. What another
# statement has locked is skipped, which may tear a hole, so `enough` judges what was really picked.
_PICK = """
sessions AS MATERIALIZED (
    SELECT slot.id, row_number() OVER (ORDER BY slot.starts_at) AS ordinal,
           EXISTS (SELECT FROM scheduling_place place WHERE place.slot_id = slot.id AND USABLE) AS has_place
    FROM scheduling_slot slot JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    WHERE slot.schedule_id = (SELECT schedule_id FROM scheduling_slot WHERE id = %(slot)s)
      AND schedule.state = 'open' AND slot.ends_at > %(now)s
      AND (%(anytime)s OR ((schedule.release_at IS NULL OR schedule.release_at <= %(now)s)
                           AND (schedule.walk_in_at IS NULL OR schedule.walk_in_at > %(now)s)))
), near AS MATERIALIZED (
    SELECT session.id, session.ordinal - chosen.ordinal AS step
    FROM sessions session JOIN sessions chosen ON chosen.id = %(slot)s
    WHERE abs(session.ordinal - chosen.ordinal) <= %(reach)s
      AND NOT EXISTS (SELECT FROM sessions gap WHERE NOT gap.has_place AND gap.ordinal
                      BETWEEN least(session.ordinal, chosen.ordinal) AND greatest(session.ordinal, chosen.ordinal))
), picked AS MATERIALIZED (
    SELECT place.id, place.slot_id, place.number, near.step,
           coalesce(place.held_by = ANY(%(keys)s::uuid[]) AND place.held_until >= %(now)s, false) AS running
    FROM near JOIN scheduling_place place ON place.slot_id = near.id
    WHERE USABLE
    ORDER BY %(keep)s AND place.state = 'held' AND place.held_by = ANY(%(keys)s::uuid[]) DESC,
             abs(near.step), near.step DESC,
             coalesce(place.held_by = ANY(%(keys)s::uuid[]), false) DESC, place.number
    LIMIT %(wanted)s FOR UPDATE OF place SKIP LOCKED
), enough AS (
    SELECT FROM picked
    HAVING count(*) = %(wanted)s AND count(DISTINCT step) = max(step) - min(step) + 1
       AND min(step) <= 0 AND max(step) >= 0
)""".replace("USABLE", _USABLE)

PICK = places._with(
    _PICK, last=" SELECT picked.id, picked.slot_id FROM picked, enough ORDER BY picked.step, picked.number"
)

# Keys get the places in the order of the day, as members will when they are booked. A hold that runs is not made longer
# by asking again; a family that has one place too few gets a new time for all of them.
HOLD = places._with(
    _PICK,
    """
keyed AS (
    SELECT picked.id, (%(keys)s::uuid[])[row_number() OVER (ORDER BY picked.step, picked.number)] AS key,
           bool_and(picked.running) OVER () AS running
    FROM picked, enough
), held AS (
    UPDATE scheduling_place place
    SET state = 'held', held_by = keyed.key,
        held_until = CASE WHEN keyed.running THEN place.held_until ELSE %(until)s END
    FROM keyed WHERE place.id = keyed.id
    RETURNING place.id, place.slot_id, place.held_by, place.held_until
), others AS (
    UPDATE scheduling_place place SET state = 'free', held_by = NULL, held_until = NULL
    WHERE place.id IN (
        SELECT old.id FROM scheduling_place old
        WHERE old.state = 'held' AND old.held_by = ANY(%(keys)s::uuid[])
          AND EXISTS (SELECT FROM held) AND old.id NOT IN (SELECT id FROM held)
        FOR UPDATE SKIP LOCKED)
)""",
    last=" SELECT held_by, slot_id, held_until FROM held",
)

BOOK = """
WITH wanted AS (
    SELECT * FROM unnest(
        %(places)s::bigint[], %(slots)s::bigint[], %(citizens)s::bigint[], %(public_ids)s::uuid[], %(codes)s::text[],
        %(dose_codes)s::text[], %(client_uuids)s::uuid[], %(pre_screenings)s::text[], %(questionnaires)s::bigint[])
    AS wanted (place_id, slot_id, citizen_id, public_id, code, dose_code, client_uuid, pre_screening, questionnaire_id)
), booked AS (
    INSERT INTO scheduling_appointment (
        public_id, code, citizen_id, programme_id, schedule_id, slot_id, dose_code, status, client_uuid, pre_screening,
        questionnaire_id, booked_at, changed_at, sequence, cancel_reason, cancelled_because, booked_via)
    SELECT wanted.public_id, wanted.code, wanted.citizen_id, schedule.programme_id, schedule.id, slot.id,
        wanted.dose_code, 'booked', wanted.client_uuid, wanted.pre_screening::jsonb,
        wanted.questionnaire_id, %(now)s, %(now)s, 0, '', '', %(booked_via)s
    FROM wanted JOIN scheduling_slot slot ON slot.id = wanted.slot_id
    JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    ORDER BY wanted.citizen_id
    ON CONFLICT DO NOTHING
    RETURNING id, citizen_id
), taken AS (
    UPDATE scheduling_place place
    SET state = 'taken', appointment_id = booked.id, held_until = NULL, held_by = NULL
    FROM booked JOIN wanted ON wanted.citizen_id = booked.citizen_id WHERE place.id = wanted.place_id
), others AS (
    -- What a second tab still held for these people. Locked is in use: waiting here could be for one who waits for us.
    UPDATE scheduling_place place SET state = 'free', held_by = NULL, held_until = NULL
    WHERE place.id IN (
        SELECT old.id FROM scheduling_place old
        WHERE old.state = 'held' AND old.held_by = ANY(%(keys)s::uuid[]) AND old.pool = 'online'
          AND old.id <> ALL(%(places)s::bigint[])
        FOR UPDATE SKIP LOCKED)
), news AS (
    INSERT INTO core_outboxmessage (
        topic, consumer, payload, created_at, state, available_at, attempts, last_error)
    SELECT 'appointment.booked', consumer, json_build_object('appointment_id', booked.id), %(now)s, 'waiting', %(now)s,
        0, ''
    FROM booked, unnest(%(consumers)s::text[]) AS consumer
)
SELECT id, citizen_id FROM booked"""

T = TypeVar("T")


@dataclass(frozen=True)
class Picked:
    """A place locked for one member in the caller's transaction."""

    place_id: int
    slot_id: int


@dataclass(frozen=True)
class Held:
    """Until when all places of a family are held, and in which session each key has its place."""

    until: datetime
    slots: dict[UUID, int]


@dataclass(frozen=True)
class Answers:
    """What one member answered at home, as it is stored with the appointment."""

    pre_screening: dict[str, Any] | None = None
    questionnaire_id: int | None = None


class _Short(Exception):
    """Not enough was picked; rolls the attempt back."""


def pick(
    *,
    slot_id: int,
    wanted: int,
    pools: Sequence[str] = (Place.Pool.ONLINE,),
    keys: Sequence[UUID] = (),
    now: datetime | None = None,
    anytime: bool = False,
    keep: bool = False,
) -> list[Picked]:
    """Lock `wanted` places side by side, the chosen session first, then the nearest, and return them by time of day.

    All or none: an empty list means there are not enough that nobody else is busy with. `anytime` leaves out the
    release and the walk-in hour, for places kept for somebody; `keys` may take what is held under them, with `keep`
    before any other. One statement; must run in a transaction, which keeps the locks. Waits for nobody.
    """
    rows = places.run(
        PICK, slot=slot_id, wanted=wanted, pools=[str(pool) for pool in pools], keys=list(keys),
        now=now or timezone.now(), anytime=anytime, keep=keep, reach=REACH,
    )  # fmt: skip
    return [Picked(*row) for row in rows]


def hold_family(*, slot_id: int, keys: Sequence[UUID]) -> Held:
    """Hold a place for each key, side by side, all or none, for settings.HOLD_MINUTES.

    Asking again keeps the time; other places of these keys come free in the same statement. Raises TooFewTogether,
    SlotFull, SlotOver, ScheduleClosed, NotReleasedYet, WalkInOnly. Locks the schedule for families, then the places.
    """

    def attempt() -> Held:
        now = timezone.now()
        rows = places.run(
            HOLD, slot=slot_id, wanted=len(keys), pools=[str(Place.Pool.ONLINE)], keys=list(keys), now=now,
            anytime=False, keep=False, reach=REACH, until=now + timedelta(minutes=settings.HOLD_MINUTES),
        )  # fmt: skip
        if not rows:
            raise _Short
        return Held(min(row[2] for row in rows), {row[0]: row[1] for row in rows})

    slot = Slot.objects.select_related("schedule").get(pk=slot_id)
    try:
        return _until_it_fits(slot, len(keys), attempt, alone=keys[0])
    except _Short:
        raise _why_not(slot, len(keys)) from None


def book_family(
    *,
    citizens: Sequence[Citizen],
    slot_id: int,
    client_uuid: UUID,
    answers: Mapping[int, Answers] | None = None,
    options: Mapping[int, Option] | None = None,
    booked_via: str = "web",
    held: bool = False,
) -> list[Appointment]:
    """Book a place for each of `citizens` side by side and return the appointments in their order: all or none.

    The same `client_uuid` returns the first answer. `answers` and `options` are keyed by the person's primary key; an
    option is the rules' answer when this very request has asked them already. Held places come first. Each person's
    appointment writes its own news. Raises a subclass of BookingError, with `citizen` where one person is the reason:
    TooFewTogether, SlotFull, HoldExpired, SlotOver, ScheduleClosed, NotReleasedYet, WalkInOnly, AlreadyBooked,
    NotEligible, KeyBelongsToAnother. Locks the citizens, the schedule for families, then the places.
    """
    if answer := first_answer(client_uuid, citizens):
        return answer
    slot = Slot.objects.select_related("schedule__vaccine").get(pk=slot_id)
    schedule = slot.schedule
    found = dict(options or {})
    for citizen in citizens:
        option = found.setdefault(citizen.pk, eligibility.for_schedule(citizen, schedule))
        if not option.eligible:
            raise _about(errors.NotEligible(option, schedule.date), citizen)
    keys = [booking.hold_key(citizen, schedule.programme_id) for citizen in citizens]

    def attempt() -> list[Appointment]:
        list(_citizens_locked(citizens))
        if answer := first_answer(client_uuid, citizens):
            return answer
        now = timezone.now()
        picked = pick(slot_id=slot_id, wanted=len(citizens), keys=keys, now=now, keep=True)
        if not picked:
            raise _Short
        return book_places(
            citizens=citizens, picked=picked, client_uuid=client_uuid, programme=schedule.programme_id,
            dose_codes=[found[citizen.pk].dose_code for citizen in citizens], answers=answers,
            booked_via=booked_via, now=now,
        )  # fmt: skip

    try:
        return _until_it_fits(slot, len(citizens), attempt)
    except _Short:
        problem = _why_not(slot, len(citizens))
        full = isinstance(problem, errors.SlotFull | errors.TooFewTogether)
        raise (errors.HoldExpired() if held and full else problem) from None


def book_places(
    *,
    citizens: Sequence[Citizen],
    picked: Sequence[Picked],
    client_uuid: UUID,
    dose_codes: Sequence[str],
    programme: str,
    answers: Mapping[int, Answers] | None = None,
    booked_via: str = "web",
    now: datetime | None = None,
) -> list[Appointment]:
    """Give each of `citizens` the place at the same position of `picked`, with appointments and news, in one statement.

    For places that the caller has locked in this transaction, such as those of an offer. Raises AlreadyBooked or
    KeyBelongsToAnother when one of them cannot be booked: the caller's transaction must then roll back.
    """
    now = now or timezone.now()
    given = answers or {}
    forms = [given.get(citizen.pk, Answers()) for citizen in citizens]
    rows = places.run(
        BOOK,
        places=[one.place_id for one in picked],
        slots=[one.slot_id for one in picked],
        citizens=[citizen.pk for citizen in citizens],
        public_ids=[uuid4() for _ in citizens],
        codes=[tickets.new_code() for _ in citizens],
        dose_codes=list(dose_codes),
        client_uuids=[key_of(client_uuid, citizen) for citizen in citizens],
        pre_screenings=[None if one.pre_screening is None else json.dumps(one.pre_screening) for one in forms],
        questionnaires=[one.questionnaire_id for one in forms],
        keys=[booking.hold_key(citizen, programme) for citizen in citizens],
        consumers=outbox.consumers_of("appointment.booked"),
        booked_via=booked_via,
        now=now,
    )
    if len(rows) < len(citizens):
        raise _conflict(citizens, programme, {citizen_id for _, citizen_id in rows})
    transaction.on_commit(sweeper.wake, robust=True)
    return first_answer(client_uuid, citizens)


def key_of(client_uuid: UUID, citizen: Citizen) -> UUID:
    """The request key of one member of a family's request."""
    return uuid5(client_uuid, str(citizen.public_id))


def first_answer(client_uuid: UUID, citizens: Sequence[Citizen]) -> list[Appointment]:
    """What this request made before, in the order of `citizens`; empty unless it made all of it."""
    keys = [key_of(client_uuid, citizen) for citizen in citizens]
    rows = Appointment.objects.filter(client_uuid__in=keys, citizen__in=citizens)
    found = {row.client_uuid: row for row in rows.select_related("citizen", "slot", "schedule__facility", "programme")}
    return [found[key] for key in keys] if len(found) == len(keys) else []


def arrangement(slots: Sequence[queries.SlotRow], slot_id: int, wanted: int) -> list[tuple[queries.SlotRow, int]]:
    """How `wanted` people would sit when they choose this session, by time of day; empty when they do not fit.

    The same choice as PICK, for a page that only says what would be; the statement decides.
    """
    chosen = next((index for index, slot in enumerate(slots) if slot.id == slot_id), None)
    if chosen is None:
        return []
    taken: dict[int, int] = {}
    for step in sorted(range(-REACH, REACH + 1), key=lambda step: (abs(step), -step)):
        between = range(chosen, chosen + step + (1 if step >= 0 else -1), 1 if step >= 0 else -1)
        if all(0 <= index < len(slots) and slots[index].places_left and not slots[index].over for index in between):
            here = min(slots[chosen + step].places_left, wanted - sum(taken.values()))
            if here:
                taken[chosen + step] = here
    return [(slots[index], taken[index]) for index in sorted(taken)] if sum(taken.values()) == wanted else []


def most_together(slots: Sequence[queries.SlotRow], most: int = LARGEST) -> int:
    """The largest family, up to `most`, that fits anywhere on this day."""
    return next(
        (size for size in range(most, 0, -1) if any(arrangement(slots, slot.id, size) for slot in slots)),
        0,
    )


def _until_it_fits(slot: Slot, wanted: int, attempt: Callable[[], T], *, alone: UUID | None = None) -> T:
    """Run `attempt` in a transaction until it no longer comes up short; raises _Short when places really are too few.

    The first time families share the schedule; afterwards one at a time, so that two halves do not keep each other out.
    """
    for number in range(TRIES):
        try:
            with transaction.atomic():
                if alone:  # the same form sent twice at once holds once
                    places.run("SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 1))", key=str(alone))
                shared = "_shared" if number == 0 else ""
                places.run(
                    f"SELECT pg_advisory_xact_lock{shared}(hashtextextended(%(key)s, 2))", key=f"{slot.schedule_id}"
                )
                return attempt()
        except _Short:
            if number == TRIES - 1 or not arrangement(queries.slots_of(slot.schedule_id), slot.pk, wanted):
                raise
            time.sleep(0.004 * 2**number)
    raise _Short


def _citizens_locked(citizens: Sequence[Citizen]) -> Any:
    rows = Citizen.objects.select_for_update(no_key=True).filter(pk__in=[citizen.pk for citizen in citizens])
    return rows.order_by("pk").values_list("pk", flat=True)


def _why_not(slot: Slot, wanted: int) -> errors.BookingError:
    """The reason in one error: closed before over before full, as for a single booking."""
    slot.schedule.refresh_from_db()
    try:
        booking._check_bookable(slot, timezone.now())
    except errors.BookingError as problem:
        return problem
    slots = queries.slots_of(slot.schedule_id)
    left = max((size for size in range(1, wanted) if arrangement(slots, slot.pk, size)), default=0)
    return errors.TooFewTogether(left, wanted) if left else errors.SlotFull()


def _conflict(citizens: Sequence[Citizen], programme: str, made: set[int]) -> errors.BookingError:
    for citizen in citizens:
        if citizen.pk not in made and (active := booking.active_appointment(citizen, programme)):
            return _about(errors.AlreadyBooked(active), citizen)
    return errors.KeyBelongsToAnother()


def _about(error: errors.BookingError, citizen: Citizen) -> errors.BookingError:
    error.citizen = citizen
    return error
