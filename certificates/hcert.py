"""The HC1 container as we write it: CBOR claims in a COSE signature, deflated, in base45.

What reads it, ours and foreign, is `certificates.verifying.hcert`; names and hashes that both sides need are here.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import cbor2
import deflate
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from certificates import base45
from certificates.frames import cbor_bytes, cbor_frame, slot

PREFIX = "HC1:"
# libdeflate packs a short text as well as zlib, in two thirds of its time. Unpacking stays with zlib: it has a limit.
LEVEL = 9
ES256, PS256 = -7, -37
ALG, KID = 1, 4
ISS, EXP, IAT, HCERT = 1, 4, 6, -260
EU_DCC, DDCC_VS, DVC = 1, 3, -6
COSE_SIGN1_TAG, CWT_TAG = 18, 61
# CBOR that is the same in every code. Making it anew with the rest around it takes three times as long.
_SIGN1 = bytes((0xC0 + COSE_SIGN1_TAG, 0x84))  # the tag, then an array of four
_TO_BE_SIGNED = b"\x84" + cbor2.dumps("Signature1")  # also an array of four
_MAP = 0xA0  # and how many entries, below 24
_NO_HEADERS, _NOTHING = cbor2.dumps({}), cbor2.dumps(b"")
_ECDSA = ec.ECDSA(Prehashed(hashes.SHA256()))  # hashlib's SHA-256 is sooner ready than the one inside


class Signed(NamedTuple):
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
    """Sign subclaims with ES256; bytes among them are taken as CBOR already.

    `sign` takes the bytes to be signed and returns raw r||s (64 bytes).
    """
    contents = [_number(number) + _encoded(content) for number, content in subclaims.items()]
    claims = _claims(issuer) % {
        b"exp": _seconds(expires_at),
        b"iat": _seconds(issued_at),
        b"health": bytes((_MAP + len(contents),)) + b"".join(contents),
    }
    protected, payload = _protected(kid), cbor_bytes(claims)  # as byte strings within the message
    signature = sign(_TO_BE_SIGNED + protected + _NOTHING + payload)
    message = _SIGN1 + protected + _NO_HEADERS + payload + cbor_bytes(signature)
    return Signed(PREFIX + base45.encode(deflate.zlib_compress(message, LEVEL)), signature)


@lru_cache(maxsize=16)
def _protected(kid: bytes) -> bytes:
    """The protected header as a byte string: the same for every code of a key."""
    return cbor2.dumps(cbor2.dumps({ALG: ES256, KID: kid}))


@lru_cache(maxsize=16)
def _claims(issuer: str) -> bytes:
    """The claims as CBOR with slots for times and health claims."""
    return cbor_frame({ISS: issuer, EXP: slot("exp"), IAT: slot("iat"), HCERT: slot("health")})


_number = lru_cache(maxsize=64, typed=True)(cbor2.dumps)


def _encoded(content: Any) -> bytes:
    return content if isinstance(content, bytes) else cbor2.dumps(content)


def _seconds(moment: datetime) -> bytes:
    """Seconds since 1970 as CBOR: 32 bits, until 2106."""
    return b"\x1a" + int(moment.timestamp()).to_bytes(4, "big")


def sign_es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA on P-256 with SHA-256 as r followed by s, 32 bytes each."""
    der = key.sign(hashlib.sha256(data).digest(), _ECDSA)
    # Our own library wrote it: a sequence of two integers, all lengths in one byte, none longer than 33. Cutting it is
    # a microsecond cheaper than reading two large numbers and writing them again.
    end_of_r = 4 + der[3]
    r, s = der[4:end_of_r], der[end_of_r + 2 :]
    return r[-32:].rjust(32, b"\0") + s[-32:].rjust(32, b"\0")


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The bytes a COSE_Sign1 signature is over (RFC 9052, without external data)."""
    return _TO_BE_SIGNED + cbor2.dumps(protected) + _NOTHING + cbor2.dumps(payload)


def signature_of(text: str) -> bytes:
    """The signature inside a code that we wrote ourselves; ValueError when it is none of ours."""
    try:
        message = cbor2.loads(zlib.decompress(base45.decode(text.removeprefix(PREFIX))))
        return bytes(message.value[3])
    except (zlib.error, cbor2.CBORError, AttributeError, IndexError, TypeError) as error:
        raise ValueError("not one of our codes") from error


# --- revocation ----------------------------------------------------------------------------------------------------


class Revocable(NamedTuple):
    """What a revocation list may name a code by, as hashes (SHA-256, first 16 bytes); reckoned when asked for.

    `signature` is the part of it that counts.
    """

    signature: bytes
    uvci: str = ""
    country: str = ""

    @property
    def by_signature(self) -> bytes:
        return revocation_hash(self.signature)

    @property
    def by_uvci(self) -> bytes:
        return revocation_hash(self.uvci.encode()) if self.uvci else b""

    @property
    def by_country_uvci(self) -> bytes:
        return revocation_hash((self.country + self.uvci).encode()) if self.uvci and self.country else b""

    def hashes(self) -> tuple[bytes, ...]:
        return tuple(value for value in (self.by_signature, self.by_uvci, self.by_country_uvci) if value)


def revocation_hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def revocable(signature: bytes, algorithm: int, *, uvci: str = "", country: str = "") -> Revocable:
    """Hashes of one code; of an ECDSA signature only the first half counts, for anyone may negate the second."""
    return Revocable(signature[: len(signature) // 2] if algorithm == ES256 else signature, uvci, country)
