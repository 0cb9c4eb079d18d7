"""Redis as cache, and this process's memory while Redis is dead: a wake-up service must not stop a sign-in."""

import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

RETRY_AFTER = 5.0  # seconds


def _with_fallback(name: str) -> Callable[..., Any]:
    def call(self: "FailSafeRedisCache", *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self.dead_until:
            try:
                return getattr(RedisCache, name)(self, *args, **kwargs)
            except RedisError:
                self.dead_until = time.monotonic() + RETRY_AFTER
        return getattr(self.memory, name)(*args, **kwargs)

    return call


class FailSafeRedisCache(RedisCache):
    """RedisCache whose calls go to memory for a few seconds after each failure."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.memory = LocMemCache("victori-fallback", {**params, "OPTIONS": {}})
        self.dead_until = 0.0

    add = _with_fallback("add")
    get = _with_fallback("get")
    set = _with_fallback("set")
    touch = _with_fallback("touch")
    delete = _with_fallback("delete")
    get_many = _with_fallback("get_many")
    has_key = _with_fallback("has_key")
    incr = _with_fallback("incr")
    set_many = _with_fallback("set_many")
    delete_many = _with_fallback("delete_many")
    clear = _with_fallback("clear")
