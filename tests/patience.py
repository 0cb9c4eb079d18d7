"""Waiting on a machine that may stand still for seconds: for a state instead of a moment, for the quickest of several
tries instead of one."""

import time
from collections.abc import Callable
from typing import Any

TRIES = 8


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of `condition()`; AssertionError that names `what` when none comes within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


def quickest(measure: Callable[[], float], limit: float) -> float:
    """The least of up to TRIES values, of which one below `limit` is enough.

    For durations: a machine that stands still makes one try slow, a program that is slow all of them.
    """
    least = measure()
    for _ in range(TRIES - 1):
        if least < limit:
            break
        least = min(least, measure())
    return least
