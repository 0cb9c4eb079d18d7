"""A shuffle that anybody can repeat: its seed is promised before by a hash and shown after (DESIGN section 5).

Pure functions of whole numbers and SHA-256: the same seed and the same list give the same order on every machine.
"""

import hashlib
import secrets
from collections.abc import Iterable

SEED_BYTES = 32


def new_seed() -> str:
    """A seed nobody can guess, as 64 hexadecimal digits."""
    return secrets.token_hex(SEED_BYTES)


def commitment(seed: str) -> str:
    """What is published before: the SHA-256 of the seed's text, as 64 hexadecimal digits."""
    return hashlib.sha256(seed.encode()).hexdigest()


def fair_order(seed: str, entries: Iterable[tuple[str, int]]) -> list[str]:
    """Put `(name, weight)` pairs in drawn order and return the names.

    Each entry has as many tickets in the drum as its weight (a whole number from 1); its best ticket counts. A ticket
    is SHA-256 of "seed:name:number of the ticket", so no order of entering, no clock and no float has a say.
    Raises ValueError for a weight below 1.
    """
    return [name for _, name in sorted((_best_ticket(seed, name, weight), name) for name, weight in entries)]


def _best_ticket(seed: str, name: str, weight: int) -> bytes:
    if weight < 1:
        raise ValueError(f"weight of {name} is below 1")
    return min(hashlib.sha256(f"{seed}:{name}:{number}".encode()).digest() for number in range(weight))
