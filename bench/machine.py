"""What the machine is, and how much of it others used meanwhile: a busy neighbour makes every figure a guess."""

import contextlib
import os
import platform
import time
from pathlib import Path
from typing import Any

from bench.stack import TICKS, Stack, cpu_seconds


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, for the JSON."""
    model = memory = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
        memory = Path("/proc/meminfo").read_text().splitlines()[0].split()[1]
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory or 0) / 1024**2, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _ticks() -> list[int]:
    """Of all cores since the start of the machine; the last is what the host took away."""
    return [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def _busy_ticks() -> int:
    user, nice, system, _idle, _wait, irq, soft, steal = _ticks()
    return user + nice + system + irq + soft + steal


class Host:
    """Share of all cores that the host of a virtual machine gave to others since the start of this object."""

    def __init__(self) -> None:
        self.begun, self.stolen = time.monotonic(), _ticks()[-1]

    def share(self) -> float:
        """0 on a machine that is nobody else's."""
        seconds = (time.monotonic() - self.begun) * (os.cpu_count() or 1)
        return (_ticks()[-1] - self.stolen) / TICKS / seconds if seconds else 0.0


class Neighbours:
    """Share of all cores that processes other than ours used since the start of this object."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.begun, self.busy, self.own = time.monotonic(), _busy_ticks() / TICKS, self._own()

    def _own(self) -> float:
        times = os.times()
        used = times.user + times.system + times.children_user + times.children_system
        servers = [self.stack.postgres.process, self.stack.redis.process, *(one.process for one in self.stack.served)]
        return used + sum(cpu_seconds(process.pid) for process in servers if process is not None)

    def share(self) -> float:
        """0 on a machine of our own; servers that ended meanwhile make it look a little busier."""
        seconds = (time.monotonic() - self.begun) * (os.cpu_count() or 1)
        others = (_busy_ticks() / TICKS - self.busy) - (self._own() - self.own)
        return round(max(0.0, others / seconds), 3) if seconds else 0.0
