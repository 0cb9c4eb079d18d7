"""SMART Health Cards: a signed FHIR bundle as a compact JWS, in a numeric QR code `shc:/...`.

Every vaccine has one, also those for which the EU has no code. What reads them is `certificates.verifying.shc`.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import deflate
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import codes, hcert
from certificates.facts import DoseFacts
from certificates.frames import json_frame, json_text, slot, to_json
from certificates.names import person_name
from certificates.trust.keys import SHC_KEYS, TrustedKey

PREFIX = "shc:/"
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEALTH_CARD = "https://smarthealth.cards#health-card"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD11 = "http://id.who.int/icd/release/11/mms"
KFA = "http://sys-ids.kemkes.go.id/kfa"


class BadKeySet(ValueError):
    """A key set that breaks the rules of SMART Health Cards (verdict name `bad-jwks`)."""


def b64url(data: bytes | bytearray) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of a base64url text without padding; ValueError for any other character or an impossible length."""
    characters = text.encode("ascii")
    if characters.translate(None, _BASE64URL):
        raise ValueError("not base64url")
    return binascii.a2b_base64(characters.translate(_FROM_URL) + b"=" * (-len(characters) % 4))


# --- keys ----------------------------------------------------------------------------------------------------------


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as published in `jwks.json`, its kid the RFC 7638 thumbprint."""
    numbers = key.public_numbers()
    x, y = (b64url(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    return {"kty": "EC", "kid": thumbprint(x, y), "use": "sig", "alg": "ES256", "crv": "P-256", "x": x, "y": y}


def thumbprint(x: str, y: str) -> str:
    members = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"), sort_keys=True)
    return b64url(hashlib.sha256(members.encode()).digest())


def read_jwks(document: Mapping[str, Any], *, issuer: str = "") -> list[TrustedKey]:
    """Keys of a published set; raises BadKeySet if any of them breaks the rules."""
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not keys:
        raise BadKeySet("no keys")
    return [_read_jwk(jwk, issuer) for jwk in keys]


def _read_jwk(jwk: object, issuer: str) -> TrustedKey:
    if not isinstance(jwk, Mapping) or "d" in jwk:
        raise BadKeySet("not a public key")
    wanted = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"}
    if any(jwk.get(name) != value for name, value in wanted.items()):
        raise BadKeySet("only ES256 keys on P-256 may sign health cards")
    try:
        x, y = unb64url(jwk["x"]), unb64url(jwk["y"])
        point = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        public = point.public_key()
    except (KeyError, TypeError, ValueError) as error:
        raise BadKeySet("not a point on P-256") from error
    if jwk.get("kid") != thumbprint(jwk["x"], jwk["y"]):
        raise BadKeySet("kid is not the thumbprint of the key")
    return TrustedKey(kid=str(jwk["kid"]).encode(), public_key=public, issuer=issuer, family=SHC_KEYS)


# --- issue ---------------------------------------------------------------------------------------------------------


def revocation_id(uvci: str) -> str:
    """The `rid` of a card: a hash of its random identifier, so a revocation list names no person."""
    return b64url(hashlib.sha256(uvci.encode()).digest()[:12])


def claims(facts: DoseFacts, *, issuer_url: str, uvci: str, issued_at: datetime) -> str:
    """What a card says, as minified JSON: a FHIR bundle of one dose with name and birth date only."""
    name, text = person_name(facts.name), json_text
    frame = _frame(
        issuer_url,
        facts.vaccine_code,
        facts.cvx,
        facts.kfa,
        has_given=bool(name.given),
        has_lot=bool(facts.lot_number),
        has_facility=bool(facts.facility_name),
    )
    return frame % {
        "nbf": int(issued_at.timestamp()),
        "rid": text(revocation_id(uvci)),
        "family": text(name.surname),
        "given": ",".join(map(text, name.given.split())),
        "birth_date": text(facts.birth_date.isoformat()),
        "occurred_on": text(facts.occurred_on.isoformat()),
        "lot": text(facts.lot_number),
        "facility": text(facts.facility_name),
    }


@lru_cache(maxsize=128)
def _frame(
    issuer_url: str, vaccine_code: str, cvx: str, kfa: str, *, has_given: bool, has_lot: bool, has_facility: bool
) -> str:
    """The claims of all cards of this vaccine with slots for what differs."""
    human_name: dict[str, Any] = {"family": slot("family")}
    if has_given:
        human_name["given"] = [slot("given")]
    optional: dict[str, Any] = {}  # FHIR knows no empty text: what is not known is left out
    if has_lot:
        optional["lotNumber"] = slot("lot")
    if has_facility:
        optional["performer"] = [{"actor": {"display": slot("facility")}}]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "resource:0",
                "resource": {"resourceType": "Patient", "name": [human_name], "birthDate": slot("birth_date")},
            },
            {
                "fullUrl": "resource:1",
                "resource": {
                    "resourceType": "Immunization",
                    "status": "completed",
                    "vaccineCode": {"coding": vaccine_coding(vaccine_code, cvx, kfa, f"{issuer_url}/kode/vaksin")},
                    "patient": {"reference": "resource:0"},
                    "occurrenceDateTime": slot("occurred_on"),
                    **optional,
                },
            },
        ],
    }
    kind = "#covid19" if vaccine_code in codes.COVID_VACCINES else "#immunization"
    return json_frame(
        {
            "iss": issuer_url,
            "nbf": slot("nbf"),
            "vc": {
                "type": [HEALTH_CARD, f"https://smarthealth.cards{kind}"],
                "rid": slot("rid"),
                "credentialSubject": {"fhirVersion": "4.0.1", "fhirBundle": bundle},
            },
        }
    )


def vaccine_coding(vaccine_code: str, cvx: str, kfa: str, local_system: str) -> list[dict[str, str]]:
    """Every public code we are sure of; our own catalogue code (`local_system`) where there is none."""
    covid = codes.COVID_VACCINES.get(vaccine_code)
    cvx = covid.cvx if covid else cvx.split("|")[0]
    candidates = [(CVX, cvx), (ICD11, covid.icd11 if covid else ""), (KFA, kfa.split("|")[0])]
    coding = [{"system": system, "code": code} for system, code in candidates if code]
    return coding or [{"system": local_system, "code": vaccine_code}]


def issue(
    facts: DoseFacts,
    *,
    issuer_url: str,
    kid: str,
    uvci: str,
    sign: Callable[[bytes], bytes],
    issued_at: datetime,
) -> hcert.Signed:
    """Sign one card with ES256; the text is the compact JWS (see `qr_text` for the code)."""
    content = claims(facts, issuer_url=issuer_url, uvci=uvci, issued_at=issued_at)
    payload = deflate.deflate_compress(content.encode(), hcert.LEVEL)
    signed = f"{_header(kid)}.{b64url(payload)}"
    signature = sign(signed.encode("ascii"))
    return hcert.Signed(f"{signed}.{b64url(signature)}", signature)


@lru_cache(maxsize=16)
def _header(kid: str) -> str:
    """The header: the same for every card of a key."""
    return b64url(to_json({"zip": "DEF", "alg": "ES256", "kid": kid}).encode())


def qr_digits(jws: str) -> str:
    """The numeric part of the QR text: two digits per character."""
    return "".join(f"{ord(character) - 45:02d}" for character in jws)


def qr_text(jws: str) -> str:
    return PREFIX + qr_digits(jws)
