"""Turning the wheels in tests: sweep as the workers do, look upstream, count violations, wait."""

import threading
import time
from typing import Any

import pytest
from django.db import connections

from core import audit, outbox
from pcare_bridge import sending
from pcare_bridge.models import Delivery
from pcare_bridge.simulator.server import Server


def upstream_rows(simulator: Server, table: str = "vaksinasi") -> list[dict[str, Any]]:
    return list(simulator.service.registry.tables[table].values())


def run(rounds: int = 40) -> None:
    """Sweep as the workers do until nothing is left to do by itself."""
    for _ in range(rounds):
        outbox.drain("pcare")
        sending.send_due(60)
        if not Delivery.objects.filter(state__in=["waiting", "in_flight", "held"]).exists():
            return
        time.sleep(0.05)


def violations() -> dict[str, int]:
    counts = {check.title: check.count_violations() for check in audit._checks if check.id == "I5"}
    assert len(counts) == 3
    return {title: count for title, count in counts.items() if count}


def wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


class HeldBack:
    """The first request of a kind waits at the service, before anything is done with it, until it is let go."""

    def __init__(self, simulator: Server, monkeypatch: pytest.MonkeyPatch, method: str = "", path: str = "") -> None:
        self.arrived, self._go = threading.Event(), threading.Event()
        serve = simulator.service.serve

        def held(method_asked: str, path_asked: str, *rest: Any) -> Any:
            if not self.arrived.is_set() and method in ("", method_asked) and path in path_asked.lower():
                self.arrived.set()
                self._go.wait(120)
            return serve(method_asked, path_asked, *rest)

        monkeypatch.setattr(simulator.service, "serve", held)

    def let_go(self) -> None:
        """Carry it out."""
        self._go.set()


def in_thread(work: Any, *arguments: Any) -> None:
    try:
        work(*arguments)
    finally:
        connections.close_all()
