"""`make run`: start everything of one installation, watch it, stop it in order.

One process that owns all others. A child that dies is started again with growing pauses; when this process is killed,
the kernel tells the children to end and the next start clears what is left. Messages go to the person at the terminal.
"""

import contextlib
import http.client
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from victori.embedded import ServerError, end, spawn, tail
from victori.installation import ROOT, Installation, in_demo

START_SECONDS = 180
PAUSES_SECONDS = (1, 2, 5, 10, 30)
STEADY_SECONDS = 60
CELERY = [sys.executable, "-m", "celery", "-A"]
LOG_LIMIT_BYTES = 10 * 1024 * 1024


class Stop(BaseException):
    """Somebody asked us to end: Ctrl-C, SIGTERM or a closed terminal."""


def say(text: str) -> None:
    """One line to the terminal; a closed one must not hinder an orderly stop."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is going on and how long it took."""
    begun = time.monotonic()
    yield
    say(f"  {what} … {time.monotonic() - begun:.1f} s")


@dataclass
class Service:
    """One supervised process."""

    name: str
    args: list[str]
    stop_signals: tuple[tuple[int, float], ...] = ((signal.SIGTERM, 8),)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    failures: int = 0
    due: float = 0
    log: Path = field(default_factory=Path)

    def start(self, logs: Path) -> None:
        """Start the process; its output goes to logs/NAME.log, the previous one is kept when it grew large."""
        self.log = logs / f"{self.name}.log"
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.process = spawn(self.args, log=self.log, death_signal=signal.SIGTERM, cwd=ROOT)
        self.started = time.monotonic()

    def end(self) -> None:
        """Stop it politely, then the whole session it leads."""
        if self.process is not None:
            end(self.process, *self.stop_signals)
            self.process = None


