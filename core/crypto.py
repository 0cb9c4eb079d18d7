"""Encryption at rest and keyed look-up of identifying values.

NIK, family-card number, phone and address are stored as AES-256-GCM-SIV and found by HMAC-SHA-256 (DESIGN section 8).
Both keys come from the environment; nothing in the database opens a value without them.
"""

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

NONCE_BYTES = 12


class DecryptionFailed(ValueError):
    """The stored bytes do not belong to this column or to any key we hold."""


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> AESGCMSIV:
    return AESGCMSIV(key)


def encrypt(text: str, context: str) -> bytes:
    """Encrypt `text` for one column; `context` ("app.Model.field") binds the value to it.

    Layout: 1 byte key version, 12 bytes nonce, ciphertext with tag.
    """
    version = settings.FIELD_KEY_VERSION
    nonce = os.urandom(NONCE_BYTES)
    sealed = _cipher(settings.FIELD_KEYS[version]).encrypt(nonce, text.encode(), context.encode())
    return bytes([version]) + nonce + sealed


def decrypt(blob: bytes, context: str) -> str:
    """Return the text sealed by `encrypt` with the same context; raises DecryptionFailed."""
    blob = bytes(blob)
    try:
        key = settings.FIELD_KEYS[blob[0]]
        return _cipher(key).decrypt(blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :], context.encode()).decode()
    except (KeyError, IndexError, ValueError, InvalidTag) as error:
        raise DecryptionFailed(context) from error


def blind_index(value: str, context: str) -> bytes:
    """Return the 32-byte keyed index of a normalised value, for equality look-up only.

    `context` ("nik", "phone", ...) keeps equal digits of different kinds apart.
    """
    return hmac.digest(settings.INDEX_KEY, f"{context}\x1f{value}".encode(), hashlib.sha256)
