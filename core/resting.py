"""A Redis that does not answer is left alone for a while, by everything in this process at once.

Whoever asks Redis has something else to do without it: memory, the database, the next sweep. So one question without an
answer is enough, and until it is asked again nobody waits.
"""

import logging
import time

from django.conf import settings
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

SECONDS = 5.0
_until: dict[str, float] = {}  # per address, monotonic; shared by the threads of this process


def is_resting() -> bool:
    """Whether Redis failed within the last seconds: then it is not asked."""
    return time.monotonic() < _until.get(settings.REDIS_URL, 0.0)


def failed(error: Exception, instead: str) -> None:
    """Redis failed with `error`; `instead` says in the log what happens without it.

    An error that Redis itself answers with (no memory left, only reading allowed) took no time: it is asked again.
    """
    if not isinstance(error, ResponseError):
        _until[settings.REDIS_URL] = time.monotonic() + SECONDS
    logger.warning("Redis failed", extra={"error": type(error).__name__, "instead": instead})


def forget() -> None:
    """Ask again at once; tests call it."""
    _until.clear()
