"""Moving-window limits on Redis; when it is dead, per process in memory: nobody is shut out and nothing is open.

Keys are keyed hashes: neither a phone nor an address can be read from Redis (I6).
"""

import math
import time
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from core import resting
from core.crypto import blind_index

_memory = MovingWindowRateLimiter(MemoryStorage())


def hit(name: str, key: str, limit: str) -> int:
    """Count one use of `name` by `key`; returns 0 when allowed, else the seconds to wait.

    `limit` such as "5/15minutes;20/day": all parts must have room. A refused use is not counted in later parts.
    """
    for item in parse_many(limit):
        wait = _hit(item, name, blind_index(key, f"throttle.{name}").hex()[:32])
        if wait:
            return wait
    return 0


def _hit(item: RateLimitItem, name: str, key: str) -> int:
    if not resting.is_resting():
        try:
            return _ask(_redis_limiter(settings.REDIS_URL), item, name, key)
        except RedisError as error:
            resting.failed(error, "limits count in this process alone")
    return _ask(_memory, item, name, key)


def _ask(limiter: MovingWindowRateLimiter, item: RateLimitItem, name: str, key: str) -> int:
    if limiter.hit(item, name, key):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(item, name, key).reset_time - time.time()))


@lru_cache(maxsize=2)
def _redis_limiter(url: str) -> MovingWindowRateLimiter:
    if urlsplit(url).scheme == "unix":
        url = "redis+" + url
    storage = RedisStorage(url, socket_timeout=2.0, socket_connect_timeout=1.0, key_prefix="victori:limit")
    return MovingWindowRateLimiter(storage)
