"""2,000 connections at once behind nginx with the gate, 70 % reading and 30 % booking, beside 64 connections.

Nobody thinks between two requests. Who is told to come back does so after the time told; one in five is impatient and
asks again after a second.

Times are counted until the answer was at the visitor's socket, by the kernel's own stamp: generator and servers share
two cores, and how late the generator comes to read what lies there is no wait that a phone would see. What it saw with
its own delay stands beside it in the JSON (`..._read_ms`).
"""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import bookings, load, people
from bench.client import Answer, Scenario, Tally
from bench.measures.journey import CONNECTIONS as FEW
from bench.production import HOST
from bench.result import Figure, Scale, say
from bench.stack import Served, Stack
from victori.installation import ROOT

READING = 0.7
IMPATIENT, IMPATIENT_SECONDS = 0.2, 1.0
PROCESSES = 2
PAGE, BOOKED, BUSY = "page", "booked", "busy"
CHECKED = ("I1", "I2", "I3")
dice = random.SystemRandom()


def label(answer: Answer) -> str:
    """What kind of answer this is; anything unknown is an error."""
    if answer.status == 200:
        return PAGE
    if answer.status == 302 and b"?baru=1" in answer.head:
        return BOOKED
    if answer.status == 302 and b"/antrean/" in answer.head:
        return BUSY
    if answer.status == 503 and answer.header("Retry-After") and b"<html" in answer.body.lower():
        return BUSY
    return f"other {answer.status}"


def visitor(reads: Sequence[bytes], confirms: list[bookings.Confirm]) -> Scenario:
    """Reads or books, forever; a booking that was not taken is sent again until it is."""
    while True:
        reading = dice.random() < READING or not confirms
        confirm = None if reading else confirms.pop()
        request = confirm.request if confirm else dice.choice(reads)
        while True:
            answer = yield request
            assert answer is not None
            if label(answer) != BUSY:
                break
            told = float(answer.header("Retry-After") or 5)
            yield IMPATIENT_SECONDS if dice.random() < IMPATIENT else told
        if confirm and label(answer) == BOOKED:
            load.NOTES.append(str(confirm.key))


@dataclass
class Seen:
    """One run of visitors."""

    tally: Tally
    keys: list[str] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """Pages and bookings a second; the busy page is no good."""
        good = sum(len(self.tally.latencies.get(name, ())) for name in (PAGE, BOOKED))
        return good / self.tally.seconds

    @property
    def wrong(self) -> dict[str, int]:
        """Answers that are neither page, booking nor the busy page, and requests without any."""
        other = {name: len(values) for name, values in self.tally.latencies.items() if name.startswith("other")}
        return other | dict(self.tally.errors)

    def milliseconds(self, share: float, name: str, *, read: bool = False) -> float:
        """A percentile of one kind of answer: until it arrived, or until the generator had read it."""
        return 1000 * self.tally.percentile(share, name, arrived=not read)


class City:
    """Sessions, pages to read and bookings to make."""

    def __init__(self, scale: Scale) -> None:
        self.slots = people.make_slots(scale.pick(2_000, 40), scale.pick(36, 40), first_day=150)
        schedules = people.query("SELECT DISTINCT schedule_id FROM scheduling_slot WHERE id = ANY(%s)", [self.slots])
        paths = ["/jadwal/", "/", *(f"/jadwal/{row[0]}/" for row in schedules[:40])]
        self.reads = [load.get(path, HOST, Accept_Encoding="gzip") for path in paths]
        people.analyze()

    def confirms(self, count: int) -> list[bookings.Confirm]:
        """So many prepared bookings."""
        return bookings.prepare(people.make_people(count), self.slots)


