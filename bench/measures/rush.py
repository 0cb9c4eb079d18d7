"""9,000 places, 50,000 arrivals, one in twenty a bot at a hundred times human speed; a sample over real HTTP."""

from dataclasses import asdict
from typing import Any

from bench import people, rush, rush_http
from bench.nginx import HOST
from bench.result import Figure, Scale, say
from bench.stack import Stack


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Places sold, oversold, share of the bots beside their share of the people."""
    plan = rush.Plan(arrivals=scale.pick(50_000, 400), places=scale.pick(9_000, 80))
    per_slot = scale.pick(60, 10)
    slots = people.make_slots(plan.places // per_slot, per_slot, first_day=160)
    humans, bots = people.make_people(scale.pick(30, 4)), people.make_people(scale.pick(6, 2))
    sample = rush_http.Sample(stack.portal.address, HOST, humans, bots)
    found: dict[str, Any] = {}

    def send_sample(room: Any) -> None:
        sample.join(room)
        sample.push(room.pk, slots, released=False)
        found["room"] = room.pk

    def called(room_id: int) -> None:
        sample.go_in(room_id, slots)

    result = rush.run(plan, slots, before_release=send_sample, midway=called)
    details = asdict(result) | {"http": dict(sample.counts)}
    say(f"  {details}")
    what = f"release of {plan.places:,} places to {plan.arrivals:,} people"
    return [
        Figure("rush_sold", f"{what}: share sold", result.sold / plan.places, 1.0, details=details),
        Figure("rush_over", f"{what}: over", result.over + sample.counts["leaks"], 0, most=True),
        Figure("rush_bots", f"{what}: bots / fair share", result.ratio, 1.2, most=True),
    ]
