"""Electronic health certificates (HC1): CBOR claims in a COSE signature, deflated, in base45.

`verify` walks the steps of the container in their fixed order; the first step that fails names the verdict.
Nothing in a hostile text may cost much or raise: sizes, depth and CBOR tags are capped before anything is looked at.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from certificates import base45, dcc, outcome, whoformats
from certificates.outcome import Outcome
from certificates.trust import KeyRing, TrustedKey

PREFIX = "HC1:"
ES256, PS256 = -7, -37
ALG, KID = 1, 4
ISS, EXP, IAT, HCERT = 1, 4, 6, -260
EU_DCC, DDCC_VS, DVC = 1, 3, -6

MAX_TEXT = 12_000  # a QR code holds 4,296 alphanumeric characters
MAX_INFLATED = 65_536
MAX_DEPTH = 24
COSE_SIGN1_TAG, CWT_TAG = 18, 61

# Tags cbor2 would turn into regular expressions, big numbers, shared references and the like. None of them belongs
# into a certificate, some cost much to build; a date tag is read as the plain text inside it.
_FORBIDDEN_TAGS = (2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 43000, 52, 54, 100, 256, 258, 260, 261, 1004)


class _Refused(Exception):
    def __init__(self, verdict: str):
        super().__init__(verdict)
        self.verdict = verdict


def _refuse_tag(*_: object) -> Any:
    raise cbor2.CBORDecodeError("tag not allowed")


def _plain_value(value: object, *_: object) -> Any:
    return value


_DECODERS: dict[int, Callable[..., Any]] = {
    **dict.fromkeys(_FORBIDDEN_TAGS, _refuse_tag),
    **dict.fromkeys((0, 1), _plain_value),
}


def decode_cbor(data: bytes) -> Any:
    """Decode exactly one CBOR item under the caps; any failure is a ValueError."""
    stream = io.BytesIO(data)
    try:
        item = cbor2.load(stream, max_depth=MAX_DEPTH, semantic_decoders=_DECODERS)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError, RecursionError, KeyError) as error:
        raise ValueError("not acceptable CBOR") from error
    if stream.tell() != len(data):
        raise ValueError("more than one CBOR item")
    return item


# --- issue ---------------------------------------------------------------------------------------------------------


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
    signature = sign(_to_be_signed(protected, payload))
    message = cbor2.dumps(cbor2.CBORTag(COSE_SIGN1_TAG, [protected, {}, payload, signature]))
    return Signed(PREFIX + base45.encode(zlib.compress(message, 9)), signature)


def sign_es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA on P-256 with SHA-256 as r followed by s, 32 bytes each."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload])


# --- verify --------------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class _Message:
    protected: bytes
    headers: dict[Any, Any]
    payload: bytes
    signature: bytes


def signature_of(text: str) -> bytes:
    """The signature inside a well-formed HC1 text; ValueError otherwise."""
    try:
        return _open(text).signature
    except _Refused as error:
        raise ValueError(error.verdict) from error


def verify(
    text: str,
    keys: KeyRing,
    *,
    now: datetime,
    is_revoked: Callable[[Revocable], bool] = lambda _revocable: False,
) -> Outcome:
    """Check one HC1 text at the moment `now`; never raises, whatever the text holds."""
    state: dict[str, Any] = {"format": outcome.UNKNOWN}
    try:
        _verify_steps(text, keys, int(now.timestamp()), is_revoked, state)
        verdict = outcome.VALID
    except _Refused as refused:
        verdict = refused.verdict
    result = Outcome(
        format=state["format"],
        verdict=verdict,
        issuer=state.get("issuer", ""),
        own_key=state.get("own_key", False),
    )
    if not result.signature_held:
        return Outcome(format=state["format"], verdict=verdict)
    # A revoked code states what turned out to be wrong; a code outside the schema cannot be read with confidence.
    shown = verdict in {outcome.VALID, outcome.EXPIRED, outcome.NOT_YET_VALID, outcome.BAD_VALUESET}
    facts = _facts(state) if shown else {}
    return Outcome(result.format, verdict, facts, result.issuer, result.own_key)


def _verify_steps(
    text: str,
    keys: KeyRing,
    now: int,
    is_revoked: Callable[[Revocable], bool],
    state: dict[str, Any],
) -> None:
    if text.strip().startswith(PREFIX):
        state["format"] = outcome.HCERT
    message = _open(text)
    claims = _claims(message)
    state["format"], state["claims"] = _format_of(claims), claims
    state["content"] = _content(claims, state["format"])
    key, algorithm = _signer(message, keys)
    state["issuer"], state["own_key"] = key.issuer, key.own
    flat = HCERT not in claims
    _check_times(claims, key, now, required=not flat)
    if state["format"] == outcome.EU_DCC:
        _check_usage(state["content"], key)
    uvci, country = _identifier(state)
    if is_revoked(revocable(message.signature, algorithm, uvci=uvci, country=country)):
        raise _Refused(outcome.REVOKED)
    if state["format"] == outcome.EU_DCC:
        if dcc.schema_errors(state["content"]):
            raise _Refused(outcome.BAD_SCHEMA)
        if dcc.valueset_errors(state["content"]):
            raise _Refused(outcome.BAD_VALUESET)
    elif state["format"] in {outcome.WHO_DVC, outcome.DDCC_VS} and not whoformats.recognised(
        state["format"], state["content"]
    ):
        raise _Refused(outcome.BAD_SCHEMA)


def _open(text: str) -> _Message:
    # base45 never ends in a blank (its last digit is at most W), so blanks at the ends come from pasting.
    text = text.strip()
    if not text.startswith(PREFIX):
        raise _Refused(outcome.BAD_PREFIX)
    if len(text) > MAX_TEXT:
        raise _Refused(outcome.BAD_BASE45)
    try:
        packed = base45.decode(text[len(PREFIX) :])
    except ValueError as error:
        raise _Refused(outcome.BAD_BASE45) from error
    try:
        item = decode_cbor(_inflate(packed))
    except ValueError as error:
        raise _Refused(outcome.BAD_COSE) from error
    if isinstance(item, cbor2.CBORTag) and item.tag == CWT_TAG:
        item = item.value
    if isinstance(item, cbor2.CBORTag) and item.tag == COSE_SIGN1_TAG:
        item = item.value
    if not isinstance(item, list | tuple) or len(item) != 4:
        raise _Refused(outcome.BAD_COSE)
    protected, unprotected, payload, signature = item
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise _Refused(outcome.BAD_COSE)
    try:
        protected_headers = decode_cbor(protected) if protected else {}
    except ValueError as error:
        raise _Refused(outcome.BAD_COSE) from error
    if not isinstance(protected_headers, Mapping) or not isinstance(unprotected, Mapping):
        raise _Refused(outcome.BAD_COSE)
    # The protected header wins: it is signed.
    return _Message(protected, {**unprotected, **protected_headers}, payload, signature)


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, MAX_INFLATED)
    except zlib.error as error:
        raise _Refused(outcome.BAD_ZLIB) from error
    if not inflater.eof or inflater.unused_data:
        raise _Refused(outcome.BAD_ZLIB)
    return data


def _claims(message: _Message) -> Mapping[Any, Any]:
    try:
        claims = decode_cbor(message.payload)
    except ValueError as error:
        raise _Refused(outcome.BAD_CBOR) from error
    if not isinstance(claims, Mapping):
        raise _Refused(outcome.BAD_CBOR)
    if HCERT in claims:
        subclaims = claims[HCERT]
        known = (EU_DCC, DDCC_VS, DVC)
        if not isinstance(subclaims, Mapping) or not all(
            isinstance(subclaims[number], Mapping) for number in known if number in subclaims
        ):
            raise _Refused(outcome.BAD_CBOR)
    return claims


def _format_of(claims: Mapping[Any, Any]) -> str:
    if HCERT not in claims:
        return outcome.DDCC_VS if whoformats.looks_flat(claims) else outcome.HCERT_OTHER
    subclaims = claims[HCERT]
    for number, name in ((EU_DCC, outcome.EU_DCC), (DDCC_VS, outcome.DDCC_VS), (DVC, outcome.WHO_DVC)):
        if number in subclaims:
            return name
    return outcome.HCERT_OTHER


def _content(claims: Mapping[Any, Any], format_name: str) -> Any:
    if HCERT not in claims:
        return claims
    subclaims = claims[HCERT]
    number = {outcome.EU_DCC: EU_DCC, outcome.DDCC_VS: DDCC_VS, outcome.WHO_DVC: DVC}.get(format_name)
    return subclaims[number] if number is not None else None


def _signer(message: _Message, keys: KeyRing) -> tuple[TrustedKey, int]:
    """Two certificates may share a kid, so every one of them is tried."""
    kid = message.headers.get(KID)
    candidates = keys.find(kid) if isinstance(kid, bytes) else []
    algorithm: Any = message.headers.get(ALG)
    signed = _to_be_signed(message.protected, message.payload)

    def signed_by(key: TrustedKey) -> bool:
        return algorithm in (ES256, PS256) and signature_holds(key, algorithm, message.signature, signed)

    if not candidates:
        # Against one named signer there is a truer answer than "unknown": this signer did not sign it.
        if keys.pinned and not any(signed_by(key) for key in keys):
            raise _Refused(outcome.BAD_SIGNATURE)
        raise _Refused(outcome.UNKNOWN_KEY)
    for key in candidates:
        if signed_by(key):
            return key, int(algorithm)
    raise _Refused(outcome.BAD_SIGNATURE)


def signature_holds(key: TrustedKey, algorithm: int, signature: bytes, data: bytes) -> bool:
    """True when the algorithm fits the type of key and the signature is over exactly these bytes."""
    public = key.public_key
    try:
        if algorithm == ES256 and isinstance(public, ec.EllipticCurvePublicKey):
            if not isinstance(public.curve, ec.SECP256R1) or len(signature) != 64:
                return False
            der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            public.verify(der, data, ec.ECDSA(hashes.SHA256()))
            return True
        if algorithm == PS256 and isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048:
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            public.verify(signature, data, pss, hashes.SHA256())
            return True
    except (InvalidSignature, ValueError):
        return False
    return False


def _check_times(claims: Mapping[Any, Any], key: TrustedKey, now: int, *, required: bool) -> None:
    issued, expires = claims.get(IAT), claims.get(EXP)
    if not required and issued is None and expires is None:
        return
    if type(issued) is not int or type(expires) is not int:
        raise _Refused(outcome.BAD_CBOR)
    if issued > now:
        raise _Refused(outcome.NOT_YET_VALID)
    # The second named by `exp` itself still counts: published Danish test codes are checked at exactly that second.
    if expires < now:
        raise _Refused(outcome.EXPIRED)
    if key.not_before is not None and issued < key.not_before:
        raise _Refused(outcome.NOT_YET_VALID)
    if key.not_after is not None and issued > key.not_after:
        raise _Refused(outcome.EXPIRED)


def _check_usage(content: Any, key: TrustedKey) -> None:
    group = dcc.kind(content)
    if key.usages and group and group not in key.usages:
        raise _Refused(outcome.WRONG_KEY_USAGE)


def _identifier(state: Mapping[str, Any]) -> tuple[str, str]:
    """UVCI and country of the code, wherever they can be read before the schema is known to hold."""
    content = state["content"]
    group = dcc.kind(content)
    if state["format"] != outcome.EU_DCC or not group:
        return "", ""
    entries = content[group]
    if not isinstance(entries, list | tuple) or not entries or not isinstance(entries[0], Mapping):
        return "", ""
    uvci, country = entries[0].get("ci"), entries[0].get("co")
    return (uvci if isinstance(uvci, str) else ""), (country if isinstance(country, str) else "")


def _facts(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["format"] == outcome.EU_DCC:
        return dcc.read_facts(state["content"]) if not dcc.schema_errors(state["content"]) else {}
    if state["format"] in {outcome.WHO_DVC, outcome.DDCC_VS}:
        return whoformats.read_facts(state["format"], state["content"])
    # Signature sound, content unknown: never shown as vaccinated.
    return {"kind": "unknown"}
