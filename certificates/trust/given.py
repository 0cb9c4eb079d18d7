"""Keys that an operator gives by hand for one check: PEM, DER, base64, a JWKS, or a file of named keys."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from certificates import shc
from certificates.trust import chain
from certificates.trust.keys import (
    CSCA_KEYS,
    DIVOC_KEYS,
    HCERT_KEYS,
    PublicKey,
    TrustedKey,
    UnreadableCertificate,
    read_certificate,
)

_PEM = "-----BEGIN CERTIFICATE-----"
_GROUPS = {"divoc": DIVOC_KEYS, "who": HCERT_KEYS, "vdsnc": CSCA_KEYS}


def read_keys(data: bytes, kid: str = "") -> list[TrustedKey]:
    """Keys of a file in any of the usual forms. `kid` in base64 names a bare public key; without it, it fits any kid.

    Raises UnreadableCertificate, or shc.BadKeySet for a JWKS against its rules (both are ValueErrors).
    """
    text = data.strip()
    try:
        if text.startswith(b"{"):
            document = json.loads(text)
            return shc.read_jwks(document) if "keys" in document else keys_by_name(document)
        if b"BEGIN PUBLIC KEY" in text:
            return [TrustedKey(base64.b64decode(kid), read_public_key(text))]
        if text.startswith(_PEM.encode()) or b"-----BEGIN CERTIFICATE" in text:
            return [_with_certificate(der) for der in certificates_in(text.decode("ascii", errors="replace"))]
        if data[:1] == b"\x30":
            return [_with_certificate(data)]
        return [_with_certificate(base64.b64decode(text, validate=False))]
    except (binascii.Error, RecursionError, AttributeError, TypeError, UnsupportedAlgorithm) as error:
        raise UnreadableCertificate("no key of a known form") from error


def certificates_in(pem: str) -> list[bytes]:
    """DER of every certificate of a PEM text, also of those that strict parsers refuse."""
    blocks = pem.split(_PEM)[1:]
    return [base64.b64decode(block.split("-----END")[0]) for block in blocks]


def _with_certificate(der: bytes) -> TrustedKey:
    return replace(read_certificate(der), certificate=der)


def read_public_key(pem: bytes) -> PublicKey:
    """A bare public key; UnreadableCertificate for a kind that signs no certificate."""
    public = load_pem_public_key(pem)
    if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise UnreadableCertificate("no EC, RSA or Ed25519 key")
    return public


def keys_by_name(document: Mapping[str, Any]) -> list[TrustedKey]:
    """Keys of a JSON file of three groups: `divoc` by method, `who` by kid, `vdsnc` authorities by any name."""
    found = []
    for group, family in _GROUPS.items():
        for name, pem in document.get(group, {}).items():
            found.append(_named(family, name, pem))
    if not found:
        raise UnreadableCertificate("no group of keys")
    return found


def _named(family: str, name: str, pem: str) -> TrustedKey:
    if _PEM in pem:
        der = certificates_in(pem)[0]
        key = replace(_with_certificate(der), family=family)
        return replace(key, kid=chain.subject_key_id(der) if family == CSCA_KEYS else base64.b64decode(name))
    kid = name.encode() if family == DIVOC_KEYS else base64.b64decode(name)
    return TrustedKey(kid, read_public_key(pem.encode()), family=family)
