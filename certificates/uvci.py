"""Unique vaccination certificate identifiers (UVCI): random, so they say nothing about the person."""

import secrets
from itertools import product

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:"
_OPAQUE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OPAQUE_LENGTH = 24  # 36 ** 24 is a little over 2 ** 124, well above the 96 bits asked for
# Two characters at a time: half the long divisions.
_PAIRS = ["".join(pair) for pair in product(_OPAQUE, repeat=2)]
# What a character adds to the check sum where its place counts once, and where it counts twice.
_ONCE = {character: value for value, character in enumerate(ALPHABET)}
_TWICE = {character: sum(divmod(2 * value, len(ALPHABET))) for character, value in _ONCE.items()}


def check_character(text: str) -> str:
    """Luhn mod N over the whole text in the alphabet A-Z, 0-9, slash, colon. KeyError for any other character."""
    total = sum(map(_TWICE.__getitem__, text[::-2])) + sum(map(_ONCE.__getitem__, text[-2::-2]))
    return ALPHABET[-total % len(ALPHABET)]


def new_uvci(country: str = "ID") -> str:
    """A fresh identifier `URN:UVCI:01:ID:<24 random characters>#<check>`."""
    number, pairs = secrets.randbelow(len(_OPAQUE) ** _OPAQUE_LENGTH), []
    for _ in range(_OPAQUE_LENGTH // 2):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    body = f"URN:UVCI:01:{country}:{''.join(pairs)}"
    return f"{body}#{check_character(body)}"


def check_holds(uvci: str) -> bool:
    """True when the text carries a check character and it is the right one."""
    body, separator, check = uvci.rpartition("#")
    return bool(separator) and set(body) <= set(ALPHABET) and check == check_character(body)
