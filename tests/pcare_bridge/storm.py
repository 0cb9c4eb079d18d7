"""An installation that may be broken: servers of its own, a plain sender and a Celery worker, each killed at will."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.db import connection

from tests import template_database
from victori.embedded import Postgres, Redis, ServerError, postgres_bin, socket_folder

ROOT = Path(__file__).resolve().parents[2]
# As the Celery task does it, without waiting for a wake-up; a lost server ends a turn, as it ends a task.
SENDER = """
import time
import django; django.setup()
from django.db import Error, connection
from core import sweeper
from pcare_bridge import sending
while True:
    try:
        sweeper.run_all()
        sending.send_due(2)
    except Error:
        pass
    connection.close_if_unusable_or_obsolete()
    time.sleep(0.05)
"""
CELERY = ["-m", "celery", "-A", "victori.celery:app", "worker", "-c", "1", "--without-mingle", "--without-gossip"]


class Storm:
    """PostgreSQL with full durability, Redis without any, and two workers; Django's connection of this process is bent
    to that PostgreSQL until `stop`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.chmod(0o711)
        self.folder, self.kills, self.restarts = folder, 0, 0
        sockets = socket_folder(folder)
        self.postgres = Postgres(folder / "postgres", sockets, folder / "postgres.log")
        self.redis = Redis(folder / "redis", sockets, folder / "redis.log", durable=False)
        self.postgres.start()
        self.redis.start()
        self._restore(sockets)
        self.env = os.environ | {
            "DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url, "PYTHONPATH": str(ROOT),
            "SWEEP_SECONDS": "1", **environment,
        }  # fmt: skip
        self.before = {name: connection.settings_dict[name] for name in ("HOST", "NAME", "USER")}
        connection.close()
        connection.settings_dict.update(HOST=str(sockets), NAME="victori", USER="victori")
        self.running: list[subprocess.Popen[bytes]] = []

    def _restore(self, sockets: Path) -> None:
        template_database.ensure()
        source = os.environ["DATABASE_URL"].rpartition("/")[0].removeprefix("postgres://").partition("@")
        dump = [str(postgres_bin() / "pg_dump"), "-Fc", "-U", source[0], "-h", source[2].removeprefix("/")]
        pack = subprocess.run([*dump, "victori_template"], capture_output=True, check=True)
        target = [
            str(postgres_bin() / "pg_restore"),
            "--no-owner",
            "-U",
            "victori",
            "-h",
            str(sockets),
            "-d",
            "victori",
        ]
        subprocess.run(target, input=pack.stdout, capture_output=True, check=True)

    def begin(self) -> None:
        """Start both workers."""
        self.running = [self._start(0), self._start(1)]

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, *(CELERY if number else ["-c", SENDER])]
        with (self.folder / f"worker{number}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True)

    def kill_one(self, chance: random.Random) -> None:
        """End one worker, children included, with signal 9 and start another in its place."""
        at = chance.randrange(2)
        self._kill(self.running[at])
        self.kills += 1
        self.running[at] = self._start(at)

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart_postgres(self) -> None:
        """Kill the database server and start it again; the workers find their way back by themselves."""
        connection.close()
        assert self.postgres.process
        self.postgres.process.kill()
        self.postgres.process.wait()
        for _ in range(80):
            with contextlib.suppress(ServerError):
                self.postgres.start()
                break
            time.sleep(0.1)
        self.restarts += 1
        connection.ensure_connection()

    def empty_redis(self) -> None:
        """Everything in Redis is gone: wake-ups, queues, locks, caches."""
        import redis

        client = redis.Redis.from_url(self.redis.url)
        client.flushall()
        client.close()

    def stop(self) -> None:
        """End everything and give Django its own database back."""
        for process in self.running:
            self._kill(process)
        connection.close()
        connection.settings_dict.update(self.before)
        self.redis.stop()
        self.postgres.stop()
