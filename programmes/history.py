"""The doses a person already had, as the rules see them, and the port through which they are read.

Scheduling stands below vaccination but must know a person's history before it offers a slot; so vaccination registers a
reader here when it starts, and everybody asks `past_doses`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PastDose:
    """One dose given before, here or elsewhere (RULES E-5: a fact, never judged by today's table)."""

    programme: str
    vaccine: str
    dose_code: str
    occurred_on: date
    # False for a dose recorded too early (RULES E-9): kept, not counted, and a doctor decides how to go on.
    counts: bool = True
    elsewhere: bool = False


Reader = Callable[[int], Iterable[PastDose]]
_reader: Reader | None = None


def register(reader: Reader) -> None:
    """Make `reader(citizen_id)` the source of dose history; called once from AppConfig.ready()."""
    global _reader
    _reader = reader


def past_doses(citizen_id: int) -> tuple[PastDose, ...]:
    """All doses on record for this person, oldest first.

    Raises RuntimeError when no app registered a reader: an empty history would offer a second first dose.
    """
    if _reader is None:
        raise RuntimeError("riwayat dosis belum terhubung: tidak ada aplikasi yang mendaftarkan pembaca riwayat")
    return tuple(sorted(_reader(citizen_id), key=lambda dose: dose.occurred_on))
