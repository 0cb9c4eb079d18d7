"""A release with more people than places, some of them bots, against the portal's own admission and booking code.

The people and their clock are simulated; turns, shuffle, controller, passes, holds and bookings are the real ones on
the real PostgreSQL and Redis. A bounded sample goes through real HTTP besides (bench.rush_http).

A bot is an account with one NIK, like everybody: it is there early, asks a hundred times as often, comes back from
other phones, and fills the form a hundred times as fast.
"""

import heapq
import itertools
import multiprocessing
import os
import random
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from django.db import connection
from django.utils import timezone

from bench.load import LoadFailed
from bench.people import Person, make_people

FORM_SECONDS = 150.0  # a person, from the door to the ticket
CHOOSE_SHARE = 0.2  # of that until a session is chosen and held
BOT_SPEED = 100.0
FORMS_AT_ONCE = 1500  # what the simulated web bears before pages grow slow


@dataclass(frozen=True)
class Plan:
    """Who comes. Shares of humans: `late` arrive after the release, `absent` do not come when called."""

    arrivals: int = 50_000
    places: int = 9_000
    bots: float = 0.05
    late: float = 0.05
    absent: float = 0.03
    seed: int = 1
    processes: int = 4


@dataclass
class Actor:
    """One simulated person."""

    person: Person
    is_bot: bool
    turn: uuid.UUID | None = None
    key: uuid.UUID = field(default_factory=uuid.uuid4)
    slot: int = 0


@dataclass(frozen=True)
class Result:
    """What the release came to."""

    arrivals: int
    places: int
    sold: int
    over: int
    bot_places: int
    bot_share: float
    fair_share: float
    ratio: float
    turns: int
    double_turns: int
    virtual_minutes: float
    seconds: dict[str, float]
    outcomes: dict[str, int]


def run(
    plan: Plan,
    slots: Sequence[int],
    *,
    before_release: Callable[[Any], None] = lambda room: None,
    midway: Callable[[int], None] = lambda room_id: None,
) -> Result:
    """Play one release of `slots` (ids of open sessions with plan.places online places in all).

    `before_release(room)` may send visitors of its own into the room; `midway(room_id)` is when half the places are
    gone. Leaves the room closed.
    """
    from admission import clock, rooms
    from admission.models import Room, Turn

    dice = random.Random(plan.seed)  # noise of a simulation, repeatable
    watch = Stopwatch()
    actors = [Actor(person, n < plan.arrivals * plan.bots) for n, person in enumerate(make_people(plan.arrivals))]
    humans = [actor for actor in actors if not actor.is_bot]
    late = set(map(id, dice.sample(humans, int(len(humans) * plan.late))))
    release = timezone.now() + timedelta(hours=6)
    room = rooms.create(reason=Room.Reason.SCHEDULE, release_at=release, opens_at=timezone.now())
    assert room is not None
    _set_release(slots, room, release)
    watch.lap("people")
    early = [actor for actor in actors if id(actor) not in late]
    dice.shuffle(early)
    early.sort(key=lambda actor: not actor.is_bot)  # bots are there first
    _in_processes(plan.processes, lambda actor: _join(room.pk, actor), early)
    before_release(room)
    watch.lap("join")
    opened = timezone.now() - timedelta(seconds=1)
    _set_release(slots, room, opened)
    clock.tick(room.pk, opened + timedelta(seconds=1))
    watch.lap("shuffle")
    _in_processes(plan.processes, lambda actor: _join(room.pk, actor), [actor for actor in actors if id(actor) in late])
    watch.lap("late")
    play = Play(plan, dice, room.pk, slots, actors, opened, midway)
    play.to_the_end()
    watch.lap("release")
    rooms.close(room.pk, "simulasi selesai.")
    sold, over = _count(slots)
    bots = play.outcomes["bot booked"]
    turns = Turn.objects.filter(room=room).count()
    share, fair = bots / max(1, bots + play.outcomes["human booked"]), plan.bots
    return Result(
        arrivals=plan.arrivals, places=plan.places, sold=sold, over=over, bot_places=bots, bot_share=share,
        fair_share=fair, ratio=share / fair, turns=turns, double_turns=play.outcomes["another turn"],
        virtual_minutes=play.now / 60, seconds=watch.laps, outcomes=dict(play.outcomes),
    )  # fmt: skip


