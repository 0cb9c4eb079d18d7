"""Confirm a booking through HTTP, over 2,000 sessions and on one hot session, beside pgbench on the same server."""

from collections.abc import Sequence
from typing import Any

from bench import bookings, limits, load, people
from bench.client import Answer
from bench.result import Figure, Scale, against, alternate, say
from bench.stack import Stack

SLOTS = 2_000
CONNECTIONS = 16
LEAN, FAST, OWN = "pgbench, lean statement", "pgbench, lean, prepared", "pgbench, the portal's statement"


def label(answer: Answer) -> str:
    """A redirect is only a booking when it leads to a new ticket."""
    return "booked" if answer.status == 302 and b"?baru=1" in answer.head else f"other {answer.status}"


class Confirms:
    """Sends prepared confirm requests and looks each one up afterwards."""

    def __init__(self, stack: Stack, everybody: Sequence[people.Person], per_round: int) -> None:
        self.stack, self.everybody, self.per_round = stack, list(everybody), per_round
        self.sent = self.acknowledged = self.lost = self.other = self.errors = 0
        self.cpu_seconds = 0.0

    def rate(self, slots: Sequence[int], seconds: float) -> float:
        """Bookings a second over these sessions."""
        taken, self.everybody = self.everybody[: self.per_round], self.everybody[self.per_round :]
        prepared = bookings.prepare(taken, slots)
        web = self.stack.portal
        cpu = web.cpu_seconds()
        requests = [one.request for one in prepared]
        tally = load.run(web.address, load.each_once(requests, CONNECTIONS), seconds=seconds, label=label)
        self.cpu_seconds += web.cpu_seconds() - cpu
        inside = len(tally.latencies.get("booked", ()))
        late = tally.counts["after the window"]
        found = bookings.count_booked([one.key for one in prepared])
        self.sent += sum(tally.answers.values()) + late
        self.acknowledged += inside
        self.other += sum(len(values) for name, values in tally.latencies.items() if name != "booked")
        self.errors += tally.failed
        self.lost += max(0, inside - found)  # acknowledged, yet not there
        return inside / tally.seconds if tally.seconds else 0.0

    def details(self) -> dict[str, Any]:
        """Counts for the JSON; `lost`, `other` and `errors` must be 0."""
        return {
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "other": self.other,
            "errors": self.errors,
            "web_cpu_ms_per_request": 1000 * self.cpu_seconds / max(1, self.sent),
        }


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Two figures judged (spread, hot) against the lean statement; beside it the same prepared, and the portal's."""
    rounds, seconds, per_round = scale.rounds, scale.seconds, scale.pick(5_000, 60)
    slots = people.make_slots(scale.pick(SLOTS, 40), scale.pick(80, 30))
    # A session of its own per round: the numbers of its places end at 32,767.
    hot = people.make_slots(2 * rounds, scale.pick(25_000, 2_000), first_day=60)
    limit = limits.Pgbench(stack.folder, stack.sockets)
    limits.lean_places(scale.pick(SLOTS, 40), scale.pick(300, 100))
    count = scale.pick(200_000, 5_000)
    first = people.make_many_citizens(count)
    # Whoever confirms has looked at the day before, so the processes know it: four confirms of each day go ahead.
    days = slots[:: people.SLOTS_A_DAY]
    ahead = 4 * len(days)
    everybody = people.make_people(2 * rounds * per_round + ahead)
    people.analyze()
    Confirms(stack, everybody[-ahead:], ahead).rate(days, 10)
    figures = []
    for name, what, asked in (
        ("confirm_spread", "confirm a booking through HTTP, 2,000 sessions", slots),
        ("confirm_hot", "the same, all on one hot session", None),
    ):
        confirms, everybody = Confirms(stack, everybody, per_round), everybody[rounds * per_round :]
        left = list(hot)

        def http(confirms: Confirms = confirms, given: Any = asked, left: list[int] = left) -> float:
            return confirms.rate(given or [left.pop()], seconds)

        def own(given: Any = asked, left: list[int] = left) -> float:
            chosen = given or [left.pop()]
            return limit.portal(chosen[0], chosen[-1], first, count, seconds)

        def lean(given: Any = asked) -> float:
            return limit.lean(len(given) if given else 0, seconds)

        def fast(given: Any = asked) -> float:
            return limit.lean(len(given) if given else 0, seconds, "prepared")

        found = alternate({"lean": lean, "http": http, "fast": fast, "own": own}, rounds)
        figure = against(name, what, found["http"], found["lean"], LEAN, asked=0.12, aim=0.25, **confirms.details())
        figures += [figure, _beside(figure, found, "fast", FAST), _beside(figure, found, "own", OWN)]
        say(f"  {name}: {figure.value:.3f} of the limit, {confirms.details()}")
    return figures


def _beside(figure: Figure, found: dict[str, list[float]], name: str, limit: str) -> Figure:
    """The same bookings against another limit; not judged, so asked 0."""
    what = f"{figure.what} (beside it)"
    return against(f"{figure.key}_{name}", what, found["http"], found[name], limit, asked=0.0)
