"""Settings and faults of the simulated service, switchable while it runs (PROTOCOL 10.5 and 10.6)."""

import hashlib
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# Faults that answer before anything is written, unless `after_commit` is set.
EARLY = {"close_before", "hang", "html_500", "html_200", "empty", "code", "expired", "screening", "rate_limited"}
# Faults that by nature spoil the answer of a request that was carried out.
LATE = {"close_during", "close_after_commit", "wrong_timestamp", "truncated"}
KINDS = EARLY | LATE | {"delay"}


@dataclass
class Settings:
    """How the service behaves when healthy."""

    encrypted: bool = True
    code_as_text: bool = False
    mirror_status: bool = True
    clock_window_seconds: int = 300
    clock_offset_seconds: int = 0
    backdating_days: int = 30
    empty_as_204: bool = False
    token_seconds: int = 3000  # of SATUSEHAT
    known_nik: str = "any"  # or "listed": only participants that were added
    echo_sender: bool = True
    nested_registrations: bool = True  # person and clinic of a registration as objects, or flat
    longest_page: int = 1000  # rows a page of registrations holds at most, whatever was asked for
    guards_doubles: bool = True  # off: a write sent twice stands twice, so that only reading back can prevent it

    def change(self, changes: dict[str, Any]) -> None:
        """Set several settings at once; raises ValueError for an unknown one or a wrong type."""
        kinds = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        for name, value in changes.items():
            if kinds.get(name) is not type(value):
                raise ValueError(f"setting {name}")
        for name, value in changes.items():
            setattr(self, name, value)


@dataclass
class Fault:
    """One fault; without `times` it stays until cleared, with `every` it hits each k-th matching request."""

    kind: str
    method: str = ""
    path: str = ""
    times: int | None = None
    every: int | None = None
    probability: float | None = None
    seconds: float = 0.0
    code: int = 500
    after_commit: bool = False
    seen: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind}")

    @property
    def is_late(self) -> bool:
        """Applied to the answer of a request that was carried out."""
        return self.kind in LATE or self.after_commit

    def hits(self, method: str, path: str, dice: "Dice") -> bool:
        """Whether this request is struck; counts it."""
        if self.times == 0 or (self.method and self.method != method) or self.path.lower() not in path.lower():
            return False
        self.seen += 1
        if self.every and self.seen % self.every:
            return False
        if self.probability is not None and dice.roll() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Dice:
    """Repeatable chance: the same seed gives the same weather on any machine."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rolls = 0

    def roll(self) -> float:
        """The next number in [0, 1)."""
        self.rolls += 1
        return int.from_bytes(hashlib.sha256(f"{self.seed} {self.rolls}".encode()).digest()[:4], "big") / 2**32


class Weather:
    """Everything that may go wrong now. Thread-safe."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._dice = Dice(seed)
        self._faults: list[Fault] = []
        self._outage_until: float | None = None
        self.outage_since: float | None = None
        self.struck: Counter[str] = Counter()  # requests hit, by kind of fault
        self.clearings = 0  # so that requests that hang can see that the weather is fine again

    def add(self, description: dict[str, Any]) -> None:
        """Add a fault from its JSON form; raises ValueError or TypeError."""
        fault = Fault(**description)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """End all faults and any outage."""
        with self._lock:
            self._faults.clear()
            self.clearings += 1
            self._outage_until = self.outage_since = None

    def reseed(self, seed: int) -> None:
        with self._lock:
            self._dice = Dice(seed)

    def start_outage(self, seconds: float | None = None) -> None:
        """Go dark for `seconds`, or until `end_outage`."""
        with self._lock:
            self.outage_since = time.time()
            self._outage_until = float("inf") if seconds is None else time.monotonic() + seconds

    def end_outage(self) -> None:
        with self._lock:
            self._outage_until = self.outage_since = None

    @property
    def is_dark(self) -> bool:
        until = self._outage_until
        if until is not None and until < time.monotonic():
            self.end_outage()
            return False
        return until is not None

    def strike(self, method: str, path: str) -> list[Fault]:
        """The faults that hit this request."""
        with self._lock:
            struck = [fault for fault in self._faults if fault.hits(method, path, self._dice)]
            self._faults = [fault for fault in self._faults if fault.times != 0]
            self.struck.update(fault.kind for fault in struck)
            return struck

    def describe(self) -> dict[str, Any]:
        with self._lock:
            faults = [asdict(fault) for fault in self._faults]
        return {"outage": self.is_dark, "outage_since": self.outage_since, "faults": faults}
