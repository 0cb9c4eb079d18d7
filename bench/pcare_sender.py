"""The bridge's own sender as a process: sends what is due until nothing waits, and says how long that took.

Reads orders from standard input, one JSON object per line; any order sends. Settings come from the environment, as
they do for a worker.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import django

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_SECONDS = 0.5


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Samples:
    """Memory and progress, noted every half second while a block runs."""

    def __init__(self) -> None:
        self.sent = 0
        self.points: list[tuple[int, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Samples":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.points.append((self.sent, memory()))


def drain() -> dict[str, object]:
    """Send until nothing waits, in the turns of the Celery task; returns count, seconds and memory on the way."""
    from pcare_bridge import sending

    begun, cpu = time.monotonic(), time.process_time()
    with Samples() as samples:
        while True:
            sent = sending.send_due(8, "pcare")
            samples.sent += sent
            if not sent and not sending.has_work("pcare"):
                break
        seconds = time.monotonic() - begun
    samples.points.append((samples.sent, memory()))
    return {
        "sent": samples.sent, "seconds": seconds, "cpu_seconds": time.process_time() - cpu, "memory": samples.points,
    }  # fmt: skip


def main() -> None:
    """Answer each order with one line."""
    django.setup()
    print("{}", flush=True)
    for line in sys.stdin:
        if json.loads(line):
            print(json.dumps(drain()), flush=True)


if __name__ == "__main__":
    main()