class Launcher:
    """Owns one installation from start to stop."""

    def __init__(self) -> None:
        self.begun = float(os.environ.get("VICTORI_BEGUN") or time.time())
        self.installation = Installation()
        self.logs = self.installation.state_dir / "logs"
        self.services: list[Service] = []
        self.port = port_of("PORT", "8000")

    # --- start ---

    def prepare(self) -> None:
        """Everything before the first request: servers, migrations, demo data, static files. Raises ServerError."""
        os.environ.setdefault("DEMO", "1")
        os.environ["PORT"] = str(self.port)
        os.environ["STATE_DIR"] = str(self.installation.state_dir)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "victori.settings")
        os.environ["PYTHONUNBUFFERED"] = "1"
        self.installation.prepare_folder()
        self.installation.lock("make run")
        require_free(self.port)
        self.installation.load_secrets()
        with step("PostgreSQL dan Redis"):
            self.installation.start_servers()
        if in_demo() and not os.environ.get("PCARE_BASE_URL"):
            port = free_port(near=self.port + 1)
            root = f"http://127.0.0.1:{port}"
            os.environ["PCARE_BASE_URL"] = f"{root}/pcare-rest-dev"
            # The same stand-in speaks SATUSEHAT too; an address that was given is left alone.
            os.environ.setdefault("SATUSEHAT_BASE_URL", f"{root}/fhir-r4/v1")
            os.environ.setdefault("SATUSEHAT_OAUTH_URL", f"{root}/oauth2/v1")
            memory = self.installation.state_dir / "pcare-simulator.journal"
            # The simulator needs nothing of Django, so it does not wait for it either.
            simulator = [sys.executable, "-m", "pcare_bridge.simulator", "--port", str(port), "--state", str(memory)]
            self.services.append(Service("pcare", simulator))
        self.installation.describe(ready=True)
        code = self._run_visibly([sys.executable, "-m", "victori.prepare"])
        if code != 0:
            raise ServerError("Persiapan gagal; penyebabnya tertulis di atas.")

    def start_services(self) -> None:
        """Web, worker, beat and, in a trial, the PCare simulator; returns when the web answers."""
        state = self.installation.state_dir
        for name in ("web", "worker", "beat", "pcare"):
            switch(state, name).unlink(missing_ok=True)
        os.environ.setdefault("METRICS_PORT", str(free_port(near=self.port + 1001)))
        worker = [*CELERY, "victori.celery:app", "worker", "-c", "2", "--without-gossip", "--without-mingle"]
        beat = [*CELERY, "victori.beat:app", "beat", "-s", str(state / "beat"), "--pidfile="]
        self.services[:0] = [
            Service("web", [sys.executable, "-m", "gunicorn", "-c", "python:victori.gunicorn_conf", "victori.wsgi"]),
            Service("worker", [*worker, "--loglevel", "INFO"], ((signal.SIGTERM, 10), (signal.SIGQUIT, 3))),
            Service("beat", [*beat, "--loglevel", "WARNING"]),
        ]
        with step("web, worker, beat, simulator"):
            for service in self.services:
                service.start(self.logs)
            self._wait_until_healthy()

    def announce(self) -> None:
        """The one line a newcomer waits for, and how to get in."""
        say(f"SIAP http://127.0.0.1:{self.port}")
        accounts = self.installation.state_dir / "accounts.txt"
        if in_demo() and accounts.exists():
            say(accounts.read_text().rstrip())
        for service in self.services:
            if service.name == "pcare":
                say(f"Simulator PCare {os.environ['PCARE_BASE_URL'].rpartition('/')[0]}/ (tombol Matikan ada di sana)")
        say(f"Siap dalam {time.time() - self.begun:.1f} s. Log: {self.logs}. Ctrl-C menghentikan semuanya.")

    def _run_visibly(self, args: list[str]) -> int:
        process = subprocess.Popen(args, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            return process.wait()
        finally:
            end(process, (signal.SIGTERM, 10))

    def _wait_until_healthy(self) -> None:
        web = self.services[0]
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if web.process is None or web.process.poll() is not None:
                raise ServerError(f"Web berhenti saat dinyalakan: {tail(web.log)} (log: {web.log})")
            if healthy(self.port):
                return
            time.sleep(0.05)
        raise ServerError(f"Web belum menjawab setelah {START_SECONDS} detik: {tail(web.log)} (log: {web.log})")

    # --- watch ---

    def watch(self) -> None:
        """Restart what dies, stop and start what is switched; never returns."""
        while True:
            for service in self.services:
                self._look_after(service)
            self._look_after_servers()
            time.sleep(0.2)

    def _look_after(self, service: Service) -> None:
        off = switch(self.installation.state_dir, service.name).exists()
        now = time.monotonic()
        if service.process is not None:
            if off:
                service.end()
                say(f"{service.name}: dimatikan")
            elif service.process.poll() is not None:
                code = service.process.returncode
                service.end()  # whatever is left of its session
                service.failures = 0 if now - service.started > STEADY_SECONDS else service.failures + 1
                pause = PAUSES_SECONDS[min(service.failures, len(PAUSES_SECONDS) - 1)]
                service.due = now + pause
                say(f"{service.name}: berhenti (kode {code}), dinyalakan lagi dalam {pause} s; log: {service.log}")
        elif not off and now >= service.due:
            service.start(self.logs)
            say(f"{service.name}: dinyalakan")

    def _look_after_servers(self) -> None:
        for server in (self.installation.postgres, self.installation.redis):
            if server is None or (server.process is not None and server.process.poll() is None):
                continue
            name = type(server).__name__
            say(f"{name}: berhenti, dinyalakan lagi; log: {server.log}")
            try:
                server.start()
            except ServerError as error:
                say(f"{name}: {error}")
                time.sleep(PAUSES_SECONDS[1])

    # --- stop ---

    def stop(self) -> None:
        """Web first, so that nobody is served half; then workers; the servers last."""
        threads = [threading.Thread(target=service.end) for service in self.services]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.installation.stop_servers()
        self.installation.release()


def switch(state_dir: Path, name: str) -> Path:
    """The file whose presence keeps a service off."""
    return state_dir / f"off-{name}"


def port_of(name: str, default: str) -> int:
    """A port number from the environment. Raises ServerError."""
    text = os.environ.get(name) or default
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ServerError(f"{name}={text} bukan nomor port (1-65535).")
    return int(text)


def require_free(port: int) -> None:
    """Raise ServerError when somebody else listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise ServerError(f"Port {port} memerlukan hak root: pilih yang lain, misalnya PORT=8000.") from None
        except OSError:
            raise ServerError(
                f"Port {port} sedang dipakai program lain: hentikan program itu, atau pilih yang lain, "
                f"misalnya `make run PORT={port + 100}`."
            ) from None


def free_port(near: int) -> int:
    """`near` when it is free, else any free port."""
    for port in (near, 0):
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ServerError("Tidak ada port bebas untuk simulator PCare.")


def healthy(port: int) -> bool:
    """Whether the web answers its health address with 200."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].lstrip(".*") or "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _on_signal(number: int, _frame: FrameType | None) -> None:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)  # one request is enough; the stop must not be cut short
    raise Stop(number)


def require_platform() -> None:
    """Raise ServerError where the trial cannot run."""
    if sys.platform not in ("linux", "darwin"):
        raise ServerError(f"{platform.system()} tidak didukung: pakai Linux, macOS, WSL, atau docker compose.")


def main(arguments: list[str]) -> int:
    """Start all; or `off|on SERVICE` to switch a running one; or `healthy` to ask the web. Returns the exit code."""
    if len(arguments) == 2 and arguments[0] in ("on", "off"):
        file = switch(Installation().state_dir, arguments[1])
        if not file.parent.exists():
            print(f"{file.parent} tidak ada: jalankan `make run` dulu.", file=sys.stderr)
            return 1
        file.unlink(missing_ok=True) if arguments[0] == "on" else file.touch()
        return 0
    if arguments == ["healthy"]:
        return 0 if healthy(port_of("PORT", "8000")) else 1
    launcher: Launcher | None = None
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _on_signal)
    try:
        require_platform()
        launcher = Launcher()
        launcher.prepare()
        launcher.start_services()
        launcher.announce()
        launcher.watch()
    except ServerError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except Stop:
        say("Menghentikan …")
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)
        if launcher is not None:
            launcher.stop()
    say("Selesai.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
