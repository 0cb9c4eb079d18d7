"""Whether the named signer of a list really signed it. The key is the office's choice, never taken from the list."""

from __future__ import annotations

import base64
import binascii
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certificates.trust.given import certificates_in, read_public_key
from certificates.trust.keys import PublicKey, UnreadableCertificate, read_certificate
from certificates.trust.lists.entries import ListRefused


def read_signer(text: str) -> PublicKey:
    """The key of a list's signer as an admin gave it: a certificate or public key in PEM, or a JWK of P-256.

    Raises ListRefused.
    """
    text = text.strip()
    try:
        if text.startswith("{"):
            return ec_of_jwk(json.loads(text))
        if "BEGIN PUBLIC KEY" in text:
            return read_public_key(text.encode())
        return read_certificate(certificates_in(text)[0]).public_key
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ListRefused("Kunci penanda tangan daftar tidak terbaca: tempel PEM atau JWK.") from error


def ec_of_jwk(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    """Public key of a JWK on P-256. WHO writes coordinates with a leading zero byte, which changes no number."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise UnreadableCertificate("no public key on P-256")
    x, y = (int.from_bytes(unb64(jwk[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def unb64(text: str) -> bytes:
    """Base64 or base64url, padded or not; ValueError for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", text.strip()):
        raise ValueError("not base64")
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error as error:
        raise ValueError("not base64") from error


def ecdsa_in_any_form(public: PublicKey, signature: bytes, data: bytes) -> bool:
    """ES256 as raw r||s or as DER: the WHO gateway writes DER into its JWS, against the letter of RFC 7515."""
    from certificates.verifying import signatures

    if signatures.holds(public, signatures.ES256, signature, data):
        return True
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        return False
    try:
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
