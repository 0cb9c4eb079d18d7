"""Publishing must never hold up a citizen; the worker must survive what Redis does not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.patience import quickest
from victori.celery import broker_url

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("redis://:pw@redis:6379/0", "redis://:pw@redis:6379/0"),
    ],
)
def test_broker_address_is_translated(given, expected):
    assert broker_url(given) == expected


@pytest.mark.parametrize("redis", ["unix:///nonexistent/redis.sock", "redis://127.0.0.1:1/0"])
def test_a_wake_up_to_a_dead_redis_fails_at_once_and_is_swallowed(redis):
    script = (
        "import django, time; django.setup(); from core import sweeper\n"
        "begun = time.monotonic(); sweeper.wake(); sweeper.wake(); print('detik', time.monotonic() - begun)"
    )
    env = os.environ | {"REDIS_URL": redis}

    def seconds():
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return float(done.stdout.split("detik")[1])

    assert quickest(seconds, 2.5) < 2.5


def test_the_clock_does_not_load_the_portal():
    script = "import sys, victori.beat; victori.beat.app.conf.beat_schedule; print('django.db.models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.timeout(500)
def test_a_worker_returns_to_work_after_redis_was_restarted(tmp_path, process_env, django_db_blocker):
    from victori.embedded import Redis

    server = Redis(tmp_path / "redis", tmp_path, tmp_path / "redis.log")
    server.start()
    env = process_env | {"REDIS_URL": server.url}
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "victori.celery:app", "worker", "-c", "1", "--loglevel", "INFO"]
    wake = [sys.executable, "-c", "import django; django.setup(); from core import sweeper; sweeper.wake()"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [*command, "--without-mingle"], cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )

    import redis

    def queue_is_taken() -> bool:
        """Whether a published wake-up leaves the queue."""
        subprocess.run(wake, cwd=ROOT, env=env, check=True)
        client = redis.Redis.from_url(server.url)
        # What the dying connection had taken comes back after broker_transport_options.visibility_timeout, 60 s.
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if client.llen("celery") == 0 and client.hlen("unacked") == 0:
                return True
            time.sleep(0.1)
        return False

    try:
        assert queue_is_taken(), log.read_text()
        server.process.kill()
        server.process.wait()
        time.sleep(1.5)
        server.start()
        assert queue_is_taken(), log.read_text()
        assert worker.poll() is None
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # its children keep connections to the database of this test
        worker.wait()
        server.stop()
