"""The public schedule page from its snapshot: on gunicorn beside a bare view, behind nginx beside a static file."""

import gzip
import statistics
import time
from pathlib import Path
from typing import Any

from bench import load, people
from bench.client import Tally
from bench.production import HOST
from bench.result import Figure, Scale, against, alternate, ratio, say
from bench.stack import Served, Stack

CONNECTIONS = 16
BEHIND_NGINX = 64


class Rate:
    """Requests a second of one address, with the server's own processor time per request."""

    def __init__(self, served: Served, path: str, seconds: float, *, connections: int, processes: int = 1) -> None:
        self.served, self.seconds, self.connections, self.processes = served, seconds, connections, processes
        self.request = load.get(path, HOST, Accept_Encoding="gzip")
        self.cpu: list[float] = []
        self.failed = self.other = self.count = 0
        self.generator = 0.0

    def __call__(self) -> float:
        before, begun = self.served.cpu_seconds(), time.perf_counter()
        tally = load.run(
            self.served.address,
            load.repeat(self.request, self.connections),
            seconds=self.seconds,
            processes=self.processes,
        )
        count = sum(tally.answers.values())
        self.cpu.append((self.served.cpu_seconds() - before) / max(1, count))
        self.generator = max(self.generator, tally.cpu_seconds / (time.perf_counter() - begun) / self.processes)
        self.failed += tally.failed
        self.other += count - tally.answers[200]
        self.count += count
        return tally.rate(200)


def fetch(served: Served, path: str, **headers: str) -> tuple[int, str, bytes]:
    """Status, content encoding and raw body of one page."""
    found: list[Any] = []

    def one() -> Any:
        answer = yield load.get(path, HOST, **headers)
        load.NOTES.append((answer.status, answer.header("Content-Encoding"), answer.body))

    tally: Tally = load.run(served.address, lambda *_: [one()], seconds=30)
    found = tally.notes
    if not found or found[0][0] != 200:
        raise RuntimeError(f"{path}: {found[0][0] if found else tally.errors}")
    return found[0]


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """The page of one schedule with twelve sessions, compressed, fresh most of the time."""
    slot = people.make_slots(12, 20, first_day=90)[0]
    schedule = people.query("SELECT schedule_id FROM scheduling_slot WHERE id = %s", [slot])[0][0]
    path = f"/jadwal/{schedule}/"
    _status, encoding, body = fetch(stack.portal, path, Accept_Encoding="gzip")
    say(f"  page {len(body):,} bytes, {encoding or 'not compressed'}")
    return [on_gunicorn(stack, scale, path, len(body)), behind_nginx(stack, scale, path, body)]


def on_gunicorn(stack: Stack, scale: Scale, path: str, size: int) -> Figure:
    """From the snapshot in process memory, beside a bare view that returns as many bytes."""
    page = Rate(stack.portal, path, scale.seconds, connections=CONNECTIONS)
    bare = Rate(stack.bare, f"/{size}", scale.seconds, connections=CONNECTIONS)
    found = alternate({"bare": bare, "page": page}, scale.rounds + 2)
    return against(
        "page_gunicorn", "public schedule page on gunicorn", found["page"], found["bare"],
        "bare Django view, same bytes", asked=0.7, aim=0.9, bytes=size, **_details(page, bare),
    )  # fmt: skip


def behind_nginx(stack: Stack, scale: Scale, path: str, body: bytes) -> Figure:
    """Behind nginx with its micro-cache, beside a static file of the very same compressed bytes.

    nginx is faster than any generator in Python, so two ratios are taken, of requests a second and of nginx's
    processor time per request; the lower one is judged.
    """
    files = stack.folder / "files"
    files.mkdir()
    write_file(files / "page.html", body)
    nginx = stack.proxy(stack.portal, files)
    many: dict[str, Any] = {"connections": BEHIND_NGINX, "processes": 2}
    page, static = (Rate(nginx, one, scale.seconds, **many) for one in (path, "/static/page.html"))
    found = alternate({"static": static, "page": page}, scale.rounds + 2)
    figure = against(
        "page_nginx", "the same behind nginx", found["page"], found["static"], "nginx static file, same bytes",
        asked=0.7, aim=0.9, **_details(page, static),
    )  # fmt: skip
    by_cpu, low, high = ratio(static.cpu, page.cpu)
    figure.details |= {"by_requests": figure.value, "by_processor_time": by_cpu, "generator_share": page.generator}
    if by_cpu < figure.value:
        figure.value, figure.low, figure.high = by_cpu, low, high
    stack.end(nginx)
    return figure


def write_file(path: Path, body: bytes) -> None:
    """A file as collectstatic leaves it: plain, and compressed beside it."""
    path.write_bytes(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    path.with_name(path.name + ".gz").write_bytes(body if body[:2] == b"\x1f\x8b" else gzip.compress(body))


def _details(page: Rate, limit: Rate) -> dict[str, Any]:
    return {
        "errors": page.failed + limit.failed,
        "other": page.other + limit.other,
        "cpu_ms_per_request": 1000 * statistics.median(page.cpu),
        "limit_cpu_ms_per_request": 1000 * statistics.median(limit.cpu),
    }
