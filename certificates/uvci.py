"""Unique vaccination certificate identifiers (UVCI): random, so they say nothing about the person."""

import secrets

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:"
_OPAQUE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OPAQUE_LENGTH = 24  # 36 ** 24 is a little over 2 ** 124, well above the 96 bits asked for


def check_character(text: str) -> str:
    """Luhn mod N over the whole text in the alphabet A-Z, 0-9, slash, colon."""
    size = len(ALPHABET)
    total, factor = 0, 2
    for character in reversed(text):
        addend = factor * ALPHABET.index(character)
        factor = 3 - factor
        total += addend // size + addend % size
    return ALPHABET[-total % size]


def new_uvci(country: str = "ID") -> str:
    """A fresh identifier `URN:UVCI:01:ID:<24 random characters>#<check>`."""
    number, opaque = secrets.randbelow(len(_OPAQUE) ** _OPAQUE_LENGTH), ""
    for _ in range(_OPAQUE_LENGTH):
        number, digit = divmod(number, len(_OPAQUE))
        opaque += _OPAQUE[digit]
    body = f"URN:UVCI:01:{country}:{opaque}"
    return f"{body}#{check_character(body)}"


def check_holds(uvci: str) -> bool:
    """True when the text carries a check character and it is the right one."""
    body, separator, check = uvci.rpartition("#")
    return bool(separator) and set(body) <= set(ALPHABET) and check == check_character(body)
