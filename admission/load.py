"""How booking goes right now, measured where it happens: each process counts, Redis adds up, second by second.

Redis dead: each process decides on what it sees itself. Nothing here is kept for more than a minute.
"""

import os
import threading
from bisect import bisect_left
from collections import Counter, deque

from redis.exceptions import RedisError

from admission import board
from admission.pace import Load
from core import express

EDGES_MS = (10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000, 30000)
KEEP_SECONDS = 60


class Meter:
    """Counts requests of one process by how long they took; one short lock, and once a second one write to Redis."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.in_flight = 0
        self.second = 0
        self.most = 0
        self.counts: Counter[str] = Counter()
        self.past: deque[tuple[int, Counter[str]]] = deque(maxlen=KEEP_SECONDS)

    def begin(self) -> None:
        """A request starts."""
        with self.lock:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight + express.queue_length())

    def end(self, seconds: float, now: float) -> None:
        """A request that took `seconds` is answered at `now` (seconds since 1970)."""
        with self.lock:
            self.in_flight -= 1
            full = self._turn_over(int(now))
            self.counts[f"b{bisect_left(EDGES_MS, seconds * 1000)}"] += 1
        if full:
            _share(*full)

    def _turn_over(self, second: int) -> tuple[int, Counter[str]] | None:
        if second == self.second:
            return None
        full, self.second = (self.second, self.counts), second
        full[1][f"f{os.getpid()}"] = self.most
        self.counts, self.most = Counter(), self.in_flight
        if full[0]:
            self.past.append(full)
            return full
        return None

    def local(self, first: int, last: int) -> Counter[str]:
        """What this process saw in the seconds from `first` to `last`."""
        with self.lock:
            rows = [counts for second, counts in self.past if first <= second <= last]
            if first <= self.second <= last:
                rows.append(self.counts)
        return _merge(rows)


meter = Meter()


def _key(second: int) -> str:
    return f"victori:load:{second}"


def _share(second: int, counts: Counter[str]) -> None:
    store = board.client()
    if store is None:
        return
    try:
        pipe = store.pipeline(transaction=False)
        for name, count in counts.items():
            pipe.hincrby(_key(second), name, count)
        pipe.expire(_key(second), KEEP_SECONDS)
        pipe.execute()
    except RedisError as error:
        board.failed(error)


def measured(now: float, seconds: int) -> list[Load]:
    """The load of each of the last `seconds` full seconds before `now`, oldest first."""
    wanted = range(int(now) - seconds, int(now))
    store = board.client()
    if store is not None:
        try:
            pipe = store.pipeline(transaction=False)
            for second in wanted:
                pipe.hgetall(_key(second))
            return [_load(Counter({name: int(count) for name, count in row.items()})) for row in pipe.execute()]
        except RedisError as error:
            board.failed(error)
    return [_load(meter.local(second, second)) for second in wanted]


def recent(now: float, seconds: int = 5) -> Load:
    """The load of the last seconds together: percentile of the slowest second, mean rate, most in flight."""
    rows = measured(now, seconds)
    return Load(
        p95_ms=max((row.p95_ms for row in rows), default=0.0),
        per_second=sum(row.per_second for row in rows) / max(1, len(rows)),
        in_flight=max((row.in_flight for row in rows), default=0),
    )


def _merge(rows: list[Counter[str]]) -> Counter[str]:
    merged: Counter[str] = Counter()
    for row in rows:
        for name, count in row.items():
            merged[name] = max(merged[name], count) if name[0] == "f" else merged[name] + count
    return merged


def _load(counts: Counter[str]) -> Load:
    buckets = {int(name[1:]): count for name, count in counts.items() if name[0] == "b"}
    total = sum(buckets.values())
    in_flight = sum(count for name, count in counts.items() if name[0] == "f")
    if not total:
        return Load(0.0, 0.0, in_flight)
    left = total * 0.95
    for bucket in sorted(buckets):
        left -= buckets[bucket]
        if left <= 0:
            break
    return Load(float(EDGES_MS[min(bucket, len(EDGES_MS) - 1)]), float(total), in_flight)
