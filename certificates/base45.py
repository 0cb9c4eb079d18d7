"""base45 (RFC 9285) by table: two bytes are three characters.

The library on PyPI reckons each character and takes longer than the signature; it stays as the second opinion in tests.
"""

import struct

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PAIRS = [ALPHABET[n % 45] + ALPHABET[n // 45 % 45] + ALPHABET[n // 2025] for n in range(65536)]
_SINGLES = [text[:2] for text in _PAIRS[:256]]
_PAIR_OF = {text: number for number, text in enumerate(_PAIRS)}
_SINGLE_OF = {text: number for number, text in enumerate(_SINGLES)}


def encode(data: bytes) -> str:
    """Bytes as base45 text."""
    pairs = len(data) // 2
    text = "".join(map(_PAIRS.__getitem__, struct.unpack_from(f">{pairs}H", data)))
    return text + _SINGLES[data[-1]] if len(data) % 2 else text


def decode(text: str) -> bytes:
    """The bytes of a base45 text. Raises ValueError for a foreign character, a wrong length or too large a group."""
    whole = len(text) // 3 * 3
    try:
        pairs = [_PAIR_OF[text[at : at + 3]] for at in range(0, whole, 3)]
        rest = bytes([_SINGLE_OF[text[whole:]]]) if whole < len(text) else b""
    except KeyError as error:
        raise ValueError("not base45") from error
    return struct.pack(f">{len(pairs)}H", *pairs) + rest
