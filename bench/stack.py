"""The real thing on this machine: PostgreSQL with full durability, Redis, gunicorn, nginx, production settings."""

import base64
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import nginx, production
from bench.production import StackError, unused_port, wait_for_port
from victori import embedded
from victori.installation import ROOT
from victori.translations import compile_all

TICKS = os.sysconf("SC_CLK_TCK")


class Served:
    """A listening server program: its port, its processes, what they cost."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.name, self.process, self.port, self.log = name, process, port, log

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    def wait(self, timeout: float = 60) -> None:
        """Return when it accepts connections. Raises StackError."""
        wait_for_port(self.port, self.process, self.log, timeout)

    def stop(self) -> None:
        """Politely, then not."""
        embedded.end(self.process, (signal.SIGTERM, 10))

    def processes(self) -> list[int]:
        """Ids of all its living processes: it leads a session of its own."""
        return members(self.process.pid)

    def cpu_seconds(self) -> float:
        """Processor time of its processes so far; what ended meanwhile counts through its parent."""
        return cpu_seconds(self.process.pid)

    def memory_bytes(self) -> int:
        """Proportional memory (PSS) of its processes: shared pages count once."""
        return memory_bytes(self.process.pid)


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that ended and waits to be noticed does not."""
    return bool(fields := _stat(pid)) and fields[0] != "Z"


def members(leader: int) -> list[int]:
    """The leader, its session and its children (each process of PostgreSQL has a session of its own)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields and leader in (int(entry.name), int(fields[1]), int(fields[3])):
            found.append(int(entry.name))
    return found


def cpu_seconds(leader: int) -> float:
    """User and system time of a server's processes, ended children included."""
    ticks = 0
    for pid in members(leader):
        fields = _stat(pid)
        ticks += sum(int(field) for field in fields[11:15]) if fields else 0
    return ticks / TICKS


def memory_bytes(leader: int) -> int:
    """Proportional memory (PSS) of a program and its children: shared pages count once."""
    return sum(map(_pss, members(leader)))


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Stack:
    """Owns every process of one run; use as a context manager. `say` gets one line per step."""

    def __init__(self, folder: Path | None = None) -> None:
        parent = ROOT / "build" / "bench"
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = folder or Path(tempfile.mkdtemp(prefix="run-", dir=parent))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.served: list[Served] = []
        self.sockets = embedded.socket_folder(self.folder)
        log = self.folder / "postgres.log"
        self.postgres = embedded.Postgres(self.folder / "postgres", self.sockets, log, config=production.POSTGRES)
        self.redis = embedded.Redis(self.folder / "redis", self.sockets, self.folder / "redis.log")
        self._portal: Served | None = None
        self._bare: Served | None = None

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        compile_all(ROOT)
        self.postgres.start()
        self.redis.start()
        self._environment()
        collect = self._run("collectstatic", production.COLLECT_STATIC)  # on the other core
        manage = [sys.executable, str(ROOT / "manage.py")]
        # The tests of the benchmark bring the tables of their own run along: the same, ten seconds sooner.
        structure = os.environ.get("BENCH_STRUCTURE")
        restore = [str(embedded.postgres_bin() / "pg_restore"), "--no-owner", "-h", str(self.sockets)]
        restore += ["-U", embedded.ROLE, "-d", embedded.DATABASE]
        tables = [*restore, structure] if structure else [*manage, "migrate", "--no-input", "--verbosity", "0"]
        self._finish(self._run("tables", tables))
        self._finish(self._run("reference", [*manage, "load_reference_data"]))
        self._finish(collect)
        import django

        django.setup()

    def _environment(self) -> None:
        """Production settings with throw-away secrets, for this process and its children."""
        key = [base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
        os.environ |= production.environment(self.folder) | {
            "DJANGO_SETTINGS_MODULE": "victori.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "STATE_DIR": str(self.folder),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FIELD_KEY": key[0],
            "INDEX_KEY": key[1],
            "SIGNING_KEY_PASSPHRASE": secrets.token_urlsafe(24),
            "DEBUG": "0",
            "PCARE_BASE_URL": "",
        }
        for name in ("STATICFILES_BACKEND", "BIND", "PORT", "WEB_WORKERS", "WEB_THREADS"):
            os.environ.pop(name, None)

    def _run(self, name: str, command: list[str]) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / f"{name}.log"
        return embedded.spawn(command, log=log, cwd=ROOT), log

    def _finish(self, started: tuple[subprocess.Popen[bytes], Path]) -> None:
        process, log = started
        if process.wait() != 0:
            raise StackError(f"{log.stem} failed: {embedded.tail(log)} (log: {log})")

    def stop(self) -> None:
        """End everything; the folder goes too."""
        for served in reversed(self.served):
            served.stop()
        self.served.clear()
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- web ---

    def gunicorn(self, application: str, **environment: str) -> Served:
        """One gunicorn with the portal's settings file; returns when it answers."""
        port, log = unused_port(), self.folder / f"{application.partition(':')[0]}.log"
        command = [*production.GUNICORN, application]
        env = os.environ | {"BIND": f"127.0.0.1:{port}"} | environment
        if application.startswith("bench."):
            env.pop("DJANGO_SETTINGS_MODULE")
        served = Served(application, embedded.spawn(command, log=log, env=env, cwd=ROOT), port, log)
        self.served.append(served)
        served.wait()
        return served

    @property
    def portal(self) -> Served:
        """The portal on gunicorn, started on first use."""
        self._portal = self._portal or self.gunicorn("victori.wsgi")
        return self._portal

    @property
    def bare(self) -> Served:
        """The bare Django view on gunicorn, started on first use."""
        self._bare = self._bare or self.gunicorn("bench.bare:application")
        return self._bare

    def end(self, served: Served) -> None:
        """Stop one server before the others."""
        served.stop()
        self.served.remove(served)
        self._portal = None if self._portal is served else self._portal
        self._bare = None if self._bare is served else self._bare

    def end_web(self) -> None:
        """Stop the portal's gunicorn, if it runs: it keeps connections to the database."""
        if self._portal is not None:
            self.end(self._portal)

    def proxy(self, upstream: Served, files: Path) -> Served:
        """nginx with the portal's configuration in front of `upstream`; `files` is served below /static/."""
        folder = Path(tempfile.mkdtemp(prefix="nginx-", dir=self.folder))
        port = unused_port()
        command = nginx.prepare(folder, port=port, web_port=upstream.port, gate_port=unused_port(), files=files)
        served = Served("nginx", embedded.spawn(command, log=folder / "output"), port, folder / "error.log")
        self.served.append(served)
        # Four times the usual weight, as docker-compose.yml gives it; Linux weighs sessions, ours is one of its own.
        with contextlib.suppress(OSError):
            Path(f"/proc/{served.process.pid}/autogroup").write_text("-6")
        served.wait()
        return served
