"""Wake-ups are a courtesy: with Redis dead nobody waits for one."""

import os
import subprocess
import sys
from types import SimpleNamespace

from core import resting, sweeper
from tests.patience import quickest

WAKE_A_HUNDRED_TIMES = """
import time, django
django.setup()
from core import sweeper
started = time.monotonic()
for _ in range(100):
    sweeper.wake()
print(time.monotonic() - started)
"""


def test_a_wake_up_reaches_the_queue(redis_client, monkeypatch):
    resting.forget()
    monkeypatch.setattr(sweeper, "_asked_at", 0.0)
    sweeper.wake()
    assert redis_client.llen("celery") == 1


def test_many_wake_ups_queue_one_sweep_until_it_begins(redis_client, monkeypatch):
    resting.forget()
    monkeypatch.setattr(sweeper, "_asked_at", 0.0)
    monkeypatch.setattr(sweeper, "ASK_EVERY_SECONDS", 0.0)  # the key in Redis alone holds them back
    monkeypatch.setattr(sweeper, "WANTED_SECONDS", 600)
    for _ in range(50):
        sweeper.wake()
    assert redis_client.llen("celery") == 1
    sweeper.begin()
    sweeper.wake()
    assert redis_client.llen("celery") == 2


def test_in_a_rush_redis_is_asked_a_few_times_a_second_and_not_for_every_booking(redis_client, monkeypatch):
    monkeypatch.setattr(sweeper, "_asked_at", 0.0)
    asked, clock = [], SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(sweeper, "time", clock)
    monkeypatch.setattr(sweeper.cache, "add", lambda *args, **named: asked.append(clock.now))
    resting.forget()
    for _ in range(500):
        sweeper.wake()
        clock.now += 0.002  # five hundred bookings a second
    assert 8 <= len(asked) <= 11


def test_with_redis_dead_a_hundred_wake_ups_cost_one_short_try(tmp_path):
    env = os.environ | {"REDIS_URL": f"unix://{tmp_path}/nobody.sock?db=0"}

    def seconds():
        command = [sys.executable, "-c", WAKE_A_HUNDRED_TIMES]
        return float(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)

    assert quickest(seconds, 3) < 3


def test_one_failing_drain_does_not_stop_the_others(monkeypatch):
    monkeypatch.setattr(sweeper, "_drains", {})
    sweeper.register("broken", lambda: 1 // 0)
    sweeper.register("sound", lambda: 3)
    assert sweeper.run_all() == {"broken": 0, "sound": 3}
