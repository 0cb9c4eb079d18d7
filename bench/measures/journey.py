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
QUESTION = re.compile(rb'name="([^"]+)" value="tidak"')
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
        target = yield from _post(check.split("?")[0], cookie, fields | {"csrfmiddlewaretoken": token})
        load.count("booked" if "baru=1" in target else f"lost at {target}")
    except Lost as error:
        load.count(f"lost: {error}")


def _get(path: str, cookie: str) -> Any:
    answer: Answer = yield load.get(path, HOST, Cookie=cookie, Accept_Encoding="identity")
    if answer.status != 200:
        raise Lost(f"GET {path.split('/')[-2]} {answer.status} {answer.error}")
    return answer.body


def _post(path: str, cookie: str, fields: dict[str, Any]) -> Any:
    answer: Answer = yield load.post(path, HOST, urlencode(fields).encode(), Cookie=cookie)
    if answer.status != 302:
        raise Lost(f"POST {path.split('/')[-2]} {answer.status} {answer.error}")
    return answer.header("Location")


def one_after_another(queue: list[Visitor]) -> Scenario:
    """One connection: journey after journey."""
    while queue:
        yield from whole(queue.pop())


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Journeys a second beside requests a second of a bare view."""
    seconds, per_round = scale.pick(6.0, 2.0), scale.pick(2_500, 60)
    slots = people.make_slots(scale.pick(2_000, 40), scale.pick(36, 20), first_day=20)
    schedule_of = dict(people.query("SELECT id, schedule_id FROM scheduling_slot WHERE id = ANY(%s)", [slots]))
    everybody = people.make_people((scale.rounds + 1) * per_round)
    people.analyze()
    counts: dict[str, int] = {}
    failed = 0

    def journeys() -> float:
        nonlocal everybody, failed
        taken, everybody = everybody[:per_round], everybody[per_round:]
        tally = load.run(stack.portal.address, _maker(taken, slots, schedule_of), seconds=seconds)
        for name, count in tally.counts.items():
            counts[name] = counts.get(name, 0) + count
        failed += tally.failed
        return tally.counts["booked"] / tally.seconds

    def bare() -> float:
        tally = load.run(stack.bare.address, load.repeat(load.get("/", HOST), CONNECTIONS), seconds=scale.seconds)
        return tally.rate(200)

    journeys()
    found = alternate({"bare": bare, "journeys": journeys}, scale.rounds)
    lost = sum(count for name, count in counts.items() if name.startswith("lost"))
    return [
        against(
            "journey", "whole journey, six requests", found["journeys"], found["bare"], "bare Django view",
            asked=0.02, aim=0.05, errors=failed + lost, counts=counts,
        )
    ]  # fmt: skip


def _maker(taken: Sequence[people.Person], slots: Sequence[int], schedule_of: dict[int, int]) -> load.Maker:
    def make(number: int, processes: int) -> Iterable[Scenario]:
        chosen = zip(taken, itertools.cycle(slots), strict=False)
        queue = [Visitor.of(person, slot, schedule_of[slot]) for person, slot in chosen]
        mine = queue[number::processes]
        return [one_after_another(mine) for n in range(CONNECTIONS) if n % processes == number]

    return make
