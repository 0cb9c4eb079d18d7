"""The invariants of the house, checked on the live database by `manage.py audit` (DESIGN section 4)."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One way an invariant can be broken; several checks may share an id."""

    id: str
    title: str
    count_violations: Callable[[], int]


_checks: list[Check] = []


def register(id: str, title: str, count_violations: Callable[[], int]) -> None:
    """Add a check; called from AppConfig.ready() by the app that owns the rows."""
    global _checks
    _checks = [check for check in _checks if (check.id, check.title) != (id, title)]
    _checks.append(Check(id, title, count_violations))


def run() -> list[tuple[Check, int]]:
    """Run every check and return it with its number of violations, ordered by id."""
    return [(check, check.count_violations()) for check in sorted(_checks, key=lambda check: check.id)]
