"""One person's poll in the waiting room, on gunicorn, beside a bare view."""

from bench import load, people, rooms
from bench.client import Answer
from bench.production import HOST
from bench.result import Figure, Scale, against, alternate
from bench.stack import Served, Stack

CONNECTIONS = 16


def label(answer: Answer) -> str:
    """A poll counts when it says where the person stands."""
    return "poll" if answer.status == 200 and b'"interval"' in answer.body else f"other {answer.status}"


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """2,000 people wait; each connection polls for others in turn, as fast as it is answered."""
    people.make_slots(12, 20, first_day=120)
    room = rooms.make(scale.pick(2_000, 50))
    polls = [room.poll(number) for number in range(len(room.turns))]
    bad = 0

    def poll() -> float:
        nonlocal bad
        cycle = polls * 20
        tally = load.run(
            stack.portal.address, load.each_once(cycle, CONNECTIONS), seconds=scale.seconds, label=label, drain=30
        )
        good = len(tally.latencies.get("poll", ()))
        bad += tally.failed + sum(tally.answers.values()) - good
        return good / tally.seconds

    def bare() -> float:
        return _rate(stack.bare, scale.seconds)

    try:
        poll()
        found = alternate({"bare": bare, "poll": poll}, scale.rounds + 2)
    finally:
        rooms.close(room)
    return [
        against(
            "poll", "waiting-room poll", found["poll"], found["bare"], "bare Django view",
            asked=0.5, aim=0.8, errors=bad,
        )
    ]  # fmt: skip


def _rate(served: Served, seconds: float) -> float:
    tally = load.run(served.address, load.repeat(load.get("/", HOST), CONNECTIONS), seconds=seconds)
    return tally.rate(200)
