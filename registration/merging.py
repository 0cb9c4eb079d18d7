"""How apps above move their rows when two records of one person become one."""

from collections.abc import Callable

from registration.models import Citizen

Mover = Callable[[Citizen, Citizen], None]
_movers: list[Mover] = []


def register(mover: Mover) -> None:
    """Register `mover(kept, merged)`; called from AppConfig.ready().

    It runs inside the merging transaction with both citizens locked, moves every row of `merged` to `kept`, and raises
    ValidationError with a sentence for the desk when the two cannot become one (for example two active bookings).
    """
    if mover not in _movers:
        _movers.append(mover)


def move_all(kept: Citizen, merged: Citizen) -> None:
    """Run every registered mover."""
    for mover in _movers:
        mover(kept, merged)
