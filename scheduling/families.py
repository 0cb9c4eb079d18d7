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
from scheduling import booking, capacity, eligibility, errors, places, queries, tickets
from scheduling import family_statements as statements
from scheduling.models import Appointment, Place, Schedule, Slot

# How many sessions before or after the chosen one still count as coming together.
REACH = 2
LARGEST = 10
TRIES = 5

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
        statements.PICK, slot=slot_id, wanted=wanted, pools=[str(pool) for pool in pools], keys=list(keys),
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
            statements.HOLD, slot=slot_id, wanted=len(keys), pools=[str(Place.Pool.ONLINE)], keys=list(keys), now=now,
            anytime=False, keep=False, reach=REACH, until=now + timedelta(minutes=settings.HOLD_MINUTES),
        )  # fmt: skip
        if not rows:
            raise _Short
        return Held(min(row[2] for row in rows), {row[0]: row[1] for row in rows})

    slot = Slot.objects.select_related("schedule").get(pk=slot_id)
    try:
        return _until_it_fits(slot, len(keys), attempt, first=lambda: _lock_form(keys))
    except _Short:
        raise _why_not(slot, len(keys)) from None


def held(keys: Sequence[UUID], schedule_id: int, now: datetime) -> Held | None:
    """What these keys hold on one day; None unless every one of them has a place there whose time still runs."""
    rows = Place.objects.filter(
        state=Place.HELD, held_by__in=keys, held_until__gt=now, pool=Place.Pool.ONLINE, slot__schedule=schedule_id
    ).values_list("held_by", "slot_id", "held_until")
    found = {key: (slot_id, until) for key, slot_id, until in rows if key and until}
    if len(found) < len(keys):
        return None
    return Held(min(until for _, until in found.values()), {key: slot_id for key, (slot_id, _) in found.items()})


def _may_finish(schedule: Schedule, keys: Sequence[UUID], now: datetime) -> bool:
    """Past the walk-in hour: whether all still hold a place, so that they may finish the form they were promised."""
    return schedule.is_released(now) and schedule.is_walk_in_only(now) and held(keys, schedule.pk, now) is not None


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
        option = found.get(citizen.pk) or eligibility.for_schedule(citizen, schedule)
        found[citizen.pk] = option
        if not option.eligible:
            raise errors.NotEligible(option, schedule.date).about(citizen)
    keys = [booking.hold_key(citizen, schedule.programme_id) for citizen in citizens]

    def attempt() -> list[Appointment]:
        if answer := first_answer(client_uuid, citizens):
            return answer
        now = timezone.now()
        # Held places come first, so with all of them held nothing else is taken.
        late = _may_finish(schedule, keys, now)
        picked = pick(slot_id=slot_id, wanted=len(citizens), keys=keys, now=now, keep=True, anytime=late)
        if not picked:
            raise _Short
        return book_places(
            citizens=citizens, picked=picked, client_uuid=client_uuid, programme=schedule.programme_id,
            dose_codes=[found[citizen.pk].dose_code for citizen in citizens], answers=answers,
            booked_via=booked_via, now=now,
        )  # fmt: skip

    try:
        return _until_it_fits(slot, len(citizens), attempt, first=lambda: _lock(citizens))
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
        statements.BOOK,
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


def move_family(appointment_ids: Sequence[int], slot_id: int, *, sequence: int) -> list[Appointment]:
    """Move all of them side by side to another session; rows, codes and links stay.

    `sequence` is what `sequence_of` said when the page was shown: when it is another by now, the same form was sent
    before and nothing changes. Raises a subclass of BookingError. Locks the citizens, the schedule for families, the
    appointments, then the new and the old places.
    """
    slot = Slot.objects.select_related("schedule__vaccine").get(pk=slot_id)
    rows = Appointment.objects.filter(pk__in=appointment_ids).select_related("citizen", "schedule")
    citizens = [one.citizen for one in rows]

    def attempt() -> list[Appointment]:
        # Alone first: a row joined to its schedule would vanish when it was moved while we waited for it.
        alone = Appointment.objects.select_for_update(no_key=True).filter(pk__in=appointment_ids).order_by("pk")
        list(alone.values_list("pk"))
        locked = list(rows.order_by("pk"))
        if sequence_of(locked) != sequence:
            return locked
        found = [_may_move(one, slot) for one in locked]
        now = timezone.now()
        capacity.hold_still({one.schedule_id for one in locked})
        picked = pick(slot_id=slot_id, wanted=len(locked), now=now)
        if not picked:
            raise _Short
        slots = {one.pk: one for one in Slot.objects.select_related("schedule").filter(schedule=slot.schedule_id)}
        for one, option, place in zip(locked, found, picked, strict=True):
            booking.move_locked(one, slots[place.slot_id], option, place.place_id, now)
        return locked

    try:
        return _until_it_fits(slot, len(citizens), attempt, first=lambda: _lock(citizens))
    except _Short:
        raise _why_not(slot, len(citizens)) from None


@transaction.atomic
def cancel_family(appointment_ids: Sequence[int], *, reason: str = "") -> None:
    """Cancel all of them or none; cancelling twice changes nothing. Raises NotChangeable.

    Locks the appointments in order, then their places.
    """
    for pk in sorted(appointment_ids):
        booking.cancel(pk, reason=reason)


def sequence_of(appointments: Sequence[Appointment]) -> int:
    """A number that rises with every change of any of them."""
    return sum(one.sequence for one in appointments)


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


def _until_it_fits(slot: Slot, wanted: int, attempt: Callable[[], T], *, first: Callable[[], None]) -> T:
    """Run `attempt` in a transaction until it no longer comes up short; raises _Short when places really are too few.

    The first time families share the schedule; afterwards one at a time, so that two halves do not keep each other out.
    """
    for number in range(TRIES):
        try:
            with transaction.atomic():
                first()
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


def _may_move(appointment: Appointment, slot: Slot) -> Option:
    try:
        return booking.may_move(appointment, slot)
    except errors.BookingError as error:
        raise error.about(appointment.citizen) from None


def _lock(citizens: Sequence[Citizen]) -> None:
    rows = Citizen.objects.select_for_update(no_key=True).filter(pk__in=[citizen.pk for citizen in citizens])
    list(rows.order_by("pk").values_list("pk", flat=True))


def _lock_form(keys: Sequence[UUID]) -> None:
    # The same form sent twice at once holds once.
    places.run("SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 1))", key=str(min(keys)))


def _why_not(slot: Slot, wanted: int) -> errors.BookingError:
    """The reason in one error: closed before over before full, as for a single booking."""
    try:
        booking.check_bookable(slot.pk, timezone.now())
    except errors.BookingError as problem:
        return problem
    slots = queries.slots_of(slot.schedule_id)
    left = max((size for size in range(1, wanted) if arrangement(slots, slot.pk, size)), default=0)
    return errors.TooFewTogether(left, wanted) if left else errors.SlotFull()


def _conflict(citizens: Sequence[Citizen], programme: str, made: set[int]) -> errors.BookingError:
    for citizen in citizens:
        if citizen.pk not in made and (active := booking.active_appointment(citizen, programme)):
            return errors.AlreadyBooked(active).about(citizen)
    return errors.KeyBelongsToAnother()
