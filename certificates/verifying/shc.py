"""SMART Health Cards: numeric code, chunks, file or bare JWS; steps and verdict names as for HC1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from certificates import hcert
from certificates.shc import HEALTH_CARD, PREFIX, unb64url
from certificates.trust.keys import SHC_KEYS, KeyFinder, TrustedKey
from certificates.verifying import signatures, verdicts
from certificates.verifying.limits import MAX_CHUNKS, MAX_TEXT, inflate, read_json
from certificates.verifying.terms import MAX_FACT, vaccine_of
from certificates.verifying.verdicts import Outcome, Refused, State

_CHUNK = re.compile(r"shc:/(\d{1,2})/(\d{1,2})/(\d+)", re.ASCII)
_MAX_ENTRIES = 100


def looks_like(text: str) -> bool:
    """True when the text may be a health card in any of its forms: code, list of codes, file, bare JWS."""
    start = text.lstrip()[:400]
    return start.startswith(("shc:", "eyJ")) or '"verifiableCredential"' in start or '"shc:' in start


def verify(
    text: str,
    keys: KeyFinder,
    *,
    now: datetime,
    is_revoked: Callable[[hcert.Revocable], bool] = lambda _revocable: False,
) -> Outcome:
    """Check one card at the moment `now`; never raises, whatever the text holds."""
    state = State(verdicts.SHC)
    return state.judged(lambda: _steps(text, keys, now.timestamp(), is_revoked, state))


def _steps(text: str, keys: KeyFinder, now: float, is_revoked: Callable[[hcert.Revocable], bool], state: State) -> None:
    if len(text) > MAX_TEXT:
        raise Refused(verdicts.BAD_QR)
    parts = _compact_jws(text.strip()).split(".")
    try:
        header_text, payload_text, signature_text = parts
        header = _usual_header(header_text) if len(header_text) <= _USUAL else _header(header_text)
        packed, signature = unb64url(payload_text), unb64url(signature_text)
    except ValueError as error:
        raise Refused(verdicts.BAD_JWS) from error
    signers = _signers(header, f"{header_text}.{payload_text}".encode(), signature, keys)
    claims = _claims(header, packed)
    # One key may be published under several addresses; it counts for the one the card names.
    key = next((key for key in signers if key.iss in ("", claims.get("iss"))), None)
    if key is None:
        raise Refused(verdicts.UNKNOWN_KEY)
    state.found(key)
    state.issuer = key.issuer or _issuer(claims)
    # The signature verdict stands for a content we cannot read, but nothing in it is shown as a vaccination.
    state.facts = _facts(claims) or {"kind": "unknown"}
    _check_times(claims, now)
    if key.formats and verdicts.SHC not in key.formats:
        raise Refused(verdicts.WRONG_KEY_USAGE)
    if is_revoked(hcert.revocable(signature, hcert.ES256)):
        raise Refused(verdicts.REVOKED)


def _header(text: str) -> dict[str, Any]:
    """The header of a JWS. ValueError when it is not base64, Refused when it is not a JSON object."""
    header = read_json(unb64url(text), verdicts.BAD_JWS)
    if not isinstance(header, dict):
        raise Refused(verdicts.BAD_JWS)
    return header


# The cards of a key all begin with the same text; others are so few that they cannot fill the memory.
_USUAL = 256
_usual_header = lru_cache(maxsize=256)(_header)


def _issuer(claims: Mapping[str, Any]) -> str:
    iss = claims.get("iss")
    return iss[:200] if isinstance(iss, str) else ""


def _compact_jws(text: str) -> str:
    if text.startswith(("{", "[")):
        text = _from_json(text)
    elif _CHUNK.match(text):
        # Several chunks pasted one after the other, in any order.
        text = PREFIX + _joined(re.split(r"\s+|,|(?=shc:/)", text))
    if text.startswith(PREFIX):
        return _from_digits(text[len(PREFIX) :])
    if text.startswith("shc:"):
        raise Refused(verdicts.BAD_PREFIX)
    return text


def _from_json(text: str) -> str:
    """The first card of a `.smart-health-card` file, or a list of codes that together make one card."""
    document = read_json(text.encode("utf-8", "surrogatepass"), verdicts.BAD_JWS)
    if isinstance(document, dict):
        document = document.get("verifiableCredential")
    if not isinstance(document, list) or not document or not all(isinstance(item, str) for item in document):
        raise Refused(verdicts.BAD_JWS)
    if all(map(_CHUNK.fullmatch, document)):
        return PREFIX + _joined(document)
    return document[0]


def _joined(chunks: list[str]) -> str:
    """The digits of all chunks in order. Every chunk must be there, once, and speak of the same number of them."""
    found = [_CHUNK.fullmatch(chunk) for chunk in chunks if chunk]
    matches = [match for match in found if match]
    if len(matches) != len(found) or not matches:
        raise Refused(verdicts.BAD_QR)
    count = int(matches[0][2])
    by_number = {int(match[1]): match[3] for match in matches}
    complete = sorted(by_number) == list(range(1, count + 1)) and len(by_number) == len(matches)
    if count > MAX_CHUNKS or not complete or any(int(match[2]) != count for match in matches):
        raise Refused(verdicts.BAD_QR)
    return "".join(by_number[number] for number in range(1, count + 1))


def _from_digits(digits: str) -> str:
    if len(digits) % 2 or not re.fullmatch(r"[0-9]+", digits):
        raise Refused(verdicts.BAD_QR)
    pairs = [int(digits[position : position + 2]) for position in range(0, len(digits), 2)]
    if max(pairs) > 77:
        raise Refused(verdicts.BAD_QR)
    return "".join(chr(pair + 45) for pair in pairs)


def _signers(header: Mapping[str, Any], data: bytes, signature: bytes, keys: KeyFinder) -> list[TrustedKey]:
    """Every known key that signed this card; Refused when there is none."""
    kid = header.get("kid")
    candidates = keys.find(kid.encode("utf-8", "surrogatepass"), SHC_KEYS) if isinstance(kid, str) else []
    if not candidates:
        raise Refused(verdicts.UNKNOWN_KEY)
    if header.get("alg") != "ES256":
        raise Refused(verdicts.BAD_SIGNATURE)
    signers = [key for key in candidates if signatures.holds(key.public_key, signatures.ES256, signature, data)]
    if not signers:
        raise Refused(verdicts.BAD_SIGNATURE)
    return signers


def _claims(header: Mapping[str, Any], packed: bytes) -> dict[str, Any]:
    if header.get("zip") != "DEF":
        raise Refused(verdicts.BAD_ZLIB)
    claims = read_json(inflate(packed, verdicts.BAD_ZLIB, raw=True), verdicts.BAD_JWS)
    if not isinstance(claims, dict):
        raise Refused(verdicts.BAD_JWS)
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    not_before, expires = claims.get("nbf"), claims.get("exp")
    if any(isinstance(moment, bool) or not isinstance(moment, int | float | None) for moment in (not_before, expires)):
        raise Refused(verdicts.BAD_SCHEMA)
    if not_before is not None and not_before > now:
        raise Refused(verdicts.NOT_YET_VALID)
    if expires is not None and expires < now:
        raise Refused(verdicts.EXPIRED)


def _facts(claims: Mapping[str, Any]) -> dict[str, Any] | None:
    """Patient and newest immunization of the bundle; None when it is not the bundle of a health card."""
    try:
        credential = claims["vc"]
        entries = credential["credentialSubject"]["fhirBundle"]["entry"][:_MAX_ENTRIES]
        resources = [entry["resource"] for entry in entries]
        if HEALTH_CARD not in credential["type"]:
            return None
        patient = next(item for item in resources if item["resourceType"] == "Patient")
        doses = [item for item in resources if item["resourceType"] == "Immunization" and item["status"] == "completed"]
        name = patient["name"][0]
        facts: dict[str, Any] = {
            "kind": "vaccination" if doses else "other",
            "name": name.get("text") or " ".join([*name.get("given", []), name.get("family", "")]).strip(),
            "birth_date": patient["birthDate"],
        }
        if doses:
            dose = max(doses, key=lambda item: str(item["occurrenceDateTime"]))
            facts |= {
                "vaccine": vaccine_of(dose["vaccineCode"]["coding"]),
                "date": dose["occurrenceDateTime"],
                "lot": dose.get("lotNumber", ""),
                "certificate_issuer": dose.get("performer", [{}])[0].get("actor", {}).get("display", ""),
                "doses_on_card": str(len(doses)),
            }
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration):
        return None
    if not all(isinstance(value, str) for value in facts.values()):
        return None
    return {key: value[:MAX_FACT] for key, value in facts.items() if value}
