"""A frozen Redis costs this process one wait, whoever asked it first; then everybody does without it for a while."""

import socket
import time

import pytest
from django.core.cache.backends.base import BaseCache
from redis.exceptions import ResponseError

from admission import board
from core import resting, sweeper, throttle
from core.cache import FailSafeRedisCache
from tests.patience import quickest


@pytest.fixture
def frozen(settings, monkeypatch):
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        monkeypatch.setattr(sweeper, "_asked_at", 0.0)
        monkeypatch.setattr(resting, "SECONDS", 600.0)
        resting.forget()
        yield server
    resting.forget()


@pytest.fixture
def cache(frozen, settings, monkeypatch) -> BaseCache:
    """The portal's cache on that address, empty."""
    given = settings.CACHES["default"]
    cache = FailSafeRedisCache(settings.REDIS_URL, {key: given[key] for key in ("KEY_PREFIX", "OPTIONS")})
    cache.memory.clear()
    monkeypatch.setattr(sweeper, "cache", cache)
    return cache


def connections(server):
    """How often somebody came since the last look."""
    server.setblocking(False)
    count = 0
    try:
        while True:
            server.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count


def limit(_cache):
    assert throttle.hit("uji", "seseorang", "1000/minute") == 0


def keep(cache):
    cache.set("nama", "nilai")
    assert cache.get("nama") == "nilai"


def waiting_room(_cache):
    board.put_turn(1, "0" * 32, 1)


def wake_up(_cache):
    sweeper.wake()


EVERYBODY = (limit, keep, waiting_room, wake_up)


@pytest.mark.parametrize("first", EVERYBODY)
def test_who_asked_in_vain_spares_everybody_the_wait(frozen, cache, first):
    first(cache)
    assert connections(frozen) >= 1, "it was really asked"

    def everybody():
        begun = time.monotonic()
        for ask in EVERYBODY:
            ask(cache)
        return time.monotonic() - begun

    assert quickest(everybody, 0.2) < 0.2
    assert connections(frozen) == 0


def test_after_a_while_it_is_asked_again(frozen, cache, monkeypatch):
    monkeypatch.setattr(resting, "SECONDS", 0.1)
    waiting_room(cache)
    connections(frozen)
    time.sleep(0.15)
    waiting_room(cache)
    assert connections(frozen) >= 1


def test_a_redis_that_answers_with_an_error_is_not_dead(frozen, caplog):
    resting.failed(ResponseError("OOM command not allowed"), "nothing")
    assert not resting.is_resting()
    assert caplog.records[0].message == "Redis failed"


def test_another_redis_is_asked(frozen, settings, cache):
    waiting_room(cache)
    assert resting.is_resting()
    settings.REDIS_URL += "1"
    assert not resting.is_resting()
