"""The worker's figures for Prometheus, on a port of their own (METRICS_PORT; empty: none).

The pool's processes write theirs into files of one folder, the first process adds them up and answers. Nothing here is
reachable from outside: METRICS_ADDRESS is this machine unless an operator says otherwise.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def prepare() -> None:
    """Choose the folder before the first figure is declared: prometheus_client looks for it when it is imported."""
    port = os.environ.get("METRICS_PORT")
    if not port or "worker" not in sys.argv:
        return
    prefix = f"victori-metrics-{port}-"
    # What a killed worker left behind; a stranger's folder of that name stays, and is in nobody's way.
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    os.environ[FOLDER] = tempfile.mkdtemp(prefix=prefix)


def serve(**_signal: Any) -> None:
    """Answer on METRICS_PORT from a thread of this process."""
    port = os.environ.get("METRICS_PORT")
    if not port or FOLDER not in os.environ:
        return
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(Queues())
    start_http_server(int(port), os.environ.get("METRICS_ADDRESS") or "127.0.0.1", registry)


def forget(**_signal: Any) -> None:
    """Leave no files behind."""
    if FOLDER in os.environ:
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


class Queues:
    """What waits for each service and whether it answers, read from the database when it is asked for."""

    def collect(self) -> Iterator[Any]:
        """One gauge each for up, waiting, and what needs a person."""
        from django.db import DatabaseError, close_old_connections
        from prometheus_client.core import GaugeMetricFamily

        from pcare_bridge import accounts, outlook
        from pcare_bridge.models import Delivery

        up = GaugeMetricFamily("pcare_up", "1 while the service answers", labels=["service"])
        waiting = GaugeMetricFamily(
            "pcare_waiting", "Deliveries that will still be sent by themselves", labels=["service"]
        )
        refused = GaugeMetricFamily("pcare_refused", "Deliveries that need a person", labels=["service"])
        try:
            close_old_connections()
            for state in outlook.service_states():
                mine = Delivery.objects.filter(profile__in=accounts.profiles_of(state.service))
                up.add_metric([state.service], 0 if state.is_down else 1)
                waiting.add_metric([state.service], state.waiting)
                refused.add_metric([state.service], mine.filter(state=Delivery.REFUSED).count())
        except DatabaseError:
            return  # the counters are still worth something
        finally:
            close_old_connections()
        yield from (up, waiting, refused)

    def describe(self) -> list[Any]:
        """Nothing at registration: asking would need the database before it is there."""
        return []
