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
OURS = ("DATABASE_URL", "REDIS_URL", "PCARE_BASE_URL", "DEMO", "SECRET_KEY", "FIELD_KEY", "INDEX_KEY", "STATE_DIR")


class Portal:
    """`make run` in a temporary STATE_DIR: web, worker, beat, PCare simulator, real servers."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = folder / "state"
        self.output = folder / "output"
        self.env = {name: value for name, value in os.environ.items() if name not in OURS}
        self.env |= {"STATE_DIR": str(self.state), "PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 150) -> None:
        """Start everything and wait for the line that a newcomer waits for."""
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
            self.process.wait(timeout=60)

    @property
    def simulator_url(self) -> str:
        """Where the PCare simulator listens."""
        match = re.search(r"Simulator PCare (http://\S+?)/ ", self.output.read_text())
        assert match, self.output.read_text()
        return match[1]

    def accounts(self) -> str:
        """The demo accounts as printed."""
        return (self.state / "accounts.txt").read_text()

    def switch_pcare(self, how: str) -> None:
        """`off` stops the simulator's process, `on` starts it again."""
        command = [sys.executable, "-m", "victori.launcher", how, "pcare"]
        subprocess.run(command, cwd=ROOT, env=self.env, check=True, timeout=60, capture_output=True)

    def manage(self, *arguments: str) -> str:
        """Output of a management command on this installation."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout or done.stderr
