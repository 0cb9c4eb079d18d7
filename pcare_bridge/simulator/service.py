"""One simulated service as an object: keys, settings, weather, memory, and the record of what arrived."""

import re
import secrets
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.answers import Answer
from pcare_bridge.simulator.fhir import Fhir
from pcare_bridge.simulator.gate import HEADERS, Keys, caller, refusal
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.resources import Resources
from pcare_bridge.simulator.weather import Settings, Weather

_LONG_NUMBER = re.compile(r"\d{10,}")
_PERSONAL = {"nik", "noktp", "nokartu", "nohp"}


@dataclass
class Arrival:
    """One request as it came in, redacted."""

    at: float
    method: str
    path: str
    headers: list[str]
    timestamp: str
    body: Any
    outcome: str = ""
    code: int | None = None


@dataclass
class Service:
    """State of the simulator; the HTTP handler only translates."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    base_path: str = defaults.BASE_PATH
    journal: Path | None = None
    keys: Keys = field(default_factory=Keys)
    settings: Settings = field(default_factory=Settings)
    weather: Weather = field(default_factory=Weather)

    def __post_init__(self) -> None:
        self.started_at = time.time()
        self.registry = Registry(self.journal, self.keys.secret)
        self.resources = Resources(self.registry, self.settings)
        self.fhir = Fhir(self.registry, self.settings)
        self.arrivals: deque[Arrival] = deque(maxlen=5000)
        self.total = 0
        self._lock = threading.Lock()

    def note(self, method: str, path: str, headers: Message, body: Any) -> Arrival:
        """Record a request before anything happens to it."""
        present = [name for name in HEADERS if headers.get(name)]
        timestamp = headers.get("X-timestamp", "")
        arrival = Arrival(time.time(), method, mask_text(path), present, timestamp, mask(body))
        with self._lock:
            self.total += 1
            self.arrivals.append(arrival)
        return arrival

    def serve(self, method: str, path: str, headers: Message, body: Any) -> Answer:
        """Check the caller, then carry the request out."""
        message = refusal(headers, self.keys, self.settings.clock_window_seconds, self.settings.clock_offset_seconds)
        if message:
            return Answer(401, None, message)
        return self.resources.answer(method, path, body, caller(headers))

    def records(self, table: str) -> list[dict[str, Any]]:
        """What stands upstream now, numbers of persons masked."""
        with self.registry.lock:
            return [mask(row) for row in self.registry.tables[table].values()]

    def describe(self) -> dict[str, Any]:
        """Settings, weather, rows per table and requests since the start, for the simulator's page and its tests."""
        with self.registry.lock:
            counts = {name: len(rows) for name, rows in self.registry.tables.items()}
        return {
            "settings": asdict(self.settings),
            "weather": self.weather.describe(),
            "counts": counts,
            "requests": self.total,
        }

    def reset(self) -> None:
        """Healthy weather, default settings, empty memory."""
        self.weather.clear()
        self.settings.change(asdict(Settings()))
        self.registry.clear()
        with self._lock:
            self.arrivals.clear()
            self.total = 0


def mask_text(text: str) -> str:
    """337405******0003 for every long number in a text."""
    return _LONG_NUMBER.sub(lambda match: match[0][:6] + "*" * (len(match[0]) - 10) + match[0][-4:], text)


def mask(value: Any, key: str = "") -> Any:
    """A copy of a JSON value in which numbers of persons are masked."""
    if isinstance(value, dict):
        return {name: mask(item, name.lower()) for name, item in value.items()}
    if isinstance(value, list):
        return [mask(item, key) for item in value]
    return mask_text(value) if isinstance(value, str) and key in _PERSONAL else value
