"""A release of 9,000 places to 50,000 arrivals with 5 % bots: bench.rush plays it, a sample goes through real HTTP."""

from dataclasses import asdict
from typing import Any

from bench import people, rush
from bench.production import HOST
from bench.result import Figure, Scale, say
from bench.rush_http import Sample
from bench.stack import Stack


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Sold out, nothing over, and what being a bot was worth."""
    plan = scale.pick(rush.Plan(), rush.Plan(arrivals=400, places=80))
    per_slot = 30 if plan.places > 1_000 else 8
    slots = people.make_slots(-(-plan.places // per_slot), per_slot, first_day=210)
    visitors = people.make_people(scale.pick(40, 6))
    people.analyze()
    humans = len(visitors) * 3 // 4
    sample = Sample(stack.portal.address, HOST, visitors[:humans], visitors[humans:])

    def before_release(room: Any) -> None:
        sample.join(room)
        sample.push(room.pk, slots, released=False)

    result = rush.run(plan, slots, before_release=before_release, midway=lambda room_id: sample.go_in(room_id, slots))
    say(f"  {result}\n  over HTTP: {dict(sample.counts)}")
    what = f"release of {plan.places:,} places to {plan.arrivals:,} arrivals, {plan.bots:.0%} bots"
    wrong = result.over + result.double_turns + sample.counts["leaks"]
    return [
        Figure(
            "rush_sold", f"{what}: sold", result.sold / result.places, 1.0, measured=result.sold, limit=result.places,
            limit_is="places", unit="places", details=asdict(result) | {"over_http": dict(sample.counts)},
        ),
        Figure("rush_over", f"{what}: over, second turns, ways around the room", wrong, 0, most=True),
        Figure("rush_bots", f"{what}: bots' share, times fair", result.ratio, 1.2, most=True),
    ]  # fmt: skip
