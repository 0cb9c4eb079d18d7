"""The service's side of the wire: signature check, LZString packing, encryption. Shares no line with the client."""

import base64
import hashlib
import json
import sys
from array import array
from collections.abc import Iterator
from hmac import HMAC, compare_digest
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

URI_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-$"


def sign(cons_id: str, secret: str, timestamp: str) -> str:
    """The signature this service expects for a timestamp."""
    mac = HMAC(bytes(secret, "utf-8"), digestmod="sha256")
    for part in (cons_id, "&", timestamp):
        mac.update(bytes(part, "utf-8"))
    return str(base64.encodebytes(mac.digest()), "ascii").strip()


def signature_matches(given: str, cons_id: str, secret: str, timestamp: str) -> bool:
    """Constant-time comparison of a given signature with the expected one."""
    return compare_digest(given.encode("utf-8", "replace"), sign(cons_id, secret, timestamp).encode("ascii"))


def split_authorization(value: str) -> tuple[str, str, str] | None:
    """User, password and application code of X-authorization; the password keeps its colons."""
    scheme, _, packed = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(packed.strip(), validate=True).decode("utf-8")
    except ValueError:
        return None
    username, colon, rest = text.partition(":")
    password, second_colon, application = rest.rpartition(":")
    return (username, password, application) if colon and second_colon else None


# Six bits as base64 writes them, in the letters of this alphabet.
_LETTERS = bytes.maketrans(b"+/", b"+-")


class _BitSink:
    """Collects codes lowest bit first and gives them out as six-bit characters."""

    def __init__(self) -> None:
        self.bits: list[str] = []

    def put(self, value: int, width: int) -> None:
        self.bits.append(format(value, f"0{width}b")[::-1])

    def finish(self) -> str:
        bits = "".join(self.bits)
        # One more character is written even when the last one is just full; readers of the original expect it.
        characters = len(bits) // 6 + 1
        whole = bits.ljust(-(-characters // 4) * 24, "0")
        raw = int(whole, 2).to_bytes(len(whole) // 8, "big")
        return base64.b64encode(raw)[:characters].translate(_LETTERS).decode("ascii")


def pack(text: str) -> str:
    """LZString `compressToEncodedURIComponent` over UTF-16 code units."""
    raw = text.encode("utf-16-be", "surrogatepass")
    units = array("H", raw)
    if sys.byteorder == "little":
        units.byteswap()
    sink = _BitSink()
    codes: dict[int, int] = {}  # a code and the unit behind it, to the code of both
    fresh: dict[int, int] = {}  # codes whose unit was not written yet
    known: dict[int, int] = {}
    width, budget, next_code = 2, 2, 3

    def spend() -> None:
        nonlocal width, budget
        budget -= 1
        if budget == 0:
            budget = 1 << width
            width += 1

    def emit(code: int) -> None:
        unit = fresh.pop(code, None)
        if unit is None:
            sink.put(code, width)
        else:
            sink.put(0 if unit < 256 else 1, width)
            sink.put(unit, 8 if unit < 256 else 16)
            spend()
        spend()

    current = 0  # no code is 0
    for unit in units:
        # One look-up for most units of a long text: it was made fast because lists of a day hold 100 persons a page.
        longer = codes.get(current << 16 | unit) if current else None
        if longer is not None:
            current = longer
            continue
        if unit not in known:
            known[unit] = next_code
            fresh[next_code] = unit
            next_code += 1
        if current:
            emit(current)
            codes[current << 16 | unit] = next_code
            next_code += 1
        current = known[unit]
    if current:
        emit(current)
    sink.put(2, width)
    return sink.finish()


class Unreadable(ValueError):
    """Text that is not what `pack` and `encrypt` make."""


def _bits(text: str) -> Iterator[int]:
    for character in text.encode("ascii", "replace"):
        place = URI_SAFE.find(character)
        if place < 0 or place > 63:
            raise Unreadable("alphabet")
        for shift in (5, 4, 3, 2, 1, 0):
            yield place >> shift & 1


def unpack(text: str) -> str:
    """The inverse of `pack`, to check what was sent; raises Unreadable."""
    stream = _bits(text)

    def take(width: int) -> int:
        try:
            return sum(next(stream) << place for place in range(width))
        except StopIteration:
            raise Unreadable("short") from None

    table: dict[int, bytes] = {}
    out = bytearray()
    width, seen, last = 2, 3, b""
    while (code := take(width)) != 2:
        if code < 2:
            table[seen] = take(8 * (code + 1)).to_bytes(2, "big")
            code, seen = seen, seen + 1
            # The width follows the number of codes in use, counting the one the reader is about to learn.
            width = max(width, (seen - 1 if not last else seen).bit_length())
        entry = table.get(code) or (last + last[:2] if code == seen and last else b"")
        if not entry:
            raise Unreadable("dictionary")
        out += entry
        if last:
            table[seen] = last + entry[:2]
            seen += 1
        last = entry
        width = max(width, seen.bit_length()) if len(out) > 2 else 3
    try:
        return out.decode("utf-16-be")
    except UnicodeDecodeError as error:
        raise Unreadable("utf-16") from error


def _cipher(cons_id: str, secret: str, timestamp: str) -> Cipher[CBC]:
    digest = hashlib.sha256()
    for part in (cons_id, secret, timestamp):
        digest.update(part.encode("utf-8"))
    key = digest.digest()
    return Cipher(AES256(key), CBC(key[:16]))


def encrypt(document: str, cons_id: str, secret: str, timestamp: str) -> str:
    """The `response` text for a JSON document."""
    packed = pack(document).encode("ascii")
    missing = 16 - len(packed) % 16
    packed += bytes([missing]) * missing
    sealer = _cipher(cons_id, secret, timestamp).encryptor()
    return base64.b64encode(sealer.update(packed) + sealer.finalize()).decode("ascii")


def decrypt(response: str, cons_id: str, secret: str, timestamp: str) -> Any:
    """Read back what `encrypt` made; raises Unreadable. Only checks use it: a service never reads its own answers."""
    if not response:
        return None
    try:
        blob = base64.b64decode(response, validate=True)
        opener = _cipher(cons_id, secret, timestamp).decryptor()
        padded = opener.update(blob) + opener.finalize()
    except ValueError as error:
        raise Unreadable("cipher") from error
    count = padded[-1] if padded else 0
    if not 1 <= count <= 16 or padded[-count:] != bytes([count]) * count:
        raise Unreadable("padding")
    packed = padded[:-count]
    if not packed.isascii():
        raise Unreadable("alphabet")
    try:
        return json.loads(unpack(packed.decode("ascii")))
    except json.JSONDecodeError as error:
        raise Unreadable("json") from error
