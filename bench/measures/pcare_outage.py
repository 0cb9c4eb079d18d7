"""What the desk and the citizens feel when PCare is dead: nothing; and what becomes of the backlog afterwards.

Dose forms and bookings go through gunicorn while worker and clock run as in an installation. PCare is alive, has a
closed port, or accepts and hangs, window by window in turn. Each begins when nothing waits any more, a dead one at the
moment PCare dies, so that the first failed calls, the breaker and its probes are all inside.
"""

import contextlib
import uuid
from collections import Counter
from collections.abc import Callable

from django.utils import timezone

from bench import deliveries, desk, people
from bench.client import Tally
from bench.desk import ALIVE, BOOKED, CLOSED, DOSE_GIVEN, HANGS
from bench.people import query
from bench.production import StackError
from bench.result import Figure, Scale, ratio, say
from bench.stack import Stack

DESKS, PAUSE_SECONDS = 2, 0.3
PER_SECOND = 10.0  # the throttle
# Shorter than an installation's, so that each window sees several probes and retries; a call that hangs ends after 2 s.
SETTINGS = {
    "PCARE_PER_SECOND": str(PER_SECOND), "PCARE_BREAKER_SECONDS": "1,2", "PCARE_RETRY_PAUSES": "1,2",
    "PCARE_READ_TIMEOUT": "2", "PCARE_CONNECT_TIMEOUT": "2",
}  # fmt: skip
MEDIAN = 0.5
SHARES = {"median": MEDIAN, "p95": 0.95}
NAMES = {DOSE_GIVEN: "entering a dose", BOOKED: "booking"}


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Latency of both while PCare is dead beside alive, certificates issued meanwhile, and the rate of the drain."""
    from certificates import authority
    from pcare_bridge.models import FacilityAccount, SatusehatAccount

    rounds, seconds = scale.pick(6, 1), scale.pick(8.0, 2.0)
    windows = 3 * rounds + 2
    authority.ensure()
    deliveries.facilities()
    FacilityAccount.objects.update(profiles=["vaksinasi"])
    SatusehatAccount.objects.update(is_active=False)
    # What other measures left behind would keep this worker busy.
    query("UPDATE pcare_bridge_delivery SET state = 'reported' WHERE state = 'waiting'")
    query("DELETE FROM core_outboxmessage WHERE state = 'waiting'")
    backlog = deliveries.make(scale.pick(300, 30))
    prepared = desk.Load(
        int(windows * DESKS * (seconds / PAUSE_SECONDS + 1)), people.make_slots(scale.pick(400, 40), 36, first_day=250)
    )
    simulator = deliveries.Simulator(stack)
    simulator.start(remember=True)
    stack.end_web()
    settings = SETTINGS | {"PCARE_BASE_URL": simulator.base_url}
    try:
        with desk.worker(stack, **settings):
            web = stack.gunicorn("victori.wsgi", **settings)

            def window() -> Tally:
                used = web.cpu_seconds()
                found = prepared.run(web.address, seconds, DESKS, PAUSE_SECONDS)
                found.notes.append(web.cpu_seconds() - used)
                return found

            window()  # warms up
            felt = _rounds(rounds, simulator, window)
            without = _certified(simulator, window)
            drained, wrong = _drain(simulator, backlog)
            stack.end(web)
    finally:
        simulator.stop()
    figures = [_figure(name, what, share, felt) for name in NAMES for what, share in SHARES.items()]
    return [
        *figures,
        Figure("outage_certificates", "doses entered while PCare was dead without certificate", without, 0, most=True),
        Figure(
            "outage_drain", "the backlog afterwards, of the throttle", drained / PER_SECOND, 0.95,
            measured=drained, limit=PER_SECOND, limit_is="PCARE_PER_SECOND", details={"wrong": wrong},
        ),
    ]  # fmt: skip


def _rounds(rounds: int, simulator: deliveries.Simulator, window: Callable[[], Tally]) -> dict[str, list[Tally]]:
    """What was felt in each weather; nothing of an earlier window waits when one begins."""
    felt: dict[str, list[Tally]] = {ALIVE: [], CLOSED: [], HANGS: []}
    for number in range(rounds):
        for weather in list(felt) if number % 2 == 0 else list(felt)[::-1]:
            _calm(simulator)
            desk.turn(simulator, weather)
            felt[weather].append(window())
        say(f"  round {number + 1}: " + "; ".join(f"{weather} {_told(felt[weather][-1])}" for weather in felt))
    _calm(simulator)
    return felt


def _calm(simulator: deliveries.Simulator) -> None:
    desk.turn(simulator, ALIVE)
    desk.wait_until("the doses of a window reach PCare", lambda: not desk.unsent(), 90)


def _told(tally: Tally) -> str:
    return ", ".join(f"{1000 * tally.percentile(0.5, name):.0f} ms {name}" for name in NAMES)


def _felt(tally: Tally, share: float, name: str) -> float:
    """Seconds; where nothing was answered, the time-out."""
    return tally.percentile(share, name) or desk.TIMEOUT


def _figure(name: str, what: str, share: float, felt: dict[str, list[Tally]]) -> Figure:
    """The worse of the two ways to be dead beside alive: the median of the rounds, or all windows of each as one.

    A window of some seconds has too few answers for a p95 of its own.
    """
    whole = {weather: Tally() for weather in felt}
    for weather, windows in felt.items():
        for one in windows:
            whole[weather].add(one)
    seconds = {weather: _felt(tally, share, name) for weather, tally in whole.items()}
    alive = [_felt(one, share, name) for one in felt[ALIVE]]
    rounds = {dead: ratio([_felt(one, share, name) for one in felt[dead]], alive) for dead in (CLOSED, HANGS)}
    values = {dead: rounds[dead][0] if share == MEDIAN else seconds[dead] / seconds[ALIVE] for dead in rounds}
    worse = max(values, key=values.__getitem__)
    others = {label: len(found) for tally in whole.values() for label, found in tally.latencies.items()}
    return Figure(
        f"outage_{name}_{what}", f"{NAMES[name]} while PCare is dead, {what}", values[worse], 1.1, most=True,
        measured=1000 * seconds[worse], limit=1000 * seconds[ALIVE], limit_is=f"PCare alive, in turn ({worse})",
        unit="ms", low=min(each[1] for each in rounds.values()), high=max(each[2] for each in rounds.values()),
        details={
            "ratios": values,
            "ms": {weather: 1000 * found for weather, found in seconds.items()},
            "answers": {weather: len(tally.latencies.get(name, ())) for weather, tally in whole.items()},
            "web_cpu_ms_per_request": {
                weather: 1000 * sum(tally.notes) / max(1, sum(tally.answers.values()))
                for weather, tally in whole.items()
            },
            "other": {label: count for label, count in others.items() if label not in NAMES},
            "errors": dict(sum((tally.errors for tally in whole.values()), Counter[str]())),
        },
    )  # fmt: skip


def _certified(simulator: deliveries.Simulator, window: Callable[[], Tally]) -> int:
    """Doses entered while PCare hangs that half a minute later, with PCare still dead, have no certificate."""
    desk.turn(simulator, HANGS)
    window()
    with contextlib.suppress(StackError):
        desk.wait_until("certificates", lambda: not desk.uncertified(), 30)
    return desk.uncertified()


def _drain(simulator: deliveries.Simulator, backlog: list[uuid.UUID]) -> tuple[float, list[str]]:
    """Deliveries a second from the first that arrives after the outage to the last, and what went wrong."""
    deliveries.wake(backlog)
    waiting, before = desk.unsent(), simulator.count()
    revived = timezone.now()
    desk.turn(simulator, ALIVE)
    desk.wait_until("the backlog reaches PCare", lambda: not desk.unsent(), 60 + 2 * waiting / PER_SECOND)
    [(sent, seconds)] = query(
        """SELECT count(*), extract(epoch FROM max(finished_at) - min(finished_at))::float FROM pcare_bridge_delivery
           WHERE state = 'sent' AND finished_at > %s""",
        [revived],
    )
    arrived = simulator.count() - before
    wrong = [] if sent == waiting == arrived else [f"{waiting} waited, {sent} sent, {arrived} arrived"]
    return (sent - 1) / seconds if seconds else 0.0, wrong
