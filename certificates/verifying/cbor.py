"""CBOR of a stranger, under caps, without the tags that would build something costly."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cbor2

from certificates.verifying.limits import MAX_CBOR_DEPTH

# Tags cbor2 would turn into regular expressions, big numbers, shared references and the like. None of them belongs
# into a certificate, some cost much to build; a date tag is read as the plain text inside it.
_FORBIDDEN_TAGS = (2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 43000, 52, 54, 100, 256, 258, 260, 261, 1004)


# What a CBOR map becomes, outside of tags and inside. To ask for `Mapping` instead takes eight times as long.
MAPS = (dict, cbor2.frozendict)


def _refuse_tag(*_: object) -> Any:
    raise cbor2.CBORDecodeError("tag not allowed")


def _plain_value(value: object, *_: object) -> Any:
    return value


_DECODERS: dict[int, Callable[..., Any]] = {
    **dict.fromkeys(_FORBIDDEN_TAGS, _refuse_tag),
    **dict.fromkeys((0, 1), _plain_value),
}


def decode(data: bytes) -> Any:
    """Decode exactly one CBOR item under the caps; any failure is a ValueError."""
    stream = io.BytesIO(data)
    try:
        # The class itself: `cbor2.load` makes the same, by a way that takes a third longer.
        item = cbor2.CBORDecoder(stream, max_depth=MAX_CBOR_DEPTH, semantic_decoders=_DECODERS).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError, RecursionError, KeyError) as error:
        raise ValueError("not acceptable CBOR") from error
    if stream.tell() != len(data):
        raise ValueError("more than one CBOR item")
    return item
