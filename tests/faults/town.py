"""A whole installation with production settings and servers of its own, which a test may kill, stop and start."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from tests.deploy.running import ROOT, Gunicorn, production, unused_port
from tests.faults.visitor import Visitor
from victori.embedded import Postgres, Redis, ServerError, postgres_bin, socket_folder


class Town:
    """PostgreSQL with full durability, Redis without any, gunicorn, and as many people as asked for."""

    def __init__(self, folder: Path, people: int) -> None:
        folder.chmod(0o711)
        self.folder = folder
        sockets = socket_folder(folder)
        self.postgres = Postgres(folder / "postgres", sockets, folder / "postgres.log")
        self.redis = Redis(folder / "redis", sockets, folder / "redis.log", durable=False)
        self.postgres.start()
        self.redis.start()
        self.env = production(
            folder,
            unused_port(),
            DATABASE_URL=self.postgres.url,
            # A worker that asks a frozen Redis stands there until the test has done what it came for.
            REDIS_URL=f"{self.redis.url}?socket_timeout=120",
            STATE_DIR=str(folder / "state"),
            STATICFILES_BACKEND="django.contrib.staticfiles.storage.StaticFilesStorage",
            SIGNING_KEY_PASSPHRASE="sandi-uji",
            MESSAGE_CHANNELS="sms",
            SWEEP_SECONDS="1",
        )
        self._restore_structure()
        self.people = 0
        self._coming = threading.Lock()
        city = self._more(people)
        self.schedule, self.slots = city["schedule"], city["slots"]
        self._slots = itertools.cycle(self.slots)
        self.gunicorn = Gunicorn(self.env, folder / "gunicorn.log")
        self.gunicorn.start()

    def _more(self, people: int) -> dict[str, Any]:
        """So many people more, who are the next to come."""
        made = self.run(sys.executable, "-m", "tests.faults.city", str(people), str(self.people))
        city: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
        self.people += people
        self._people = iter(city["people"])
        return city

    def _restore_structure(self) -> None:
        """The tables of the test run's own template, which is already migrated."""
        source = os.environ["DATABASE_URL"].rpartition("/")[0].removeprefix("postgres://").partition("@")
        dump = [str(postgres_bin() / "pg_dump"), "-Fc", "-U", source[0], "-h", source[2].removeprefix("/")]
        pack = subprocess.run([*dump, "victori_template"], capture_output=True, check=True)
        target = [str(postgres_bin() / "pg_restore"), "--no-owner", "-U", "victori", "-h", str(self.postgres.sockets)]
        done = subprocess.run([*target, "-d", "victori"], input=pack.stdout, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A process of this installation that must succeed."""
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def connect(self) -> http.client.HTTPConnection:
        """A connection straight to gunicorn."""
        return http.client.HTTPConnection("127.0.0.1", self.gunicorn.port, timeout=90)

    def visitor(self, **options: Any) -> Visitor:
        """The next person who has not booked yet; the test and its load ask at the same time."""
        with self._coming:
            person = next(self._people, None)
            if person is None:  # a fast machine books more while a process starts again
                self._more(200)
                person = next(self._people)
        cookie, citizen = person
        return Visitor(cookie, citizen, **({"connect": self.connect} | options))

    def next_slot(self) -> int:
        """Sessions in turn."""
        return next(self._slots)

    @contextlib.contextmanager
    def database(self) -> Iterator[Any]:
        """A cursor of the test's own, each statement for itself."""
        connection = psycopg2.connect(host=str(self.postgres.sockets), user="victori", dbname="victori")
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of one statement."""
        with self.database() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def audit(self) -> None:
        """Every invariant of the house holds."""
        done = subprocess.run(
            [sys.executable, "manage.py", "audit", "--json"],
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout or done.stderr[-3000:]
        assert json.loads(done.stdout)["ok"] is True

    def start_postgres(self) -> None:
        """Start it again after a kill; the last children of the killed one may still be leaving."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.postgres.start()
            except ServerError:
                assert time.monotonic() < deadline, "PostgreSQL does not start again"
            time.sleep(0.1)

    def signal_postgres(self, sig: int) -> None:
        """Send `sig` to the server and all its processes."""
        assert self.postgres.process
        for pid in [self.postgres.process.pid, *children_of(self.postgres.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def stop(self) -> None:
        """End everything."""
        self.gunicorn.stop()
        self.redis.stop()
        if self.postgres.process:
            self.signal_postgres(signal.SIGCONT)
        self.postgres.stop()


def children_of(pid: int) -> list[int]:
    """Direct children of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Signal 9 and its end."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def worker_of(town: Town, client_port: int) -> int:
    """The gunicorn worker that holds the connection from `client_port`, found as `ss -tp` finds it."""
    wanted = (f":{town.gunicorn.port:04X}", f":{client_port:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(wanted[0]) and words[2].endswith(wanted[1]) and words[9] != "0":
            socket = f"socket:[{words[9]}]"
            for pid in town.gunicorn.workers():
                for handle in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if str(handle.readlink()) == socket:
                            return pid
    raise AssertionError("nobody holds this connection")


def wait_until(condition: Any, what: str, seconds: float = 60) -> Any:
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return value
