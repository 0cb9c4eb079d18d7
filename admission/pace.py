"""How fast people go in, how long the others wait, how often they ask: whole numbers in, whole numbers out.

Pure functions with the clock as a parameter, so that tests and the simulation run them as the portal does.
"""

import math
import random
from dataclasses import dataclass

# A portal in trouble is relieved at once and filled again with care: who is called shows as load a minute later.
DOWN, UP = 0.7, 1.05
LEAST_INTERVAL = 5
_noise = random.SystemRandom()
SPREAD = 0.2  # of the waiting time, either way: what is said as "12-18 minutes"


@dataclass(frozen=True)
class Load:
    """How booking goes in the last seconds: 95th percentile in milliseconds, requests a second, requests at work."""

    p95_ms: float = 0.0
    per_second: float = 0.0
    in_flight: int = 0


@dataclass(frozen=True)
class Bounds:
    """Limits of the admission rate (people a minute) and the 95th percentile it aims at (milliseconds)."""

    least: int
    most: int
    target_p95_ms: float
    target_in_flight: int


def next_rate(rate: int, load: Load, bounds: Bounds, *, waiting: int) -> int:
    """The rate for the next seconds: cut by a third when pages are slow, raised by a twentieth while they are fast.

    Between half the target and the target it stays. It only rises while somebody waits: a rate that nobody uses says
    nothing about what the portal can bear.
    """
    if load.p95_ms > bounds.target_p95_ms or load.in_flight > bounds.target_in_flight:
        rate = math.floor(rate * DOWN)
    elif waiting and load.p95_ms < bounds.target_p95_ms / 2 and load.in_flight <= bounds.target_in_flight / 2:
        rate = math.ceil(rate * UP)
    return max(bounds.least, min(bounds.most, rate))


def advance(credit: float, rate: int, seconds: float, *, waiting: int, room_inside: int) -> tuple[int, float]:
    """How many go in now, and the part of a person that is left over.

    Never more than wait, nor than `room_inside`. Credit does not grow while nobody can use it: otherwise a quiet hour
    would end in a stampede. A pause of more than five seconds counts as five.
    """
    credit += rate / 60 * min(seconds, 5.0)
    people = min(math.floor(credit), waiting, max(0, room_inside))
    credit = min(credit - people, 1.0)
    return people, credit


def minutes_to_go(ahead: int, rate: int) -> tuple[int, int]:
    """Range of minutes until a person with `ahead` people before them is called, at the present rate."""
    minutes = ahead / max(1, rate)
    low, high = math.floor(minutes * (1 - SPREAD)), math.ceil(minutes * (1 + SPREAD))
    return max(0, low), max(1, high)


def interval(*, ahead: int | None, waiting: int, rate: int, seconds_to_release: float, polls_per_second: int) -> int:
    """Seconds until the next poll, jittered; who is far back asks less often.

    The farthest wait so long that all together ask `polls_per_second` times at most; who is near hears within seconds.
    Before the release (`ahead` None) everybody asks about as often as the farthest, and again soon after the shuffle.
    """
    longest = max(20.0, min(120.0, waiting / max(1, polls_per_second)))
    if ahead is None:
        base = longest if seconds_to_release <= 0 else min(longest, seconds_to_release + longest / 4)
    else:
        base = min(longest, ahead / max(1, rate) * 60 / 4)
    base = max(LEAST_INTERVAL, base)
    return round(base * _noise.uniform(0.85, 1.15))  # against waves of people who ask in step
