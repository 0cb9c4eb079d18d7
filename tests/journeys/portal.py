"""A whole installation for the journeys: started like a newcomer does, in a folder of its own."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the test process set for itself; the installation makes its own.
OURS = (
    "DATABASE_URL", "REDIS_URL", "PCARE_BASE_URL", "DEMO", "SECRET_KEY", "FIELD_KEY", "INDEX_KEY", "STATE_DIR",
    "STATICFILES_BACKEND",
)  # fmt: skip
# The printed output of a `make run` that is already up: journeys walk there, which saves the start while writing them.
RUNNING = os.environ.get("JOURNEYS_RUNNING", "")


class Portal:
    """`make run` in a temporary STATE_DIR: web, worker, beat, PCare simulator, real servers."""

    def __init__(self, folder: Path) -> None:
        self.output = Path(RUNNING) if RUNNING else folder / "output"
        self.env = {name: value for name, value in os.environ.items() if name not in OURS}
        self.process: subprocess.Popen[bytes] | None = None
        if RUNNING:
            self.env["STATE_DIR"] = str(Path(self._printed(r"Log: (\S+?)/logs\.")))
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.env["PORT"] = str(probe.getsockname()[1])
        self.env["STATE_DIR"] = str(folder / "state")

    def start(self, seconds: float = 400) -> None:
        """Start everything and wait for the line that a newcomer waits for."""
        if RUNNING:
            return
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "victori.launcher"],
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while "Siap dalam" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop all of it, as Ctrl-C does."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=120)

    @property
    def url(self) -> str:
        """Where the portal answers."""
        return self._printed(r"^SIAP (http://\S+)")

    @property
    def simulator_url(self) -> str:
        """The page of the PCare simulator."""
        return self._printed(r"^Simulator PCare (http://\S+/)")

    @property
    def password(self) -> str:
        """The password of the demo staff, as printed."""
        return self._printed(r"kata sandi (\S+)")

    def manage(self, *arguments: str) -> str:
        """Output of a management command on this installation."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=300, check=False)
        return done.stdout or done.stderr

    def _printed(self, pattern: str) -> str:
        match = re.search(pattern, self.output.read_text(), re.MULTILINE)
        assert match, self.output.read_text()
        return match[1]