def visit(served: Served, city: City, confirms: Sequence[bookings.Confirm], connections: int, seconds: float) -> Seen:
    """Let so many visitors in at once."""

    def make(number: int, processes: int) -> Iterable[Scenario]:
        mine = list(confirms[number::processes])
        return [visitor(city.reads, mine) for n in range(connections) if n % processes == number]

    tally = load.run(
        served.address, make, seconds=seconds, processes=PROCESSES, timeout=15, drain=15, label=label, stamps=True,
        sources=lambda n: f"127.{2 + n % 200}.{1 + n // 200 % 200}.1",
    )  # fmt: skip
    return Seen(tally, list(tally.notes))


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """64 connections, 2,000 connections, and the seconds after them."""
    many, seconds = scale.pick(2_000, 200), scale.pick(12.0, 2.0)
    load.raise_file_limit(many + 500)
    city = City(scale)
    served = stack.proxy(stack.portal, stack.folder / "static")
    batch = scale.pick(12_000, 400)
    base_confirms, crowd_confirms = city.confirms(batch), city.confirms(batch)
    page = _uncached(city)
    try:
        visit(served, city, city.confirms(scale.pick(500, 20)), FEW, 2.0)
        before = _page_rate(stack.portal, page, scale.pick(3.0, 1.0))
        base = visit(served, city, base_confirms, 64, scale.pick(8.0, 2.0))
        crowd = visit(served, city, crowd_confirms, many, seconds)
        time.sleep(scale.pick(3, 0.5))
        after = _page_rate(stack.portal, page, 2.0)
    finally:
        stack.end(served)
    say(f"  64: {base.goodput:.0f}/s {_counts(base)}; {many}: {crowd.goodput:.0f}/s {_counts(crowd)}")
    return _figures(many, base, crowd, before, after, scale)


def _uncached(city: City) -> bytes:
    """The page where a person chooses a session: signed in, from no cache."""
    person = people.make_people(1)[0]
    schedule = people.query("SELECT schedule_id FROM scheduling_slot WHERE id = %s", [city.slots[0]])[0][0]
    path = f"/janji/baru/{person.public_id}/jadwal/{schedule}/"
    return load.get(path, HOST, Cookie=bookings.cookies(person), Accept_Encoding="gzip")


def _page_rate(served: Served, request: bytes, seconds: float) -> float:
    return load.run(served.address, load.repeat(request, FEW), seconds=seconds).rate(200)


def _counts(seen: Seen) -> dict[str, Any]:
    return {name: len(values) for name, values in sorted(seen.tally.latencies.items())} | dict(seen.tally.errors)


def doubled(keys: Sequence[str]) -> int:
    """Acknowledged bookings that are not there exactly once."""
    return len(keys) - bookings.count_booked([uuid.UUID(key) for key in set(keys)])


def audit() -> dict[str, int]:
    """Violations of the invariants of booking, by id."""
    command = [sys.executable, str(ROOT / "manage.py"), "audit", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    checks = json.loads(done.stdout)["checks"]
    return {check["id"]: check["violations"] for check in checks if check["id"] in CHECKED}


def _figures(many: int, base: Seen, crowd: Seen, before: float, after: float, scale: Scale) -> list[Figure]:
    what = f"{many:,} connections"
    wrong = sum(crowd.wrong.values()) + sum(base.wrong.values())
    twice = doubled(base.keys + crowd.keys)
    broken = audit()
    details = {
        "goodput_at_64": _counts(base),
        "in_the_crowd": _counts(crowd),
        "wrong": crowd.wrong | base.wrong,
        "audit": broken,
        "reopened": crowd.tally.reopened,
        "page_p99_ms": crowd.milliseconds(0.99, PAGE),
        "busy_p50_ms": crowd.milliseconds(0.5, BUSY),
        "busy_p95_ms": crowd.milliseconds(0.95, BUSY),
        "busy_p99_read_ms": crowd.milliseconds(0.99, BUSY, read=True),
        "booked_p50_ms": crowd.milliseconds(0.5, BOOKED),
        "booked_p99_read_ms": crowd.milliseconds(0.99, BOOKED, read=True),
        "generator_cpu_share": crowd.tally.cpu_seconds / crowd.tally.seconds / PROCESSES,
    }
    slowest = crowd.milliseconds(0.99, BOOKED)
    return [
        Figure(
            "crowd_goodput", f"{what}, 70 % reading, 30 % booking: goodput", crowd.goodput / (base.goodput or 1), 0.6,
            0.9, measured=crowd.goodput, limit=base.goodput, limit_is="the same at 64 connections", details=details,
        ),
        Figure("crowd_errors", f"{what}: errors and time-outs", wrong, 0, most=True),
        Figure(
            "crowd_doubled", f"{what}: doubled or lost bookings, broken invariants", twice + sum(broken.values()), 0,
            most=True,
        ),
        Figure("crowd_p99", f"{what}: p99 of a booking let in, s", slowest / 1000, 2, 1, most=True),
        Figure("crowd_busy", f"{what}: p99 of the busy page, ms", crowd.milliseconds(0.99, BUSY), 300, 100, most=True),
        Figure(
            "crowd_after", "a page 3-5 s after the crowd", after / (before or 1), 0.8, 0.95, measured=after,
            limit=before, limit_is="the same page before",
        ),
    ]  # fmt: skip
