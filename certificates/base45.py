"""base45 (RFC 9285): two bytes are three characters.

The library on PyPI reckons each character and takes longer than the signature; it stays as the second opinion in tests.
A table of all 65,536 groups is as slow: three megabytes of strings read in no order never lie in the processor's cache.
So all groups are reckoned at once: each has a lane of its own in one large integer, wide enough that no product reaches
the next lane, and the few operations on it cost the same for one group as for a hundred.
"""

from functools import lru_cache

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_CHARACTER_OF = ALPHABET.encode().ljust(256, b"?")
_FOREIGN = 255
_DIGIT_OF = bytes(ALPHABET.index(chr(code)) if chr(code) in ALPHABET else _FOREIGN for code in range(256))

# Division by 45 as a multiplication: exact for all of 16 bits (a product of 30 bits), and for what is below 2025.
_BY_45, _SHIFT = 11651, 19
_BY_45_SMALL, _SHIFT_SMALL = 1457, 16
_LANE = 4  # bytes


def encode(data: bytes | bytearray) -> str:
    """Bytes as base45 text."""
    pairs, odd = divmod(len(data), 2)
    lanes = bytearray(_LANE * pairs)
    lanes[0::_LANE], lanes[1::_LANE] = data[1::2], data[0 : 2 * pairs : 2]
    numbers = int.from_bytes(lanes, "little")
    upper = numbers * _BY_45 >> _SHIFT & _mask(b"\xff\x07\0\0", pairs)
    highest = upper * _BY_45_SMALL >> _SHIFT_SMALL & _mask(b"\xff\0\0\0", pairs)
    # A byte a digit: (numbers - 45 * upper) + 256 * (upper - 45 * highest) + 65536 * highest; the fourth byte goes out.
    digits = numbers + 211 * upper + 54016 * highest | _mask(b"\0\0\0\xff", pairs)
    text = digits.to_bytes(len(lanes), "little").translate(_CHARACTER_OF, b"\xff").decode("ascii")
    return text + ALPHABET[data[-1] % 45] + ALPHABET[data[-1] // 45] if odd else text


def decode(text: str) -> bytes:
    """The bytes of a base45 text. Raises ValueError for a foreign character, a wrong length or too large a group."""
    try:
        digits = text.encode("ascii").translate(_DIGIT_OF)
    except UnicodeEncodeError as error:
        raise ValueError("not base45") from error
    groups, rest = divmod(len(digits), 3)
    if _FOREIGN in digits or rest == 1:
        raise ValueError("not base45")
    lanes = int.from_bytes(digits[: 3 * groups], "little")
    lowest = _mask(b"\xff\0\0", groups)
    numbers = (lanes & lowest) + 45 * (lanes >> 8 & lowest) + 2025 * (lanes >> 16 & lowest)
    values = numbers.to_bytes(3 * groups, "little")
    last = digits[-2] + 45 * digits[-1] if rest else 0
    # The largest group is 91,124: what is too large for two bytes, or for one at the end, reaches into the next byte.
    if values[2::3] != bytes(groups) or last > 255:
        raise ValueError("not base45")
    data = bytearray(2 * groups)
    data[0::2], data[1::2] = values[1::3], values[0::3]
    return bytes(data) + (bytes((last,)) if rest else b"")


@lru_cache(maxsize=64)  # codes differ in length by a few groups
def _mask(lane: bytes, count: int) -> int:
    """The same bits of every lane."""
    return int.from_bytes(lane * count, "little")
