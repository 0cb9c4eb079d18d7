"""25,000 people wait for three minutes behind nginx and poll as they are told; a browser closes its idle connection."""

import gzip
import random
from collections.abc import Iterable
from typing import Any

from bench import load, people, rooms
from bench.client import Answer, Scenario, Tally
from bench.result import Figure, Scale, say
from bench.stack import Stack, StackError

PROCESSES = 2
SPREAD = random.SystemRandom()
INTERVAL = b'"interval":'


def label(answer: Answer) -> str:
    """A poll counts when it says where the person stands."""
    return "poll" if answer.status == 200 and INTERVAL in plain(answer) else f"other {answer.status}"


def plain(answer: Answer) -> bytes:
    """The body as the browser reads it: nginx compresses what is long enough."""
    return gzip.decompress(answer.body) if answer.body[:2] == b"\x1f\x8b" else answer.body


def told(answer: Answer) -> float:
    """Seconds until the next poll, as the answer says; 10 when there was none."""
    body = plain(answer)
    at = body.find(INTERVAL)
    return float(body[at + len(INTERVAL) :].split(b",")[0]) if at >= 0 else 10.0


def waiting_person(request: bytes) -> Scenario:
    """Polls for as long as the portal says wait; whoever is called goes in and polls no more."""
    while True:
        answer = yield request
        assert answer is not None
        if b'"enter":true' in plain(answer):
            load.count("called")
            return
        yield told(answer)


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Errors, latency and the memory of the web processes."""
    # A quick run's crowd fits into the gate's lane for polls: when the machine stands still they all come at once.
    crowd, seconds = scale.pick(25_000, 50), scale.pick(180.0, 8.0)
    needed = crowd // PROCESSES + 1_000
    if load.raise_file_limit(needed) < needed:
        raise StackError(f"{crowd:,} waiting people need {needed:,} open files per process: raise `ulimit -n`")
    people.make_slots(60, 40, first_day=130)
    room = rooms.make(crowd)
    nginx = stack.proxy(stack.portal, stack.folder / "static")
    polls = [room.poll(number) for number in range(crowd)]
    # They did not all come in the same second: the first poll falls somewhere in the longest interval.
    spread = scale.pick(50.0, 2.0)

    def make(number: int, processes: int) -> Iterable[Scenario]:
        return [_later(one, SPREAD.random() * spread) for one in polls[number::processes]]

    memory_before = stack.portal.memory_bytes()
    try:
        tally = load.run(
            nginx.address, make, seconds=seconds, processes=PROCESSES, timeout=20, drain=10, label=label,
            sources=lambda n: f"127.{1 + n % 200}.{1 + n // 200 % 200}.{1 + n % 7}",
        )  # fmt: skip
        memory = stack.portal.memory_bytes()
    finally:
        rooms.close(room)
        stack.end(nginx)
    return figures(tally, crowd, memory_before, memory)


def _later(request: bytes, seconds: float) -> Scenario:
    yield seconds
    yield from waiting_person(request)


def figures(tally: Tally, crowd: int, before: int, memory: int) -> list[Figure]:
    """Three lines of one run."""
    good = len(tally.latencies.get("poll", ()))
    errors = sum(tally.errors.values()) + sum(tally.answers.values()) - good
    details: dict[str, Any] = {
        "people": crowd,
        "polls": good,
        "polls_per_second": tally.rate(200),
        "p50_ms": 1000 * tally.percentile(0.5, "poll"),
        "p99_ms": 1000 * tally.percentile(0.99, "poll"),
        "slowest_ms": 1000 * tally.percentile(1.0, "poll"),
        "called": tally.counts["called"],
        "errors": dict(tally.errors),
        "other_answers": {name: len(seen) for name, seen in tally.latencies.items() if name != "poll"},
        "reopened": tally.reopened,
        "web_memory_before_mb": before / 1024**2,
    }
    say(f"  {details}")
    what = f"{crowd:,} people waiting, {tally.seconds:.0f} s"
    return [
        Figure("waiting_errors", f"{what}: errors", errors, 0, most=True, details=details),
        Figure("waiting_p95", f"{what}: p95 of a poll, ms", 1000 * tally.percentile(0.95, "poll"), 300, most=True),
        Figure("waiting_memory", f"{what}: web memory, MB", memory / 1024**2, 1024, most=True),
    ]
