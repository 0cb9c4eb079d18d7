"""How much a code may ask of us. One place, since the verifier in the browser has to keep the same limits.

A printed QR code holds 4,296 alphanumeric characters or 2,953 bytes; everything above is nobody's certificate.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from certificates.verifying.verdicts import Refused

MAX_TEXT = 40_000  # characters of anything pasted, of a `.smart-health-card` file too
MAX_HCERT_TEXT = 12_000
MAX_DIVOC_TEXT = 12_000
MAX_INFLATED = 65_536  # bytes
MAX_CBOR_DEPTH = 24
MAX_JSON_DEPTH = 24
MAX_CHUNKS = 20
MAX_ZIP_ENTRIES = 4
# Canonicalisation is the dearest thing we do for a stranger, and its cost explodes with nodes that look alike.
MAX_LD_NODES = 12
MAX_LD_ALIKE = 2
MAX_LD_BYTES = 12_000
MAX_LD_KEYS = 120


def inflate(packed: bytes, verdict: str, *, raw: bool = False, most: int = MAX_INFLATED) -> bytes:
    """Inflate exactly one stream under the cap; Refused(verdict) for a bomb, a broken stream or something after it."""
    inflater = zlib.decompressobj(-15 if raw else 15)
    try:
        data = inflater.decompress(packed, most)
    except zlib.error as error:
        raise Refused(verdict) from error
    if not inflater.eof or inflater.unused_data:
        raise Refused(verdict)
    return data


def read_json(data: bytes | str, verdict: str, *, most: int = MAX_INFLATED) -> Any:
    """Parse JSON under caps of size and depth. A name given twice is refused: readers would differ on which counts."""
    if len(data) > most or _too_deep(data):
        raise Refused(verdict)
    try:
        if isinstance(data, bytes):
            data = data.decode(json.detect_encoding(data), "surrogatepass")
        return _DECODER.decode(data)
    except (ValueError, RecursionError) as error:
        raise Refused(verdict) from error


def _too_deep(data: bytes | str) -> bool:
    """True when brackets outside of strings may nest too deep; counted before any of them is built."""
    text = data if isinstance(data, str) else data.decode("latin-1")
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    depth, inside, escaped = 0, False, False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif character in "]}":
            depth -= 1
    return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# As `json.loads` would make it for each text anew, which takes as long as reading a short one.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
