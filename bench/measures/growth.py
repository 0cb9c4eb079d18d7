"""What a booking costs with 10 thousand and with 1 million appointments, side by side in two databases of one server.

Both databases have the same people, sessions and held places: the small one is a copy made before the history grew.
"""

import os
import statistics
from collections.abc import Callable

from bench import bookings, limits, load, people
from bench.measures.confirm import CONNECTIONS, label
from bench.result import Figure, Scale, alternate, ratio, say
from bench.stack import Served, Stack
from victori.embedded import DATABASE

SMALL = "victori_small"


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Cost of the booking statement, and of a booking through HTTP; 1 means that it did not grow."""
    few, many = scale.pick(10_000, 1_000), scale.pick(1_000_000, 20_000)
    rounds, per_round = scale.rounds + scale.pick(2, 0), scale.pick(3_000, 60)
    warming = 2 * CONNECTIONS
    slots = people.make_slots(scale.pick(2_000, 40), scale.pick(70, 40), first_day=230)
    count = scale.pick(150_000, 5_000)
    first = people.make_many_citizens(count)
    people.make_history(few, days_ago=2)
    everybody = people.make_people(rounds * per_round + warming)
    warm = [one.request for one in bookings.prepare(everybody[-warming:], slots)]
    batches = [
        [one.request for one in bookings.prepare(everybody[n * per_round : (n + 1) * per_round], slots)]
        for n in range(rounds)
    ]
    _copy(stack)
    people.make_history(many - few, days_ago=60)
    _settle(stack)
    grown = people.query("SELECT count(*) FROM scheduling_appointment")[0][0]
    say(f"  {grown:,} appointments beside {few:,}")
    small, large = (limits.Pgbench(stack.folder, stack.sockets, name) for name in (SMALL, DATABASE))
    seconds = scale.seconds

    def statement(database: limits.Pgbench) -> Callable[[], float]:
        return lambda: database.portal(slots[0], slots[-1], first, count, seconds)

    found = alternate({"small": statement(small), "large": statement(large)}, rounds)
    environment = {"DATABASE_URL": os.environ["DATABASE_URL"].removesuffix(DATABASE) + SMALL}
    beside = stack.gunicorn("victori.wsgi", **environment)
    wrong: list[str] = []
    try:
        for served in (beside, stack.portal):
            _through(served, [list(warm)], 10, wrong)()
        through = alternate(
            {
                "small": _through(beside, list(batches), seconds, wrong),
                "large": _through(stack.portal, list(batches), seconds, wrong),
            },
            rounds,
        )
    finally:
        stack.end(beside)
    what = f"cost per booking, {few:,} → {many:,} appointments"
    return [
        _figure("growth_statement", f"{what}: the statement", found, []),
        _figure("growth_http", f"{what}: through HTTP", through, wrong),
    ]


def _copy(stack: Stack) -> None:
    """The same database under another name; nobody may be connected meanwhile."""
    from django.db import connection

    stack.end_web()
    connection.close()
    limits.psql(stack.sockets, "postgres", f"DROP DATABASE IF EXISTS {SMALL}")
    limits.psql(stack.sockets, "postgres", f"CREATE DATABASE {SMALL} TEMPLATE {DATABASE} STRATEGY file_copy")


def _settle(stack: Stack) -> None:
    """What autovacuum and the checkpointer would do within minutes is done before the clock runs."""
    for database in (DATABASE, SMALL):
        limits.psql(stack.sockets, database, "VACUUM ANALYZE")
    limits.psql(stack.sockets, DATABASE, "CHECKPOINT")


def _through(served: Served, batches: list[list[bytes]], seconds: float, wrong: list[str]) -> Callable[[], float]:
    """Bookings a second through this gunicorn, a batch each time."""

    def rate() -> float:
        tally = load.run(served.address, load.each_once(batches.pop(0), CONNECTIONS), seconds=seconds, label=label)
        booked = len(tally.latencies.get("booked", ()))
        wrong.extend(name for name in tally.latencies if name != "booked")
        wrong.extend(tally.errors)
        return booked / tally.seconds

    return rate


def _figure(key: str, what: str, found: dict[str, list[float]], wrong: list[str]) -> Figure:
    """Cost is the inverse of the rate."""
    middle, low, high = ratio(found["small"], found["large"])
    return Figure(
        key, what, middle, 1.2, 1.0, most=True, measured=statistics.median(found["large"]),
        limit=statistics.median(found["small"]), limit_is="itself at 10 thousand", low=low, high=high,
        details={"wrong": wrong, "rounds": {name: list(rates) for name, rates in found.items()}},
    )  # fmt: skip
