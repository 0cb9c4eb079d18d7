"""The doses a person already had, as the rules see them, and the port through which they are read.

Scheduling stands below vaccination but must know a person's history before it offers a slot; so vaccination registers
here when it starts how they are read, and everybody asks `past_doses`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from django.utils import timezone

from core.prepared import Prepared


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


OF_ONE = "SELECT {past_doses} FROM (SELECT %(citizen)s::bigint AS id) AS citizen"
_column = ""


def register(column: str) -> None:
    """Make `column` the source of dose history; called once from AppConfig.ready().

    An SQL expression over a row named `citizen`: a JSON list of [programme, vaccine, dose code, occurred at, counts,
    elsewhere], empty when there is none. So the doses can be read along with their person.
    """
    global _column
    _column = column


def from_column(found: list[list[Any]]) -> tuple[PastDose, ...]:
    """What the expression gave, oldest first."""
    doses = (
        PastDose(programme, vaccine, code, timezone.localdate(datetime.fromisoformat(at)), counts, elsewhere)
        for programme, vaccine, code, at, counts, elsewhere in found
    )
    return tuple(sorted(doses, key=lambda dose: dose.occurred_on))


def past_doses(citizen_id: int) -> tuple[PastDose, ...]:
    """All doses on record for this person, oldest first.

    Raises RuntimeError when no app registered how: an empty history would offer a second first dose.
    """
    return from_column(_statement().rows(citizen=citizen_id)[0][0])


@cache
def _statement() -> Prepared:
    if not _column:
        raise RuntimeError("riwayat dosis belum terhubung: tidak ada aplikasi yang mendaftarkan pembaca riwayat")
    return Prepared("past_doses", OF_ONE.format(past_doses=_column))
