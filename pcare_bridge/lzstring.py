"""LZString texts of PCare responses, read on UTF-16 code units (PROTOCOL 5.2).

Only the decoder: the client never sends compressed text.
"""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-$"
_BITS = str.maketrans({character: f"{value & 63:06b}" for value, character in enumerate(ALPHABET)} | {" ": f"{62:06b}"})
# A space stands for "+", which URL decoding turns into one.
_ALLOWED = frozenset(ALPHABET + " ")

# Nothing but TLS authenticates the sender, and a few kilobytes expand to megabytes: 8 MiB as UTF-16.
MAX_UNITS = 4 * 1024 * 1024

_LITERAL_8, _LITERAL_16, _END = 0, 1, 2


class LZStringError(ValueError):
    """The text is not LZString, is cut off, or grows past the cap; never carries content."""


class _Reader:
    """Codes of growing width out of six-bit characters; each code arrives lowest bit first."""

    def __init__(self, text: str) -> None:
        self.bits = text.translate(_BITS)
        self.at = 0

    def read(self, width: int) -> int:
        chunk = self.bits[self.at : self.at + width]
        if len(chunk) < width:
            raise LZStringError("ends before its end mark")
        self.at += width
        return int(chunk[::-1], 2)


def decompress(text: str, max_units: int = MAX_UNITS) -> str:
    """Return the text behind `decompressFromEncodedURIComponent`; raises LZStringError.

    Each dictionary entry is a run of UTF-16 code units, so characters outside the BMP survive as surrogate pairs that
    are joined at the end.
    """
    if not _ALLOWED.issuperset(text):
        raise LZStringError("characters outside the alphabet")
    reader = _Reader(text)
    entries: list[str] = ["", "", ""]  # the first three codes are commands
    width, room = 2, 1  # `room`: codes that still fit before the width grows
    parts: list[str] = []
    units = 0
    previous = ""
    while True:
        code = reader.read(width)
        if code == _END:
            break
        if code in (_LITERAL_8, _LITERAL_16):
            entries.append(chr(reader.read(8 if code == _LITERAL_8 else 16)))
            code = len(entries) - 1
            # The very first literal opens the dictionary and is not counted against the room.
            room, width = _count_down(room, width)
        if code < len(entries):
            entry = entries[code]
        elif code == len(entries) and previous:
            entry = previous + previous[0]
        else:
            raise LZStringError("points past its dictionary")
        units += len(entry)
        if units > max_units:
            raise LZStringError("larger than allowed")
        parts.append(entry)
        if previous:
            entries.append(previous + entry[0])
            room, width = _count_down(room, width)
        previous = entry
    try:
        return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise LZStringError("half a surrogate pair") from error


def _count_down(room: int, width: int) -> tuple[int, int]:
    return (room - 1, width) if room > 1 else (1 << width, width + 1)