class Play:
    """The events after the release in the order of the simulated clock."""

    def __init__(
        self,
        plan: Plan,
        dice: random.Random,
        room_id: int,
        slots: Sequence[int],
        actors: list[Actor],
        opened: datetime,
        midway: Callable[[int], None],
    ) -> None:
        self.plan, self.dice, self.room_id, self.slots, self.opened = plan, dice, room_id, list(slots), opened
        self.midway: Callable[[int], None] | None = midway
        self.by_turn = {actor.turn: actor for actor in actors if actor.turn}
        self.events: list[tuple[float, int, Callable[[Actor], None], Actor]] = []
        self.count = itertools.count()
        self.now = 1.0
        self.forms = 0
        self.outcomes: Counter[str] = Counter()

    def to_the_end(self) -> None:
        """Until no place is left, or everybody was called and is done."""
        from admission import clock

        served = 0
        while self.now < 6 * 3600:
            self.now += 1
            room = clock.tick(self.room_id, self.opened + timedelta(seconds=self.now), self.load())
            if room is None:
                break
            if room.served_number > served:
                self.call(served, room.served_number)
                served = room.served_number
            while self.events and self.events[0][0] <= self.now:
                _at, _nth, act, actor = heapq.heappop(self.events)
                act(actor)
            if self.midway and room.places_left < self.plan.places / 2:
                self.midway(self.room_id)
                self.midway = None
            if room.gone_at or (served == room.last_number and not self.events):
                break
        self.outcomes["called"] = served

    def load(self) -> Any:
        """What the portal would measure: pages grow slow when too many fill forms at once."""
        from admission.pace import Load

        return Load(p95_ms=150 if self.forms < FORMS_AT_ONCE else 1500, per_second=self.forms / 25)

    def later(self, seconds: float, act: Callable[[Actor], None], actor: Actor) -> None:
        """Let something happen after so many seconds."""
        heapq.heappush(self.events, (self.now + seconds, next(self.count), act, actor))

    def call(self, after: int, upto: int) -> None:
        """Numbers are called; each hears it with its next poll, and some are not there."""
        from admission.models import Turn

        rows = Turn.objects.filter(room=self.room_id, number__gt=after, number__lte=upto)
        for public_id in rows.values_list("public_id", flat=True):
            actor = self.by_turn.get(public_id)
            if actor is None:
                continue  # a visitor of the sample over HTTP
            if actor.is_bot:
                self.later(self.dice.uniform(0, 10) / BOT_SPEED, self.enter, actor)
            elif self.dice.random() >= self.plan.absent:
                self.later(self.dice.uniform(0, 10), self.enter, actor)
            else:
                self.outcomes["absent"] += 1

    def form_seconds(self, actor: Actor) -> float:
        """How long this one takes for the form."""
        return FORM_SECONDS / BOT_SPEED if actor.is_bot else FORM_SECONDS * self.dice.lognormvariate(0, 0.4)

    def enter(self, actor: Actor) -> None:
        """Through the real door."""
        from admission import turns

        assert actor.turn is not None
        entry = turns.enter(self.room_id, actor.turn, self.opened + timedelta(seconds=self.now))
        if entry.until is None:
            self.outcomes["not let in"] += 1
            return
        self.forms += 1
        self.later(self.form_seconds(actor) * CHOOSE_SHARE, self.choose, actor)

    def choose(self, actor: Actor) -> None:
        """Hold a place of a session; tries some when full."""
        from scheduling import booking, errors

        citizen: Any = actor.person
        for slot in self.dice.sample(self.slots, min(6, len(self.slots))) + self._free_slots():
            try:
                booking.hold_place(slot, booking.hold_key(citizen, "covid19"))
            except errors.BookingError:
                continue
            actor.slot = slot
            self.later(self.form_seconds(actor) * (1 - CHOOSE_SHARE), self.book, actor)
            return
        self.forms -= 1
        self.outcomes["found nothing"] += 1

    def book(self, actor: Actor) -> None:
        """Confirm, twice when it is a bot; then the pass is used."""
        from admission import turns
        from registration.models import Citizen
        from scheduling import booking, errors

        citizen = Citizen.objects.get(pk=actor.person.pk)
        kind = "bot" if actor.is_bot else "human"
        try:
            for _ in range(2 if actor.is_bot else 1):
                booking.book(citizen=citizen, slot_id=actor.slot, client_uuid=actor.key, held=True)
            self.outcomes[f"{kind} booked"] += 1
        except errors.BookingError as error:
            self.outcomes[f"{kind} {error.code}"] += 1
        self.forms -= 1
        assert actor.turn is not None
        turns.used([actor.turn.hex])

    def _free_slots(self) -> list[int]:
        from scheduling.models import Place

        rows = Place.objects.filter(slot__in=self.slots, state=Place.FREE, pool="online")
        return list(rows.values_list("slot_id", flat=True).distinct()[:4])


