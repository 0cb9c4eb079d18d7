"""The free places of a draw's schedules, while one batch is allocated; only the draw takes from their pool."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scheduling.models import Place, Slot

# How many sessions apart the first and the last of a family may be.
REACH = 2


@dataclass(frozen=True, order=True)
class Seat:
    """One free place: the session's position in the day, its slot, and the place."""

    position: int
    number: int
    slot: int
    place: int


class Rooms:
    """Free seats by schedule, in the order of the day."""

    def __init__(self, seats: dict[int, list[Seat]]) -> None:
        self._seats = {pk: sorted(found) for pk, found in seats.items()}

    @classmethod
    def of(cls, schedule_ids: Iterable[int]) -> "Rooms":
        """Read what is free now; two queries."""
        ids = list(schedule_ids)
        position: dict[int, int] = {}
        counted: dict[int, int] = {}
        for slot, schedule in (
            Slot.objects.filter(schedule__in=ids).order_by("starts_at", "pk").values_list("pk", "schedule_id")
        ):
            position[slot] = counted[schedule] = counted.get(schedule, -1) + 1
        seats: dict[int, list[Seat]] = {pk: [] for pk in ids}
        rows = Place.objects.filter(slot__in=position, pool=Place.Pool.DRAW, state=Place.FREE)
        for place, slot, number, schedule in rows.values_list("pk", "slot_id", "number", "slot__schedule_id"):
            seats[schedule].append(Seat(position[slot], number, slot, place))
        return cls(seats)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left anywhere."""
        return not any(self._seats.values())

    def has_room(self, schedule: int, people: int) -> bool:
        """Whether so many fit side by side."""
        return bool(self._window(schedule, people))

    def take(self, schedule: int, people: int) -> list[Seat]:
        """The earliest seats side by side: in one session, or in sessions that follow each other. Empty: no room."""
        found = self._window(schedule, people)
        gone = set(found)
        self._seats[schedule] = [seat for seat in self._seats[schedule] if seat not in gone]
        return found

    def put_back(self, schedule: int, seats: Sequence[Seat]) -> None:
        """Undo `take`."""
        self._seats[schedule] = sorted([*self._seats[schedule], *seats])

    def _window(self, schedule: int, people: int) -> list[Seat]:
        seats = self._seats.get(schedule, [])
        for start in range(len(seats) - people + 1):
            window = seats[start : start + people]
            steps = [later.position - earlier.position for earlier, later in pairwise(window)]
            if all(step <= 1 for step in steps) and window[-1].position - window[0].position <= REACH:
                return window
        return []
