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
CUT = "ends before its end mark"


class LZStringError(ValueError):
    """The text is not LZString, is cut off, or grows past the cap; never carries content."""


def decompress(text: str, max_units: int = MAX_UNITS) -> str:
    """Return the text behind `decompressFromEncodedURIComponent`; raises LZStringError.

    Each dictionary entry is a run of UTF-16 code units, so characters outside the BMP survive as surrogate pairs that
    are joined at the end.
    """
    if not _ALLOWED.issuperset(text):
        raise LZStringError("characters outside the alphabet")
    # Each code arrives lowest bit first. Backwards it is a number as Python reads it, so the text is read from its end.
    bits = text.translate(_BITS)[::-1]
    left = len(bits)
    entries: list[str] = ["", "", ""]  # the first three codes are commands
    width, room = 2, 1  # `room`: codes that still fit before the width grows
    parts: list[str] = []
    units = 0
    previous = ""
    while True:
        left, end = left - width, left
        if left < 0:
            raise LZStringError(CUT)
        code = int(bits[left:end], 2)
        if code == _END:
            break
        if code in (_LITERAL_8, _LITERAL_16):
            left, end = left - (8 if code == _LITERAL_8 else 16), left
            if left < 0:
                raise LZStringError(CUT)
            entries.append(chr(int(bits[left:end], 2)))
            code = len(entries) - 1
            # The very first literal opens the dictionary and is not counted against the room.
            room, width = (room - 1, width) if room > 1 else (1 << width, width + 1)
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
            room, width = (room - 1, width) if room > 1 else (1 << width, width + 1)
        previous = entry
    try:
        return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise LZStringError("half a surrogate pair") from error
