"""Deliveries a second against the simulator without throttle, memory over many, and what a claim costs in a full table.

The limit is the bare HTTP client making the same calls: as many, the same bytes, to the same simulator, with as many
connections. Sender and limit are processes of their own and take turns.
"""

import statistics
from typing import Any

from bench import deliveries
from bench.result import Figure, Scale, against, alternate, ratio, say
from bench.stack import Stack

IN_FLIGHT = 32
CLAIMS = 40  # of four rows each, every one rolled back, in each round
BARE = "bare HTTP client, same calls"
LEAN = "the client's sending part alone"


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Rate beside the bare client, memory over many deliveries, cost of a claim as finished rows pile up."""
    simulator = deliveries.Simulator(stack)
    simulator.start()
    environment = {
        "PCARE_BASE_URL": simulator.base_url, "PCARE_PER_SECOND": "0", "PCARE_IN_FLIGHT": str(IN_FLIGHT),
    }  # fmt: skip
    sender = deliveries.Child(stack, "bench.pcare_sender", "sender.log", **environment)
    bare = deliveries.Child(stack, "bench.pcare_bare", "bare.log", **environment)
    try:
        figures = [*_rate(stack, scale, simulator, sender, bare), _memory(scale, sender)]
    finally:
        sender.stop()
        bare.stop()
        simulator.stop()
    return [*figures, _claim(scale)]


def _memory(scale: Scale, sender: deliveries.Child) -> Figure:
    """Resident memory of the sender at the end of very many deliveries, beside what it was after the first tenth."""
    count = scale.pick(50_000, 200)
    deliveries.wake(deliveries.make(count))
    found = sender.ask(send=True)
    points = found["memory"]
    early = next(size for sent, size in points if sent >= count / 10)
    last = points[-1][1]
    wrong = [] if found["sent"] == count else [f"{found['sent']} of {count} sent"]
    return Figure(
        "pcare_memory", f"memory of the sender over {count:,} deliveries", last / early, 1.1, 1.03, most=True,
        measured=last / 2**20, limit=early / 2**20, limit_is="after the first tenth", unit="MB",
        details={"wrong": wrong, "seconds": found["seconds"], "points": points[:: max(1, len(points) // 200)]},
    )  # fmt: skip


def _claim(scale: Scale) -> Figure:
    """Seconds of one claim with few and with very many finished rows, in turn; everything else is the same."""
    few, many = scale.pick(10_000, 1_000), scale.pick(1_000_000, 20_000)
    deliveries.wake(deliveries.make(2_000 if not scale.quick else 50))
    deliveries.finished(few)
    deliveries.keep_copy()
    deliveries.finished(many - few)
    small, large = deliveries.claims_in_turn(scale.pick(9, 1), scale.pick(CLAIMS, 10))
    middle, low, high = ratio(large, small)
    return Figure(
        "pcare_claim", f"cost of a claim, {few:,} → {many:,} finished deliveries", middle, 1.2, 1.0, most=True,
        measured=1000 * statistics.median(large), limit=1000 * statistics.median(small),
        limit_is=f"a copy with {few:,}, in turn", unit="ms", low=low, high=high,
    )  # fmt: skip


def _rate(
    stack: Stack, scale: Scale, simulator: deliveries.Simulator, sender: deliveries.Child, bare: deliveries.Child
) -> list[Figure]:
    """Judged against the HTTP client; beside it, against the part of it that sends, which is what the bridge uses."""
    rounds, each = scale.pick(5, 1), scale.pick(2_000, 60)
    warm = 2 * IN_FLIGHT
    ids = deliveries.make(3 * (rounds * each + warm))
    cpu = dict.fromkeys(("sender", "bare", "lean"), 0.0)
    wrong: list[str] = []

    def send(count: int = each) -> float:
        mine = [ids.pop() for _ in range(count)]
        before = simulator.count()
        deliveries.wake(mine)
        found = sender.ask(send=True)
        cpu["sender"] += found["cpu_seconds"]
        if found["sent"] != count or simulator.count() - before != count:
            wrong.append(f"{found['sent']} of {count} sent, {simulator.count() - before} arrived")
        return count / found["seconds"]

    def limit(count: int = each, *, lean: bool = False) -> float:
        file = stack.folder / "requests.json"
        deliveries.write_requests([ids.pop() for _ in range(count)], file)
        found = bare.ask(file=str(file), width=IN_FLIGHT, lean=lean)
        cpu["lean" if lean else "bare"] += found["cpu_seconds"]
        if found["written"] != count:
            wrong.append(f"{found['written']} of {count} written by the bare client")
        return count / found["seconds"]

    alternate({"limit": lambda: limit(warm), "sender": lambda: send(warm), "lean": lambda: limit(warm, lean=True)}, 1)
    cpu.update(dict.fromkeys(cpu, 0.0))
    found = alternate({"limit": limit, "sender": send, "lean": lambda: limit(lean=True)}, rounds)
    made: dict[str, Any] = {f"{name}_cpu_ms_each": 1000 * used / (rounds * each) for name, used in cpu.items()}
    costs = (f"{name.removesuffix('_cpu_ms_each')} {value:.2f} ms" for name, value in made.items())
    say(f"  processor time of one: {', '.join(costs)}")
    return [
        against(
            "pcare_rate", "deliveries to PCare, throttle off", found["sender"], found["limit"], BARE,
            asked=0.6, aim=0.8, wrong=wrong, **made,
        ),
        against("pcare_rate_lean", "the same, beside it", found["sender"], found["lean"], LEAN, asked=0.0),
    ]  # fmt: skip
