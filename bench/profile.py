"""Where the milliseconds of one confirm go: processor time of each part of the portal, over some hundred real requests.

The whole application runs in this process, all middleware included; only gunicorn's reading and writing of sockets is
missing. Each part is charged with what it uses itself, without what it calls. Processor time, not the clock: a busy
neighbour makes a request wait, not work.
"""

import functools
import importlib
import io
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from bench import bookings, people
from bench.result import Scale, say
from bench.stack import Stack, cpu_seconds

# Parts of the portal's code by name; one that no longer exists is left out and said so.
PARTS = (
    ("signed cookie", "django.core.signing.loads"),
    ("account and person", "registration.session._member"),
    ("account and person", "registration.session._account"),
    ("session and schedule", "scheduling.queries.slot_with_schedule"),
    ("past doses", "scheduling.eligibility.past_doses"),
    ("rules: evaluate", "scheduling.eligibility.evaluate"),
    ("rules: choose the dose", "scheduling.eligibility.for_schedule"),
    ("pre-screening form", "scheduling.flow.pre_screening"),
    ("answers: open", "scheduling.flow.unseal"),
    ("answers: advice to store", "scheduling.flow.PreScreening.to_store"),
    ("book()", "scheduling.booking.book"),
    ("wake the worker (Redis)", "core.sweeper.wake"),
    ("form fields", "django.http.request.HttpRequest._load_post_and_files"),
    ("address to view", "django.urls.resolvers.URLResolver.resolve"),
    ("view", "scheduling.views.booking.check_answers"),
    ("view", "scheduling.views.booking._confirm"),
    ("log lines", "logging.Logger.handle"),
)
STDERR = 2


class Clock:
    """Charges processor time to the innermost part."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.waited: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.stack = ["elsewhere"]
        self.at = time.thread_time()

    def _charge(self) -> None:
        now = time.thread_time()
        self.spent[self.stack[-1]] += now - self.at
        self.at = now

    def forget(self) -> None:
        """Begin to count anew."""
        self.spent.clear()
        self.waited.clear()
        self.calls.clear()

    def enter(self, part: str) -> None:
        """What follows belongs to `part`."""
        self._charge()
        self.stack.append(part)
        self.calls[part] += 1

    def leave(self) -> None:
        """Back to the caller's part."""
        self._charge()
        self.stack.pop()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, charged to `part`."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.enter(part)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return timed

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """For connection.execute_wrapper: one part per statement."""
        part = f"SQL: {shorten(sql)}"
        begun = time.perf_counter()
        self.enter(part)
        try:
            return execute(sql, params, many, context)
        finally:
            self.leave()
            self.waited[part] += time.perf_counter() - begun


def shorten(sql: str) -> str:
    """The kind of statement and its first table, or the name of a prepared one."""
    words = sql.split()
    if words[0] == "EXECUTE":
        return words[1]
    at = words.index("FROM") + 1 if "FROM" in words else 1
    return f"{words[0]} {words[at] if at < len(words) else ''}".replace('"', "").strip()


@contextmanager
def instrumented(clock: Clock) -> Iterator[None]:
    """Every part of PARTS, every middleware and every statement charged to `clock`."""
    from django.conf import settings
    from django.db import connection

    with ExitStack() as patches:
        for path in settings.MIDDLEWARE:
            kind = _find(path)
            timed = clock.around(f"middleware: {path.rpartition('.')[2]}", kind.__call__)
            patches.enter_context(mock.patch.object(kind, "__call__", timed))
        for part, path in PARTS:
            try:
                function = _find(path)
            except (ImportError, AttributeError):
                say(f"  {path} is gone; its time stands with its caller")
                continue
            patches.enter_context(mock.patch(path, clock.around(part, function)))
        patches.enter_context(connection.execute_wrapper(clock.statement))
        yield


def _find(path: str) -> Any:
    """The object at a dotted path, a class's member included."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return getattr(_find(module), name)


def environ(raw: bytes) -> dict[str, Any]:
    """The WSGI environment of a request given as bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _version = first.split()
    path, _, query = target.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
        "SERVER_NAME": "bench", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip
    for line in lines:
        name, _, value = line.partition(": ")
        name = name.upper().replace("-", "_")
        found[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
    return found


def ask(application: Any, raw: bytes) -> str:
    """Send one request through the application; returns the address it redirects to."""
    seen: list[Any] = []
    response = application(environ(raw), lambda status, headers, _error=None: seen.extend([status, dict(headers)]))
    b"".join(response)
    response.close()
    return str(seen[1].get("Location", seen[0]))


def run(stack: Stack, scale: Scale) -> list[dict[str, Any]]:
    """Rows of the table, largest first, with totals; every request must be a booking."""
    warm, count = scale.pick(300, 20), scale.pick(600, 30)
    slots = people.make_slots(scale.pick(2_000, 40), 36, first_day=200)
    everybody = people.make_people(2 * count + warm)
    people.analyze()
    # Whoever confirms has looked at the day before: each day is known when the clock starts.
    known = bookings.prepare(everybody[:warm], slots[:: people.SLOTS_A_DAY])
    prepared = [one.request for one in known + bookings.prepare(everybody[warm:], slots)]
    clock = Clock()
    with quiet():
        from victori.wsgi import application

        targets = [ask(application, raw) for raw in prepared[:warm]]
        plain = _processor_time(application, prepared[warm : warm + count], targets)
        with instrumented(clock):
            from django.core.handlers.wsgi import WSGIHandler

            fresh = WSGIHandler()  # takes up the instrumented middleware
            targets += [ask(fresh, raw) for raw in prepared[warm + count : warm + count + 10]]
            clock.forget()
            server = _server_time(stack)
            measured = prepared[warm + count + 10 :]
            targets += [ask(fresh, raw) for raw in measured]
            server = _server_time(stack) - server
    wrong = [target for target in targets if "baru=1" not in target]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(targets)} confirms were no booking: {wrong[0]}")
    return _rows(clock, len(measured), plain, server)


def _processor_time(application: Any, requests: list[bytes], targets: list[str]) -> float:
    """Milliseconds per request without instruments."""
    begun = time.process_time()
    targets += [ask(application, raw) for raw in requests]
    return 1000 * (time.process_time() - begun) / len(requests)


def _server_time(stack: Stack) -> float:
    return cpu_seconds(stack.postgres.process.pid) if stack.postgres.process else 0.0


def _rows(clock: Clock, count: int, plain: float, server: float) -> list[dict[str, Any]]:
    total = sum(clock.spent.values())
    rows: list[dict[str, Any]] = [
        {
            "where": part,
            "ms": 1000 * spent / count,
            "share": spent / total,
            "waited_ms": 1000 * clock.waited[part] / count,
            "calls": clock.calls[part] / count,
        }
        for part, spent in sorted(clock.spent.items(), key=lambda item: -item[1])
    ]
    rows = [row for row in rows if row["ms"] >= 0.005]
    rows.append({"where": "**all, in this process**", "ms": 1000 * total / count, "share": 1.0})
    rows.append({"where": "all, without instruments", "ms": plain, "share": plain * count / 1000 / total})
    rows.append({"where": "PostgreSQL's processes", "ms": 1000 * server / count, "share": server / total})
    return rows


@contextmanager
def quiet() -> Iterator[None]:
    """The log lines are written, as in production, but to nowhere: a terminal would be slower than a pipe."""
    sys.stderr.flush()
    saved, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    saved_out = os.dup(1)
    try:
        os.dup2(nowhere, STDERR)
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(saved, STDERR)
        os.dup2(saved_out, 1)
        for descriptor in (saved, saved_out, nowhere):
            os.close(descriptor)
