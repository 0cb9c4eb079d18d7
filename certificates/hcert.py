"""The HC1 container as we write it: CBOR claims in a COSE signature, deflated, in base45.

What reads it, ours and foreign, is `certificates.verifying.hcert`; names and hashes that both sides need are here.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from certificates import base45

PREFIX = "HC1:"
ES256, PS256 = -7, -37
ALG, KID = 1, 4
ISS, EXP, IAT, HCERT = 1, 4, 6, -260
EU_DCC, DDCC_VS, DVC = 1, 3, -6
COSE_SIGN1_TAG, CWT_TAG = 18, 61


@dataclass(frozen=True)
class Signed:
    """The text for the QR code, and the signature by which a revocation list may name it."""

    text: str
    signature: bytes


def issue(
    subclaims: Mapping[int, Any],
    *,
    kid: bytes,
    sign: Callable[[bytes], bytes],
    issued_at: datetime,
    expires_at: datetime,
    issuer: str = "ID",
) -> Signed:
    """Sign subclaims with ES256. `sign` takes the bytes to be signed and returns raw r||s (64 bytes)."""
    claims = {
        ISS: issuer,
        EXP: int(expires_at.timestamp()),
        IAT: int(issued_at.timestamp()),
        HCERT: dict(subclaims),
    }
    protected = cbor2.dumps({ALG: ES256, KID: kid})
    payload = cbor2.dumps(claims)
    signature = sign(to_be_signed(protected, payload))
    message = cbor2.dumps(cbor2.CBORTag(COSE_SIGN1_TAG, [protected, {}, payload, signature]))
    return Signed(PREFIX + base45.encode(zlib.compress(message, 9)), signature)


def sign_es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA on P-256 with SHA-256 as r followed by s, 32 bytes each."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The bytes a COSE_Sign1 signature is over (RFC 9052, without external data)."""
    return cbor2.dumps(["Signature1", protected, b"", payload])


def signature_of(text: str) -> bytes:
    """The signature inside a code that we wrote ourselves; ValueError when it is none of ours."""
    try:
        message = cbor2.loads(zlib.decompress(base45.decode(text.removeprefix(PREFIX))))
        return bytes(message.value[3])
    except (zlib.error, cbor2.CBORError, AttributeError, IndexError, TypeError) as error:
        raise ValueError("not one of our codes") from error


# --- revocation ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Revocable:
    """The hashes under which a revocation list may name a code (SHA-256, first 16 bytes)."""

    by_signature: bytes
    by_uvci: bytes = b""
    by_country_uvci: bytes = b""

    def hashes(self) -> tuple[bytes, ...]:
        return tuple(value for value in (self.by_signature, self.by_uvci, self.by_country_uvci) if value)


def revocation_hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def revocable(signature: bytes, algorithm: int, *, uvci: str = "", country: str = "") -> Revocable:
    """Hashes of one code; of an ECDSA signature only the first half counts, for anyone may negate the second."""
    part = signature[: len(signature) // 2] if algorithm == ES256 else signature
    return Revocable(
        by_signature=revocation_hash(part),
        by_uvci=revocation_hash(uvci.encode()) if uvci else b"",
        by_country_uvci=revocation_hash((country + uvci).encode()) if uvci and country else b"",
    )
