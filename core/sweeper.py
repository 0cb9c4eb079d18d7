"""Everything that must be drained, and the wake-up that makes it happen soon.

Beat runs `core.tasks.sweep` every few seconds; a committed transaction only hurries it. A wake-up lost with Redis costs
seconds, never a message.
"""

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

_drains: dict[str, Callable[[], int]] = {}


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


def wake() -> None:
    """Ask a worker to sweep now; best effort, never raises and never waits for a dead Redis."""
    from core.tasks import sweep  # late: Celery's app loads after Django's

    try:
        sweep.apply_async(retry=False, expires=30)
    except Exception as error:
        logger.info("no wake-up sent, the sweeper will find it", extra={"error": type(error).__name__})
