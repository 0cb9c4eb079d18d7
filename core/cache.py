"""Redis as cache, and this process's memory while Redis is dead: a wake-up service must not stop a sign-in."""

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from core import resting


def _with_fallback(name: str) -> Callable[..., Any]:
    def call(self: "FailSafeRedisCache", *args: Any, **kwargs: Any) -> Any:
        if not resting.is_resting():
            try:
                return getattr(RedisCache, name)(self, *args, **kwargs)
            except RedisError as error:
                resting.failed(error, "the cache is this process's memory")
        return getattr(self.memory, name)(*args, **kwargs)

    return call


class FailSafeRedisCache(RedisCache):
    """RedisCache whose calls go to memory while Redis is dead (core.resting)."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.memory = LocMemCache("victori-fallback", {**params, "OPTIONS": {}})

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