class Stopwatch:
    """Seconds of each part."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.at = time.monotonic()

    def lap(self, name: str) -> None:
        """End a part."""
        now = time.monotonic()
        self.laps[name], self.at = round(now - self.at, 2), now


def _join(room_id: int, actor: Actor) -> None:
    from admission import turns
    from registration.models import CitizenAccount

    account = CitizenAccount(pk=actor.person.account)  # all that the key of a person with a NIK reads
    for _ in range(3 if actor.is_bot else 1):
        found = turns.join(room_id, *turns.person_keys(room_id, account)).public_id
        assert actor.turn in (None, found), "another phone, another turn"
        actor.turn = found


def _in_processes(count: int, act: Callable[[Actor], None], actors: Sequence[Actor]) -> None:
    """Let every actor act, in `count` processes of their own; their turns come home. Raises LoadFailed.

    With one, here: a process that has threads or an event loop of its own (a test runner) must not be forked.
    """
    if count == 1:
        try:
            for actor in actors:
                act(actor)
        except AssertionError as error:
            raise LoadFailed(str(error)) from error
        return
    connection.close()  # a child must not speak on its parent's connection
    context = multiprocessing.get_context("fork")
    children = []
    for number in range(count):
        mine, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_part, args=(theirs, act, actors[number::count]), daemon=True)
        child.start()
        theirs.close()
        children.append((child, mine, actors[number::count]))
    try:
        for _process, mine, part in children:
            try:
                turns = mine.recv()
            except EOFError:
                turns = "the process ended without a word"
            if isinstance(turns, str):
                raise LoadFailed(turns)
            for actor, turn in zip(part, turns, strict=True):
                actor.turn = turn
    finally:
        for child, *_pipe in children:  # one that failed must not leave the others at work
            child.terminate()
            child.join()


def _part(pipe: Connection, act: Callable[[Actor], None], actors: Sequence[Actor]) -> None:
    try:
        for actor in actors:
            act(actor)
        pipe.send([actor.turn for actor in actors])
    except BaseException:
        pipe.send(traceback.format_exc())
    finally:
        pipe.close()
        os._exit(0)  # nothing inherited is closed twice


def _set_release(slots: Sequence[int], room: Any, moment: datetime) -> None:
    from admission.models import Room
    from scheduling.models import Schedule

    Schedule.objects.filter(slots__in=list(slots)).update(release_at=moment)
    Room.objects.filter(pk=room.pk).update(release_at=moment)


def _count(slots: Sequence[int]) -> tuple[int, int]:
    from scheduling.models import Appointment, Place

    places = Place.objects.filter(slot__in=list(slots), pool="online")
    sold = Appointment.objects.filter(slot__in=list(slots), status="booked").count()
    taken = places.filter(state=Place.TAKEN, appointment__isnull=False).count()
    return sold, max(0, sold - places.count()) + abs(sold - taken)
