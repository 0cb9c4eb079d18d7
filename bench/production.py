"""An installation with production settings behind nginx, as the benchmark and the tests of deployment start it."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

from victori import embedded
from victori.installation import ROOT

HOST = "vaksin.example.go.id"
POSTGRES = ROOT / "deploy/postgres/portal.conf"
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:victori.gunicorn_conf"]
# Statics of the admin and the API docs: three hundred files that nothing here uses.
NOT_COLLECTED = ("admin", "rest_framework", "django_htmx", "allauth", "mfa")
COLLECT_STATIC = [
    *(sys.executable, str(ROOT / "manage.py"), "collectstatic", "--no-input", "--verbosity", "0"),
    *(word for name in NOT_COLLECTED for word in ("-i", name)),
]


class StackError(RuntimeError):
    """Something did not start; one sentence for the person at the terminal."""


def environment(folder: Path) -> dict[str, str]:
    """Settings of an installation behind nginx that keeps its files in `folder`; servers and secrets are not in it."""
    return {
        "DEMO": "0",
        "HTTPS": "1",
        "BEHIND_PROXY": "1",
        "ALLOWED_HOSTS": HOST,
        "PUBLIC_BASE_URL": f"https://{HOST}",
        "STATIC_ROOT": str(folder / "static"),
        "PUBLIC_COPY_DIR": str(folder / "copy"),
        "WEB_KEEPALIVE": "75",
        "QUEUE_LIMIT": "400",  # the gate of nginx decides, not the process
    }


def unused_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path, timeout: float = 60) -> None:
    """Return when the process accepts connections. Raises StackError with the end of its log."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise StackError(f"{log.stem} did not start: {embedded.tail(log, 30)} (log: {log})")
