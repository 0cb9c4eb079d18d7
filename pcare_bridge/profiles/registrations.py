"""The read-back of a registration (PROTOCOL 7.5): the list of a day, page by page, resumed where a try had to stop.

Nothing asks for the registration of one member, so a facility's whole day has to be read before "not there" is known.
The service says neither how it orders the list nor how many rows a page may hold, and rows may go while we read. So
each page begins some rows before the end of the last, must show that page's last row, and only a page with nothing
behind that row is the end.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pcare_bridge.client import LEASE_OVER, PCareClient, Unreachable
from pcare_bridge.envelope import rows
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.outcome import Outcome
from pcare_bridge.profiles.common import Stop, look, unanswered

OF_THE_DAY = "pendaftaran/tglDaftar/{day}/{start}/{limit}"
# Under this name `Job.references` keep how far the list was read. It holds for as long as nothing is registered anew.
PROGRESS = "daftarHari"

PAGE, SHORTEST, LONGER = 100, 20, 10
OVERLAP = 3  # rows read twice, so that two may go from the pages before without ours slipping between two pages
_TOO_SLOW = (408, 504)
_PLACE = re.compile(r"(\S+) (\d{1,9}) (\d{1,4}) (\S+)")


@dataclass
class Place:
    """The next page's first row and length, and the last row seen (none: `last` is empty)."""

    day: str
    start: int = 0
    limit: int = PAGE
    last: str = ""

    def __str__(self) -> str:
        return f"{self.day} {self.start} {self.limit} {self.last or '-'}"


def kept_place(text: str, day: str) -> Place:
    """Where an earlier try stopped in the list of this day; the beginning when it read none."""
    match = _PLACE.fullmatch(text)
    if match is None or match[1] != day:
        return Place(day)
    limit = min(max(int(match[3]), SHORTEST), PAGE)
    return Place(day, limit=limit) if match[4] == "-" else Place(day, int(match[2]), limit, match[4])


class DayList:
    """One search through the registrations of a day; `left_at` is None once it came to its end."""

    def __init__(self, client: PCareClient, place: Place) -> None:
        self.left_at: Place | None = place
        self._client = client
        self._began_anew = False

    def find(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """The first row that matches, or None: the whole list holds none. Raises Stop, in doubt, when it cannot say."""
        while (place := self.left_at) is not None:
            items = self._page(place)
            fresh = _unread(items, place.last)
            if fresh is None:
                self._begin_anew(place)
                continue
            for item in fresh:
                if matches(item):
                    self.left_at = None
                    return item
            if not fresh and len(items) <= OVERLAP:
                self.left_at = None
            else:
                place.start = max(place.start + len(items) - OVERLAP, 0)
                place.last = _name(items[-1])
        return None

    def _page(self, place: Place) -> list[dict[str, Any]]:
        try:
            reply = self._client.get(OF_THE_DAY, day=place.day, start=place.start, limit=place.limit)
        except Unreachable as error:
            if error.kind == LEASE_OVER:
                raise _go_on_later(place) from None
            _shorten(place)
            raise Stop(unanswered(error, in_doubt=True)) from None
        if reply.code in _TOO_SLOW:
            _shorten(place)
        items = rows(look(lambda: reply).payload)
        if not all(_name(item) for item in items):
            # What cannot be told apart is no proof that ours is not there.
            raise Stop(Outcome(ERROR_CLASSES["unreadable"], in_doubt=True, message="Daftar tanpa nomor urut."))
        place.limit = min(place.limit + LONGER, PAGE)
        return items

    def _begin_anew(self, place: Place) -> None:
        """More rows have gone than pages overlap, or the last row seen: what was read proves nothing any more."""
        self.left_at = Place(place.day, limit=place.limit)
        if self._began_anew:
            raise _go_on_later(self.left_at)
        self._began_anew = True


def _unread(items: list[dict[str, Any]], last: str) -> list[dict[str, Any]] | None:
    """The rows behind the last one seen; None when that one is not among them."""
    if not last:
        return items
    names = [_name(item) for item in items]
    return items[names.index(last) + 1 :] if last in names else None


def _name(item: dict[str, Any]) -> str:
    """What tells a registration from the others of its day, holding no number of a person."""
    number = str(item.get("noUrut") or "")
    return "_".join(f"{number}/{value(item, 'kdPoli', 'poli')}".split()) if number else ""


def value(item: dict[str, Any], name: str, inside: str) -> str:
    """A value that some answers carry flat and others inside an object (PROTOCOL 9.2, nesting assumed)."""
    nested = item.get(inside)
    found = item.get(name) or (nested.get(name) if isinstance(nested, dict) else None)
    return str(found or "")


def _shorten(place: Place) -> None:
    # A page that does not come within the time-out would otherwise be asked for again and again.
    place.limit = max(place.limit // 2, SHORTEST)


def _go_on_later(place: Place) -> Stop:
    message = f"Daftar pendaftaran hari itu dibaca sampai baris {place.start}."
    return Stop(Outcome(ERROR_CLASSES["looking"], in_doubt=True, message=message))
