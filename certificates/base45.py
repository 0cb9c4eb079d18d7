"""base45 (RFC 9285): two bytes are three characters.

The library on PyPI reckons each character and takes longer than the signature; it stays as the second opinion in tests.
A table of all 65,536 groups is as slow: three megabytes of strings read in no order never lie in the processor's cache.
So all groups are reckoned at once, in lanes of one large integer: the few operations on it cost the same for one group
as for a hundred.
"""

from functools import lru_cache

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_FOREIGN = 255
_DIGIT_OF = bytes(ALPHABET.index(chr(code)) if chr(code) in ALPHABET else _FOREIGN for code in range(256))

# What the first and the second byte of a pair add to each of its three digits. With 211 more a digit that reaches 45
# reaches 256 and carries one into the next lane, a byte wide; what is left tells by its size whether it did.
_BIAS = 256 - 45
_BY_HIGH = (
    bytes(256 * high % 45 + _BIAS for high in range(256)),
    bytes(256 * high // 45 % 45 + _BIAS for high in range(256)),
    bytes(256 * high // 2025 for high in range(256)),
)
_BY_LOW = bytes(low % 45 for low in range(256)), bytes(low // 45 for low in range(256))
_CHARACTER_OF = ALPHABET.encode().ljust(_BIAS, b"?") + ALPHABET.encode()


def encode(data: bytes | bytearray) -> str:
    """Bytes as base45 text."""
    pairs, odd = divmod(len(data), 2)
    high, low = data[0 : 2 * pairs : 2], data[1::2]
    by_high, by_low = bytearray(3 * pairs), bytearray(3 * pairs)
    for place, table in enumerate(_BY_HIGH):
        by_high[place::3] = high.translate(table)
    for place, table in enumerate(_BY_LOW):
        by_low[place::3] = low.translate(table)
    digits = int.from_bytes(by_high, "little") + int.from_bytes(by_low, "little")
    text = digits.to_bytes(3 * pairs, "little").translate(_CHARACTER_OF).decode("ascii")
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
