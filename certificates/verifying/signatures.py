"""Does this key stand behind these bytes? The algorithm is bound to the key, never chosen by the code alone."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certificates.trust.keys import PublicKey

ES256, ES384, ES512, PS256, EDDSA = "ES256", "ES384", "ES512", "PS256", "EdDSA"
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192  # the upper bound keeps one verification cheap

_CURVES: dict[str, tuple[type[ec.EllipticCurve], int, ec.ECDSA]] = {
    ES256: (ec.SECP256R1, 32, ec.ECDSA(hashes.SHA256())),
    ES384: (ec.SECP384R1, 48, ec.ECDSA(hashes.SHA384())),
    ES512: (ec.SECP521R1, 66, ec.ECDSA(hashes.SHA512())),
}


def holds(public: PublicKey, algorithm: str, signature: bytes, data: bytes) -> bool:
    """True when the algorithm fits the type of key and the signature is over exactly these bytes.

    ECDSA signatures are r followed by s, never DER.
    """
    try:
        if algorithm in _CURVES and isinstance(public, ec.EllipticCurvePublicKey):
            return _ecdsa(public, algorithm, signature, data)
        if algorithm == PS256 and isinstance(public, rsa.RSAPublicKey):
            if not MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS:
                return False
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            public.verify(signature, data, pss, hashes.SHA256())
            return True
        if algorithm == EDDSA and isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, data)
            return True
    except (InvalidSignature, ValueError):
        return False
    return False


def _ecdsa(public: ec.EllipticCurvePublicKey, algorithm: str, signature: bytes, data: bytes) -> bool:
    curve, size, ecdsa = _CURVES[algorithm]
    if not isinstance(public.curve, curve) or len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    public.verify(encode_dss_signature(r, s), data, ecdsa)
    return True
