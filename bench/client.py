"""A load generator that costs little: one epoll loop, raw HTTP/1.1, keep-alive, no pipelining.

Each connection runs a scenario: a generator that yields a request (bytes) and is sent the answer, or yields a number of
seconds to wait. A connection the server closed while it was idle is opened again, as browsers do; a cut answer, a
refused connection and a time-out are errors, counted by name and never dropped.
"""

import contextlib
import errno
import heapq
import select
import socket
import struct
import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
CHUNK = 262_144
SO_TIMESTAMPNS = 35  # Linux: each received segment carries the time the kernel got it; the module has no name for it
STAMP = struct.Struct("@ll")
Address = tuple[str, int]


@dataclass(slots=True)
class Answer:
    """One answer; `status` 0 means that there was none, `error` says why.

    Seconds from asking to the last byte: `seconds` until this process had read it, `arrived` until it was at this
    machine's socket (the same without stamps).
    """

    status: int
    head: bytes
    body: bytes
    seconds: float
    error: str = ""
    arrived: float = 0.0

    def header(self, name: str) -> str:
        """Value of a header, empty when it is missing."""
        wanted = name.lower().encode() + b":"
        for line in self.head.split(b"\r\n"):
            if line[: len(wanted)].lower() == wanted:
                return line[len(wanted) :].strip().decode("latin-1")
        return ""


Scenario = Generator[bytes | float, Answer | None, None]


@dataclass
class Tally:
    """What one run saw. `latencies` and `arrivals` by label (the scenario's, else the status), in seconds."""

    seconds: float = 0.0
    answers: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    reopened: int = 0
    cpu_seconds: float = 0.0
    latencies: dict[str, array] = field(default_factory=dict)
    arrivals: dict[str, array] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[Any] = field(default_factory=list)

    def note(self, label: str, answer: Answer) -> None:
        """Keep the times of one answer under `label`."""
        self.latencies.setdefault(label, array("f")).append(answer.seconds)
        self.arrivals.setdefault(label, array("f")).append(answer.arrived)

    def add(self, other: "Tally") -> None:
        """Take in what another process saw in the same window."""
        self.seconds = max(self.seconds, other.seconds)
        self.answers += other.answers
        self.errors += other.errors
        self.counts += other.counts
        self.reopened += other.reopened
        self.cpu_seconds += other.cpu_seconds
        self.notes += other.notes
        for mine, theirs in ((self.latencies, other.latencies), (self.arrivals, other.arrivals)):
            for label, values in theirs.items():
                mine.setdefault(label, array("f")).extend(values)

    @property
    def failed(self) -> int:
        """Requests without a whole answer, and answers of 5xx."""
        return sum(self.errors.values()) + sum(n for status, n in self.answers.items() if status >= 500)

    def rate(self, *statuses: int) -> float:
        """Answers per second; of these statuses when some are named."""
        wanted = sum(self.answers[status] for status in statuses) if statuses else sum(self.answers.values())
        return wanted / self.seconds if self.seconds else 0.0

    def percentile(self, share: float, *labels: str, arrived: bool = False) -> float:
        """Latency (until read, or until arrived) below which `share` of the answers stayed, in seconds; 0 without."""
        kept = self.arrivals if arrived else self.latencies
        values = sorted(v for label in labels or tuple(kept) for v in kept.get(label, ()))
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class _Connection:
    """One connection and the scenario that uses it."""

    __slots__ = (
        *("answered", "begun", "begun_at", "buffer", "connecting", "out"),
        *("request", "retried", "scenario", "socket", "source", "stamp"),
    )

    def __init__(self, scenario: Scenario, source: str | None) -> None:
        self.scenario, self.source = scenario, source
        self.socket: socket.socket | None = None
        self.buffer = bytearray()
        self.out: memoryview | None = None
        self.request = b""
        self.begun = 0.0
        self.begun_at = self.stamp = 0.0  # by the clock of the wall, which the kernel's stamps use
        self.connecting = self.retried = False
        self.answered = 0  # answers on this very connection


