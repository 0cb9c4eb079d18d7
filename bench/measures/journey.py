"""The whole way of one person, as a browser without scripts goes it: sessions, hold, questions, check, confirm."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bench import bookings, load, people
from bench.client import Answer, Scenario
from bench.production import HOST
from bench.result import Figure, Scale, against, alternate
from bench.stack import Stack

CONNECTIONS = 16
ROUNDS = 9  # one round of a shared machine says little; nine of seven seconds give a median that holds
QUESTION = re.compile(rb'name="([^"]+)" value="tidak"')
BOOKED, TICKET = "booked", b"?baru=1"  # the address that a confirm leads to
HIDDEN = re.compile(rb'<input type="hidden" name="(kunci|isi)" value="([^"]*)"')


class Lost(Exception):
    """The journey ended somewhere else than at a ticket."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, before the first page: the cookie is signed before the clock starts, as at a sign-in."""

    page: str
    slot: int
    token: str
    cookie: str

    @classmethod
    def of(cls, person: people.Person, slot: int, schedule: int) -> "Visitor":
        """This person on the way to one session of a schedule."""
        page = f"/janji/baru/{person.public_id}/jadwal/{schedule}/"
        return cls(page, slot, bookings.csrf_token(person), bookings.cookies(person))


def whole(visitor: Visitor) -> Scenario:
    """Six requests, 302s followed; counts `booked` at the ticket's address, `lost NAME` anywhere else."""
    cookie, token = visitor.cookie, visitor.token
    try:
        yield from _get(visitor.page, cookie)
        questions = yield from _post(visitor.page, cookie, {"sesi": visitor.slot, "csrfmiddlewaretoken": token})
        page = yield from _get(questions, cookie)
        fields: dict[str, Any] = {name.decode(): "tidak" for name in QUESTION.findall(page)}
        fields |= {name.decode(): value.decode() for name, value in HIDDEN.findall(page)}
        check = yield from _post(questions, cookie, fields | {"csrfmiddlewaretoken": token})
        page = yield from _get(check, cookie)
        fields = {name.decode(): value.decode() for name, value in HIDDEN.findall(page)}
        # Who has booked goes away, and the next one comes with a connection of their own.
        booked = {"csrfmiddlewaretoken": token, **fields}
        target = yield from _post(check.split("?")[0], cookie, booked, Connection="close")
        load.count(BOOKED if TICKET.decode() in target else f"lost at {target}")
    except Lost as error:
        load.count(f"lost: {error}")


def _get(path: str, cookie: str) -> Any:
    answer: Answer = yield load.get(path, HOST, Cookie=cookie, Accept_Encoding="identity")
    if answer.status != 200:
        raise Lost(f"GET {path.split('/')[-2]} {answer.status} {answer.error}")
    return answer.body


def _post(path: str, cookie: str, fields: dict[str, Any], **headers: str) -> Any:
    answer: Answer = yield load.post(path, HOST, urlencode(fields).encode(), Cookie=cookie, **headers)
    if answer.status != 302:
        raise Lost(f"POST {path.split('/')[-2]} {answer.status} {answer.error}")
    return answer.header("Location")


def one_after_another(queue: list[Visitor]) -> Scenario:
    """One visitor after the other."""
    while queue:
        yield from whole(queue.pop())


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Journeys a second beside requests a second of a bare view, both once they run evenly."""
    # The clock starts when the connections are no longer all at the same step, and counts each journey that ends before
    # it stops: one begun before and one that ends after weigh the same. A quick run is over when its few people are.
    seconds, settle = scale.pick(5.0, 8.0), scale.pick(1.0, 0.1)
    rounds, per_round = scale.pick(ROUNDS, 1), scale.pick(1_500, 60)
    slots = people.make_slots(scale.pick(2_000, 40), scale.pick(36, 20), first_day=20)
    schedule_of = dict(people.query("SELECT id, schedule_id FROM scheduling_slot WHERE id = ANY(%s)", [slots]))
    people.make_people(per_round)
    people.analyze()
    counts: dict[str, int] = {}
    failed = 0

    def journeys() -> float:
        nonlocal failed
        make = _maker(people.make_people(per_round), slots, schedule_of)
        tally = load.run(stack.portal.address, make, seconds=seconds, settle=settle, label=_label)
        for name, count in tally.counts.items():
            counts[name] = counts.get(name, 0) + count
        failed += tally.failed
        return len(tally.latencies.get(BOOKED, ())) / tally.seconds

    def bare() -> float:
        again = load.repeat(load.get("/", HOST), CONNECTIONS)
        return load.run(stack.bare.address, again, seconds=scale.pick(2.5, 1.0), settle=settle / 2).rate(200)

    journeys()
    found = alternate({"bare": bare, "journeys": journeys}, rounds, spare=rounds)
    lost = sum(count for name, count in counts.items() if name.startswith("lost"))
    return [
        against(
            "journey", "whole journey, six requests", found["journeys"], found["bare"], "bare Django view",
            asked=0.02, aim=0.05, errors=failed + lost, counts=counts,
        )
    ]  # fmt: skip


def _label(answer: Answer) -> str:
    """Answers that end a journey at a ticket, and all others."""
    return BOOKED if TICKET in answer.head else "on the way"


def _maker(taken: Sequence[people.Person], slots: Sequence[int], schedule_of: dict[int, int]) -> load.Maker:
    def make(number: int, processes: int) -> Iterable[Scenario]:
        chosen = zip(taken, itertools.cycle(slots), strict=False)
        queue = [Visitor.of(person, slot, schedule_of[slot]) for person, slot in chosen]
        mine = queue[number::processes]
        return [one_after_another(mine) for n in range(CONNECTIONS) if n % processes == number]

    return make
