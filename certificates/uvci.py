"""Unique vaccination certificate identifiers (UVCI): random, so they say nothing about the person."""

import os

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:"
_OPAQUE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OPAQUE_LENGTH = 24  # 36 ** 24 is a little over 2 ** 124, well above the 96 bits asked for
# Seven random bytes stand for each character; the four that are left over are thrown away, so none is likelier.
_FAIR = 256 - 256 % len(_OPAQUE)
_CHARACTERS = (_OPAQUE * 8)[:256].encode()
_LEFT_OVER = bytes(range(_FAIR, 256))
# What a character adds to the check sum where its place counts once, and where it counts twice.
_ONCE = {character: value for value, character in enumerate(ALPHABET)}
_TWICE = {character: sum(divmod(2 * value, len(ALPHABET))) for character, value in _ONCE.items()}


def check_character(text: str) -> str:
    """Luhn mod N over the whole text in the alphabet A-Z, 0-9, slash, colon. KeyError for any other character."""
    total = sum(map(_TWICE.__getitem__, text[::-2])) + sum(map(_ONCE.__getitem__, text[-2::-2]))
    return ALPHABET[-total % len(ALPHABET)]


def new_uvci(country: str = "ID") -> str:
    """A fresh identifier `URN:UVCI:01:ID:<24 random characters>#<check>`."""
    opaque = b""
    while len(opaque) < _OPAQUE_LENGTH:  # once, save one time in a thousand million
        opaque = os.urandom(32).translate(_CHARACTERS, _LEFT_OVER)[:_OPAQUE_LENGTH]
    body = f"URN:UVCI:01:{country}:{opaque.decode()}"
    return f"{body}#{check_character(body)}"


def check_holds(uvci: str) -> bool:
    """True when the text carries a check character and it is the right one."""
    body, separator, check = uvci.rpartition("#")
    return bool(separator) and set(body) <= set(ALPHABET) and check == check_character(body)
