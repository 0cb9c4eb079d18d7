"""CBOR and JSON that is the same in many codes, encoded once, with slots for what is not.

Encoding a certificate anew from a tree of dictionaries takes three times as long as filling in such a frame: what is in
the frame is neither built, nor walked through, nor escaped again.
"""

import json
import re

import cbor2

_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: no word of our own holds them
_SLOT = re.compile(f"{_OPEN}(\\w+){_CLOSE}".encode())
_JSON_SLOT = re.compile(f'"{_OPEN}(\\w+){_CLOSE}"')
# Heads of CBOR texts by length in bytes; hardly a text of a certificate is longer.
_TEXT_HEADS = [cbor2.dumps("x" * length)[: -length or None] for length in range(512)]
_BYTES_HEADS = [cbor2.dumps(bytes(length))[: -length or None] for length in range(512)]
_NUMBERS = [cbor2.dumps(number) for number in range(24)]

# What is written is built here and holds no circles; looking for them takes a quarter of the time.
to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
json_text = json.encoder.encode_basestring


def slot(name: str) -> str:
    """What stands for a value of this name in a tree that becomes a frame."""
    return f"{_OPEN}{name}{_CLOSE}"


def cbor_frame(tree: object) -> bytes:
    """The tree as CBOR, to be filled in by `%` with encoded values by the (bytes) names of its slots."""
    frame = cbor2.dumps(tree).replace(b"%", b"%%")
    for name in set(_SLOT.findall(frame)):
        frame = frame.replace(cbor2.dumps(slot(name.decode())), b"%%(%b)b" % name)
    return frame


def json_frame(tree: object) -> str:
    """The tree as minified JSON, to be filled in by `%` with JSON by the names of its slots."""
    return _JSON_SLOT.sub(r"%(\1)s", to_json(tree).replace("%", "%%"))


def cbor_text(text: str) -> bytes:
    """A text as CBOR, in a fifth of the encoder's time."""
    data = text.encode()
    return _TEXT_HEADS[len(data)] + data if len(data) < len(_TEXT_HEADS) else cbor2.dumps(text)


def cbor_bytes(data: bytes) -> bytes:
    """Bytes as CBOR, those of our codes without the encoder."""
    return _BYTES_HEADS[len(data)] + data if len(data) < len(_BYTES_HEADS) else cbor2.dumps(data)


def cbor_number(number: int) -> bytes:
    """A number as CBOR; those of doses are small."""
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else cbor2.dumps(number)
