"""Everything that must be drained, and the wake-up that makes it happen soon.

Beat runs `core.tasks.sweep` every few seconds; a committed transaction only hurries it. A wake-up lost with Redis costs
seconds, never a message.
"""

import logging
import time
from collections.abc import Callable

from django.core.cache import cache

from core import resting

logger = logging.getLogger(__name__)

WANTED_SECONDS = 5  # a wake-up that reached nobody is sent again after this time
# In a rush one question to Redis per this time is enough: the next commit asks again, and beat sweeps in any case.
ASK_EVERY_SECONDS = 0.1
WANTED = "core.sweep-wanted"

_drains: dict[str, Callable[[], int]] = {}
_asked_at = 0.0


def register(name: str, drain: Callable[[], int]) -> None:
    """Register a callable that works off due rows and returns how many; called from AppConfig.ready()."""
    _drains[name] = drain


def run_all() -> dict[str, int]:
    """Run every drain once, each on its own: a failing one does not stop the others."""
    done = {}
    for name, drain in _drains.items():
        try:
            done[name] = drain()
        except Exception:
            logger.exception("drain failed", extra={"drain": name})
            done[name] = 0
    return done


def begin() -> None:
    """A sweep starts: whatever commits from now on may ask for another one."""
    global _asked_at
    _asked_at = 0.0
    cache.delete(WANTED)


def wake() -> None:
    """Ask a worker to sweep now; best effort, never raises, and a dead Redis costs one short try every few seconds."""
    global _asked_at
    from core.tasks import sweep  # late: Celery's app loads after Django's

    now = time.monotonic()
    if resting.is_resting() or now < _asked_at + ASK_EVERY_SECONDS:
        return
    _asked_at = now
    try:
        # One sweep finds everything: fifty doses a second must not queue fifty of them before the other work.
        if not cache.add(WANTED, 1, timeout=WANTED_SECONDS):
            return
        sweep.apply_async(retry=False, expires=30)
    except Exception as error:
        resting.failed(error, "no wake-up, the sweeper finds it")
