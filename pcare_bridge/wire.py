"""The PCare wire layer of the client: signature, authorization, response decoding (PROTOCOL sections 4 and 5).

Pure functions. The simulator has its own implementation on purpose: an error common to both would stay hidden.
"""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, NoReturn

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pcare_bridge import lzstring

_BLOCK = 16


class DecodeError(ValueError):
    """A response that could not be decoded; `layer` is base64, aes, lzstring or json. Never carries content."""

    def __init__(self, layer: str) -> None:
        super().__init__(f"response not readable in the {layer} layer")
        self.layer = layer


def signature(cons_id: str, secret: str, timestamp: str) -> str:
    """Return X-signature: HMAC-SHA-256 of `cons_id&timestamp` in standard base64, not percent-encoded."""
    digest = hmac.new(secret.encode(), f"{cons_id}&{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def authorization(username: str, password: str, application_code: str) -> str:
    """Return X-authorization; three parts, so no HTTP library's basic-auth helper fits."""
    return "Basic " + base64.b64encode(f"{username}:{password}:{application_code}".encode()).decode("ascii")


def decode_response(text: str, *, cons_id: str, secret: str, timestamp: str) -> Any:
    """Decode the `response` text of an envelope and return the parsed JSON value; an empty text is None.

    `timestamp` is the one sent with this very request. Raises DecodeError.
    """
    text = "".join(text.split())
    if not text:
        return None
    packed = _decrypt(_from_base64(text), hashlib.sha256(f"{cons_id}{secret}{timestamp}".encode()).digest())
    try:
        document = lzstring.decompress(packed)
    except lzstring.LZStringError:
        raise DecodeError("lzstring") from None
    return _parse(document)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("base64") from None


def _decrypt(blob: bytes, key: bytes) -> str:
    if not blob or len(blob) % _BLOCK:
        raise DecodeError("aes")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_BLOCK])).decryptor()
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    try:
        packed = unpadder.update(decryptor.update(blob) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise DecodeError("aes") from None
    try:
        return packed.decode("ascii")
    except UnicodeDecodeError:
        raise DecodeError("lzstring") from None


def _parse(document: str) -> Any:
    try:
        return json.loads(document, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise DecodeError("json") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("not JSON")  # NaN and Infinity, which Python would otherwise accept