class Crowd:
    """Many scenarios at once against one address, in one thread.

    With `stamps` each answer also knows when its last byte arrived, however late this process came to read it: on a
    machine that generator and servers share, a person waits for the servers but not for the generator.
    """

    def __init__(
        self, address: Address, *, timeout: float = 30.0, label: Callable[[Answer], str] | None = None,
        stamps: bool = False,
    ) -> None:  # fmt: skip
        self.address, self.timeout, self.stamps = address, timeout, stamps
        self.label = label or (lambda answer: str(answer.status))
        self.tally = Tally()
        self.epoll = select.epoll()
        self.by_fd: dict[int, _Connection] = {}
        self.waiting: list[tuple[float, int, _Connection]] = []
        self.busy: set[_Connection] = set()
        self.serial = 0
        self.starts = self.ends = 0.0
        self.closing = False

    def run(
        self, scenarios: Iterable[Scenario], *, seconds: float, drain: float | None = None, ramp: float = 0.0,
        settle: float = 0.0, sources: Callable[[int], str] | None = None,
    ) -> Tally:  # fmt: skip
        """Run all scenarios until they end or `seconds` are over; then wait up to `drain` for answers under way.

        Only answers inside the window are counted, which opens `settle` seconds after the start, when scenarios of
        several steps are no longer all at their first; errors count always. `ramp` spreads the starts over so many
        seconds.
        `sources` gives the local address of the nth connection.
        """
        begun, cpu = time.perf_counter(), time.process_time()
        self.starts, self.ends = begun + settle, begun + seconds
        everybody = [_Connection(one, sources(n) if sources else None) for n, one in enumerate(scenarios)]
        for number, connection in enumerate(everybody):
            self._later(connection, begun + ramp * number / max(1, len(everybody)))
        self._loop(self.ends)
        window_end = min(time.perf_counter(), self.ends) if (self.busy or self.waiting) else time.perf_counter()
        self.tally.seconds = max(0.0, min(window_end, self.ends) - self.starts)
        self.closing = True
        self._loop(time.perf_counter() + (self.timeout if drain is None else drain))
        for connection in list(self.busy):
            self._fail(connection, "no answer at the end")
        for connection in everybody:
            self._close(connection)
            with contextlib.suppress(Exception):
                connection.scenario.close()
        self.epoll.close()
        self.tally.cpu_seconds = time.process_time() - cpu
        return self.tally

    def _loop(self, until: float) -> None:
        next_look = time.perf_counter() + 0.5
        while self.busy or (self.waiting and not self.closing):
            now = time.perf_counter()
            if now >= until:
                return
            while not self.closing and self.waiting and self.waiting[0][0] <= now:
                _at, _serial, connection = heapq.heappop(self.waiting)
                self._resume(connection, None)
            if now >= next_look:
                self._time_out(now)
                next_look = now + 0.5
            wake = min(until, next_look, self.waiting[0][0] if self.waiting and not self.closing else until)
            for fd, event in self.epoll.poll(max(0.0, wake - time.perf_counter()), 1024):
                known = self.by_fd.get(fd)
                if known is not None:
                    self._handle(known, event)

    def _time_out(self, now: float) -> None:
        for connection in [one for one in self.busy if now - one.begun > self.timeout]:
            self._fail(connection, "time-out")

    # --- scenario ---

    def _later(self, connection: _Connection, at: float) -> None:
        self.serial += 1
        heapq.heappush(self.waiting, (at, self.serial, connection))

    def _resume(self, connection: _Connection, answer: Answer | None) -> None:
        """Give the scenario its answer and do what it asks next."""
        try:
            wish = next(connection.scenario) if answer is None else connection.scenario.send(answer)
        except StopIteration:
            self._close(connection)
            return
        if isinstance(wish, bytes):
            connection.request, connection.begun, connection.retried = wish, time.perf_counter(), False
            connection.begun_at = connection.stamp = time.time()
            if self.closing:
                return
            self.busy.add(connection)
            self._ask(connection)
        else:
            self._later(connection, time.perf_counter() + wish)

    def _ask(self, connection: _Connection) -> None:
        connection.out = memoryview(connection.request)
        connection.buffer.clear()
        if connection.socket is None:
            self._open(connection)
        else:
            self._write(connection)

    def _done(self, connection: _Connection, status: int, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        seconds = now - connection.begun
        arrived = min(seconds, connection.stamp - connection.begun_at) if self.stamps else seconds
        answer = Answer(status, head, body, seconds, arrived=arrived)
        connection.answered += 1
        self.busy.discard(connection)
        if self.starts <= now <= self.ends:
            self.tally.answers[status] += 1
            self.tally.note(self.label(answer), answer)
        else:
            self.tally.counts["after the window" if now > self.ends else "before the window"] += 1
            if status >= 500:
                self.tally.answers[status] += 1
        if b"onnection: close" in head:
            self._close(connection)
        self._resume(connection, answer)

    def _fail(self, connection: _Connection, why: str) -> None:
        self._close(connection)
        self.busy.discard(connection)
        self.tally.errors[why] += 1
        self._resume(connection, Answer(0, b"", b"", time.perf_counter() - connection.begun, why))

    # --- socket ---

    def _open(self, connection: _Connection) -> None:
        new = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        new.setblocking(False)
        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if connection.source:
            # The port is chosen at connect, so one address can be used by more connections than it has ports.
            new.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
            new.bind((connection.source, 0))
        if self.stamps:
            new.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        code = new.connect_ex(self.address)
        connection.socket, connection.connecting, connection.answered = new, True, 0
        if code not in (0, errno.EINPROGRESS):
            self._fail(connection, f"connect: {errno.errorcode.get(code, code)}")
            return
        self.by_fd[new.fileno()] = connection
        connection.connecting = code != 0
        self.epoll.register(new.fileno(), READ | WRITE if code else READ)
        if not code:  # on the same machine a connection stands at once
            self._write(connection)

    def _close(self, connection: _Connection) -> None:
        if connection.socket is not None:
            fd = connection.socket.fileno()
            if self.by_fd.pop(fd, None) is not None:
                with contextlib.suppress(OSError):
                    self.epoll.unregister(fd)
            connection.socket.close()
            connection.socket = None

    def _handle(self, connection: _Connection, event: int) -> None:
        if connection.connecting:
            assert connection.socket
            code = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._fail(connection, f"connect: {errno.errorcode.get(code, code)}")
                return
            connection.connecting = False
            self.epoll.modify(connection.socket.fileno(), READ)
            self._write(connection)
            return
        if event & WRITE:
            self._write(connection)
        if event & ~WRITE:
            self._read(connection)

    def _write(self, connection: _Connection) -> None:
        assert connection.socket
        if not connection.out:
            return
        try:
            sent = connection.socket.send(connection.out)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._cut(connection, f"send: {errno.errorcode.get(error.errno or 0, error.errno)}")
            return
        whole = sent == len(connection.out)
        connection.out = None if whole else connection.out[sent:]
        if not whole:
            self.epoll.modify(connection.socket.fileno(), READ | WRITE)
        elif sent != len(connection.request):
            self.epoll.modify(connection.socket.fileno(), READ)

    def _read(self, connection: _Connection) -> None:
        assert connection.socket
        try:
            data = self._receive(connection, connection.socket)
        except BlockingIOError:
            return
        except OSError as error:
            self._cut(connection, f"receive: {errno.errorcode.get(error.errno or 0, error.errno)}")
            return
        if not data:
            self._cut(connection, "closed without an answer" if not connection.buffer else "answer cut short")
        elif connection in self.busy:
            connection.buffer += data
            found = parse(connection.buffer)
            if found:
                self._done(connection, *found)
        else:  # an answer nobody asked for
            self._close(connection)
            self.tally.errors["bytes without a request"] += 1

    def _receive(self, connection: _Connection, source: socket.socket) -> bytes:
        if not self.stamps:
            return source.recv(CHUNK)
        data, extra, _flags, _from = source.recvmsg(CHUNK, 64)
        connection.stamp = time.time()  # for systems that give none
        for level, kind, value in extra:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = STAMP.unpack_from(value)
                connection.stamp = seconds + nanoseconds / 1e9
        return data

    def _cut(self, connection: _Connection, why: str) -> None:
        """The server closed: quietly when idle, once more on a kept connection, an error otherwise."""
        if connection not in self.busy:
            self._close(connection)
        elif connection.answered and not connection.buffer and not connection.retried:
            self._close(connection)
            connection.retried = True
            self.tally.reopened += 1
            self._ask(connection)
        else:
            self._fail(connection, why)


def parse(buffer: bytearray) -> tuple[int, bytes, bytes] | None:
    """Status, head and body once all of it is there; None before."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    status = int(head[9:12])
    if status in (204, 304) or 100 <= status < 200:
        return status, head, b""
    low = head.lower()
    at = low.find(b"content-length:")
    if at >= 0:
        stop = low.find(b"\r\n", at)
        length = int(low[at + 15 : stop if stop >= 0 else None])
        return (status, head, bytes(buffer[end + 4 : end + 4 + length])) if len(buffer) >= end + 4 + length else None
    if b"transfer-encoding: chunked" in low:
        body = _chunks(buffer, end + 4)
        return None if body is None else (status, head, body)
    raise ValueError(f"neither length nor chunks: {head!r}")


def _chunks(buffer: bytearray, at: int) -> bytes | None:
    parts: list[bytes] = []
    while True:
        stop = buffer.find(b"\r\n", at)
        if stop < 0:
            return None
        size = int(bytes(buffer[at:stop]).split(b";")[0], 16)
        if len(buffer) < stop + 2 + size + 2:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(buffer[stop + 2 : stop + 2 + size]))
        at = stop + 2 + size + 2
