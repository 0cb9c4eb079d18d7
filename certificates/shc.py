"""SMART Health Cards: a signed FHIR bundle as a compact JWS, in a numeric QR code `shc:/...`.

Every vaccine has one, also those for which the EU has no code. Chunked codes are read but never written.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from certificates import codes, hcert, outcome
from certificates.facts import DoseFacts
from certificates.names import person_name
from certificates.outcome import Outcome
from certificates.trust import KeyRing, TrustedKey

PREFIX = "shc:/"
HEALTH_CARD = "https://smarthealth.cards#health-card"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD11 = "http://id.who.int/icd/release/11/mms"
KFA = "http://sys-ids.kemkes.go.id/kfa"
MAX_TEXT = 40_000
MAX_JSON = 200_000
MAX_CHUNKS = 20
_CHUNK = re.compile(r"^shc:/(\d{1,2})/(\d{1,2})/(\d+)$", re.ASCII)


class BadKeySet(ValueError):
    """A key set that breaks the rules of SMART Health Cards (verdict name `bad-jwks`)."""


class _Refused(Exception):
    def __init__(self, verdict: str):
        super().__init__(verdict)
        self.verdict = verdict


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


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
    return TrustedKey(kid=str(jwk["kid"]).encode(), public_key=public, issuer=issuer)


# --- issue ---------------------------------------------------------------------------------------------------------


def revocation_id(uvci: str) -> str:
    """The `rid` of a card: a hash of its random identifier, so a revocation list names no person."""
    return b64url(hashlib.sha256(uvci.encode()).digest()[:12])


def bundle(facts: DoseFacts, *, local_system: str) -> dict[str, Any]:
    """FHIR bundle of one dose with name and birth date only. `local_system` names vaccines that have no public code."""
    name = person_name(facts.name)
    human_name: dict[str, Any] = {"family": name.surname}
    if name.given:
        human_name["given"] = name.given.split()
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "resource:0",
                "resource": {
                    "resourceType": "Patient",
                    "name": [human_name],
                    "birthDate": facts.birth_date.isoformat(),
                },
            },
            {
                "fullUrl": "resource:1",
                "resource": {
                    "resourceType": "Immunization",
                    "status": "completed",
                    "vaccineCode": {"coding": vaccine_coding(facts, local_system)},
                    "patient": {"reference": "resource:0"},
                    "occurrenceDateTime": facts.occurred_on.isoformat(),
                    "lotNumber": facts.lot_number,
                    "performer": [{"actor": {"display": facts.facility_name}}],
                },
            },
        ],
    }


def vaccine_coding(facts: DoseFacts, local_system: str) -> list[dict[str, str]]:
    """Every public code we are sure of; our own catalogue code where there is none."""
    covid = codes.COVID_VACCINES.get(facts.vaccine_code)
    cvx = covid.cvx if covid else facts.cvx.split("|")[0]
    candidates = [(CVX, cvx), (ICD11, covid.icd11 if covid else ""), (KFA, facts.kfa.split("|")[0])]
    coding = [{"system": system, "code": code} for system, code in candidates if code]
    return coding or [{"system": local_system, "code": facts.vaccine_code}]


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
    kind = "#covid19" if facts.vaccine_code in codes.COVID_VACCINES else "#immunization"
    claims = {
        "iss": issuer_url,
        "nbf": int(issued_at.timestamp()),
        "vc": {
            "type": [HEALTH_CARD, f"https://smarthealth.cards{kind}"],
            "rid": revocation_id(uvci),
            "credentialSubject": {
                "fhirVersion": "4.0.1",
                "fhirBundle": bundle(facts, local_system=f"{issuer_url}/kode/vaksin"),
            },
        },
    }
    header = _minified({"zip": "DEF", "alg": "ES256", "kid": kid})
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = deflater.compress(_minified(claims)) + deflater.flush()
    signed = f"{b64url(header)}.{b64url(payload)}"
    signature = sign(signed.encode("ascii"))
    return hcert.Signed(f"{signed}.{b64url(signature)}", signature)


def qr_digits(jws: str) -> str:
    """The numeric part of the QR text: two digits per character."""
    return "".join(f"{ord(character) - 45:02d}" for character in jws)


def qr_text(jws: str) -> str:
    return PREFIX + qr_digits(jws)


def _minified(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- verify --------------------------------------------------------------------------------------------------------


def looks_like(text: str) -> bool:
    """True when the text may be a health card in any of its forms: code, list of codes, file, bare JWS."""
    start = text.lstrip()[:400]
    return start.startswith(("shc:", "eyJ")) or '"verifiableCredential"' in start or '"shc:' in start


def verify(
    text: str,
    keys: KeyRing,
    *,
    now: datetime,
    is_revoked: Callable[[hcert.Revocable], bool] = lambda _revocable: False,
) -> Outcome:
    """Check one card at the moment `now`; never raises, whatever the text holds."""
    state: dict[str, Any] = {}
    try:
        _verify_steps(text, keys, now.timestamp(), is_revoked, state)
        verdict = outcome.VALID
    except _Refused as refused:
        verdict = refused.verdict
    result = Outcome(outcome.SHC, verdict, {}, state.get("issuer", ""), state.get("own_key", False))
    if not result.signature_held:
        return Outcome(outcome.SHC, verdict)
    shown = verdict in {outcome.VALID, outcome.EXPIRED, outcome.NOT_YET_VALID}
    return Outcome(outcome.SHC, verdict, state["facts"] if shown else {}, result.issuer, result.own_key)


def _verify_steps(
    text: str,
    keys: KeyRing,
    now: float,
    is_revoked: Callable[[hcert.Revocable], bool],
    state: dict[str, Any],
) -> None:
    if len(text) > MAX_TEXT:
        raise _Refused(outcome.BAD_QR)
    parts = _compact_jws(text.strip()).split(".")
    try:
        header_text, payload_text, signature_text = parts
        header = _json(unb64url(header_text))
        packed, signature = unb64url(payload_text), unb64url(signature_text)
    except ValueError as error:
        raise _Refused(outcome.BAD_JWS) from error
    if not isinstance(header, dict):
        raise _Refused(outcome.BAD_JWS)
    key = _signer(header, f"{header_text}.{payload_text}".encode(), signature, keys)
    claims = _claims(header, packed)
    if key.iss and claims.get("iss") != key.iss:
        raise _Refused(outcome.UNKNOWN_KEY)
    state["issuer"], state["own_key"], state["facts"] = key.issuer, key.own, {}
    if not state["issuer"] and isinstance(claims.get("iss"), str):
        state["issuer"] = claims["iss"][:200]
    # The signature verdict stands for a content we cannot read, but nothing in it is shown as a vaccination.
    state["facts"] = _facts(claims) or {"kind": "unknown"}
    _check_times(claims, now)
    if is_revoked(hcert.revocable(signature, hcert.ES256)):
        raise _Refused(outcome.REVOKED)


def _compact_jws(text: str) -> str:
    if text.startswith(("{", "[")):
        text = _from_json(text)
    if text.startswith(PREFIX):
        return _from_digits(_joined([text]) if _CHUNK.match(text) else text[len(PREFIX) :])
    if text.startswith("shc:"):
        raise _Refused(outcome.BAD_PREFIX)
    return text


def _from_json(text: str) -> str:
    """The first card of a `.smart-health-card` file, or a list of codes that together make one card."""
    try:
        document = _json(text.encode())
    except ValueError as error:
        raise _Refused(outcome.BAD_JWS) from error
    if isinstance(document, dict):
        document = document.get("verifiableCredential")
    if not isinstance(document, list) or not document or not all(isinstance(item, str) for item in document):
        raise _Refused(outcome.BAD_JWS)
    if all(_CHUNK.match(item) for item in document):
        return PREFIX + _joined(document)
    return document[0]


def _joined(chunks: list[str]) -> str:
    found = [match for chunk in chunks if (match := _CHUNK.match(chunk))]
    by_number = {int(match[1]): match[3] for match in found}
    count = int(found[0][2])
    if count > MAX_CHUNKS or sorted(by_number) != list(range(1, count + 1)):
        raise _Refused(outcome.BAD_QR)
    return "".join(by_number[number] for number in range(1, count + 1))


def _from_digits(digits: str) -> str:
    if len(digits) % 2 or not re.fullmatch(r"[0-9]+", digits):
        raise _Refused(outcome.BAD_QR)
    pairs = [int(digits[position : position + 2]) for position in range(0, len(digits), 2)]
    if max(pairs) > 77:
        raise _Refused(outcome.BAD_QR)
    return "".join(chr(pair + 45) for pair in pairs)


def _json(data: bytes) -> Any:
    """JSON under the size cap; every failure, also of depth or of a giant number, is a ValueError."""
    if len(data) > MAX_JSON:
        raise ValueError("too long")
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("too deep") from error


def _signer(header: Mapping[str, Any], signed: bytes, signature: bytes, keys: KeyRing) -> TrustedKey:
    kid = header.get("kid")
    candidates = keys.find(kid.encode()) if isinstance(kid, str) else []
    if not candidates:
        raise _Refused(outcome.UNKNOWN_KEY)
    for key in candidates:
        if header.get("alg") == "ES256" and hcert.signature_holds(key, hcert.ES256, signature, signed):
            return key
    raise _Refused(outcome.BAD_SIGNATURE)


def _claims(header: Mapping[str, Any], packed: bytes) -> dict[str, Any]:
    if header.get("zip") != "DEF":
        raise _Refused(outcome.BAD_ZLIB)
    inflater = zlib.decompressobj(-15)
    try:
        data = inflater.decompress(packed, MAX_JSON)
    except zlib.error as error:
        raise _Refused(outcome.BAD_ZLIB) from error
    if not inflater.eof or inflater.unused_data:
        raise _Refused(outcome.BAD_ZLIB)
    try:
        claims = _json(data)
    except ValueError as error:
        raise _Refused(outcome.BAD_JWS) from error
    if not isinstance(claims, dict):
        raise _Refused(outcome.BAD_JWS)
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    not_before, expires = claims.get("nbf"), claims.get("exp")
    if any(isinstance(moment, bool) or not isinstance(moment, int | float | None) for moment in (not_before, expires)):
        raise _Refused(outcome.BAD_SCHEMA)
    if not_before is not None and not_before > now:
        raise _Refused(outcome.NOT_YET_VALID)
    if expires is not None and expires < now:
        raise _Refused(outcome.EXPIRED)


def _facts(claims: Mapping[str, Any]) -> dict[str, Any] | None:
    """Patient and newest immunization of the bundle; None when it is not the bundle of a health card."""
    try:
        credential = claims["vc"]
        resources = [entry["resource"] for entry in credential["credentialSubject"]["fhirBundle"]["entry"]]
        if HEALTH_CARD not in credential["type"]:
            return None
        patient = next(item for item in resources if item["resourceType"] == "Patient")
        doses = [item for item in resources if item["resourceType"] == "Immunization"]
        name = patient["name"][0]
        facts: dict[str, Any] = {
            "kind": "vaccination" if doses else "other",
            "name": name.get("text") or " ".join([*name.get("given", []), name.get("family", "")]).strip(),
            "birth_date": patient["birthDate"],
        }
        if doses:
            dose = max(doses, key=lambda item: str(item["occurrenceDateTime"]))
            coding = dose["vaccineCode"]["coding"]
            facts |= {
                "vaccine": _vaccine_name(coding),
                "date": dose["occurrenceDateTime"],
                "lot": dose.get("lotNumber", ""),
                "certificate_issuer": dose.get("performer", [{}])[0].get("actor", {}).get("display", ""),
                "doses_on_card": str(len(doses)),
            }
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration):
        return None
    if not all(isinstance(value, str) for value in facts.values()):
        return None
    return {key: value[:300] for key, value in facts.items() if value}


def _vaccine_name(coding: list[Mapping[str, Any]]) -> str:
    """Brand for a code we know, else system and code as they stand."""
    brands = {(CVX, c.cvx): c.brand for c in codes.COVID_VACCINES.values() if c.cvx}
    brands |= {(ICD11, c.icd11): c.brand for c in codes.COVID_VACCINES.values() if c.has_eu_code}
    for item in coding:
        if brand := brands.get((item["system"], item["code"])):
            return brand
    label = {CVX: "CVX", ICD11: "ICD-11", KFA: "KFA"}.get(coding[0]["system"], "")
    return f"{label} {coding[0]['code']}".strip()
