"""ICAO visible digital seal for non-constrained environments (VDS-NC): JSON with its signer certificate inside.

The signature proves nothing until the certificate inside leads to a country's signing authority (CSCA) that we
accept; until then anybody could have made the whole code.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

import rfc8785

from certificates.trust import chain
from certificates.trust.keys import CSCA_KEYS, KeyFinder, TrustedKey
from certificates.verifying import signatures, verdicts
from certificates.verifying.limits import read_json
from certificates.verifying.terms import compact, disease, icd_vaccine, is_text
from certificates.verifying.verdicts import Outcome, Refused, State

MAX_VDS_TEXT = 12_000
_ALGORITHMS = frozenset({signatures.ES256, signatures.ES384, signatures.ES512})
_KINDS = {"icao.vacc": "NV", "icao.test": "NT"}  # type of the message, and the document type its signer is for


def looks_like(text: str) -> bool:
    """True for JSON that may be a seal; health-card files are JSON too and are looked for first."""
    return text.startswith("{") and '"data"' in text[:400]


def verify(text: str, keys: KeyFinder, *, now: datetime) -> Outcome:
    """Check one seal at the moment `now`; never raises."""
    state = State(verdicts.VDS_NC)
    return state.judged(lambda: _steps(text, keys, now, state))


def _steps(text: str, keys: KeyFinder, now: datetime, state: State) -> None:
    data, sig = _open(text)
    signer = _signer_certificate(sig)
    # The signature first: what does not even fit its own certificate is altered, whoever stands behind it.
    if not signatures.holds(signer.key.public_key, sig["alg"], _unb64(sig["sigvl"]), _canonical(data)):
        raise Refused(verdicts.BAD_SIGNATURE if _authorities(signer, keys) else verdicts.UNKNOWN_KEY)
    authority = _authority(signer, keys, state)
    state.found(authority)
    state.issuer = authority.issuer or signer.key.issuer
    state.facts = _facts(data)
    _check_times(signer, authority, int(now.timestamp()))
    if not signer.signs_seals(_KINDS.get(_kind(data), "")) or (
        authority.formats and verdicts.VDS_NC not in authority.formats
    ):
        raise Refused(verdicts.WRONG_KEY_USAGE)
    if not state.facts:
        raise Refused(verdicts.BAD_SCHEMA)


def _open(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    document = read_json(text, verdicts.BAD_JSON, most=MAX_VDS_TEXT)
    if not isinstance(document, dict) or set(document) != {"data", "sig"}:
        raise Refused(verdicts.BAD_JSON)
    data, sig = document["data"], document["sig"]
    if not isinstance(data, dict) or not isinstance(sig, dict) or set(sig) != {"alg", "cer", "sigvl"}:
        raise Refused(verdicts.BAD_JSON)
    if not all(isinstance(value, str) for value in sig.values()) or sig["alg"] not in _ALGORITHMS:
        raise Refused(verdicts.BAD_JSON)
    return data, sig


def _unb64(text: str) -> bytes:
    """Base64url with or without padding: the two specimens do it differently."""
    try:
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(verdicts.BAD_JSON) from error


def _canonical(data: dict[str, Any]) -> bytes:
    try:
        return rfc8785.dumps(data)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise Refused(verdicts.BAD_JSON) from error


def _signer_certificate(sig: dict[str, Any]) -> chain.SealSigner:
    try:
        return chain.read_signer(_unb64(sig["cer"]))
    except ValueError as error:
        raise Refused(verdicts.BAD_JSON) from error


def _authorities(signer: chain.SealSigner, keys: KeyFinder) -> list[TrustedKey]:
    return keys.find(signer.authority_key_id, CSCA_KEYS) or (keys.all_of(CSCA_KEYS) if keys.pinned else [])


def _authority(signer: chain.SealSigner, keys: KeyFinder, state: State) -> TrustedKey:
    """The authority that issued the signer's certificate; several may share a key identifier."""
    candidates = _authorities(signer, keys)
    for authority in candidates:
        if chain.issued_by(signer, authority):
            return authority
    if candidates:  # it names an authority we know, and that authority never signed it
        raise Refused(verdicts.BAD_SIGNATURE)
    # Somebody signed this, but nobody we know vouches for the certificate inside.
    state.trust = verdicts.UNLISTED
    raise Refused(verdicts.UNKNOWN_KEY)


def _check_times(signer: chain.SealSigner, authority: TrustedKey, now: int) -> None:
    """A seal has no dates: its signer's certificate must be valid now, and the authority's have covered its start."""
    since, until = signer.key.not_before or 0, signer.key.not_after or 0
    if now < since:
        raise Refused(verdicts.NOT_YET_VALID)
    if now > until:
        raise Refused(verdicts.EXPIRED)
    if authority.not_before is not None and since < authority.not_before:
        raise Refused(verdicts.NOT_YET_VALID)
    if authority.not_after is not None and since > authority.not_after:
        raise Refused(verdicts.EXPIRED)


def _kind(data: dict[str, Any]) -> str:
    header = data.get("hdr")
    kind = header.get("t") if isinstance(header, dict) else None
    return kind if isinstance(kind, str) else ""


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    """Who, what and when; empty for a message that is not understood."""
    try:
        header, message = data["hdr"], data["msg"]
        person = message["pid"]
        common = {
            "name": " ".join(person["n"].split()),
            "birth_date": person.get("dob"),
            "country": header["is"],
            "uvci": message.get("uvci"),
        }
        if header["t"] == "icao.vacc":
            return compact(**common, **_vaccination(message["ve"]))
        if header["t"] == "icao.test":
            return compact(kind="test", **common, test_result=message.get("tr", {}).get("r"))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return {}
    return {}


def _vaccination(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The newest dose of all events."""
    given = [(dose["dvc"], event, dose) for event in events for dose in event["vd"]]
    when, event, dose = max(given, key=lambda item: item[0])
    if not is_text(when):
        raise ValueError("a dose without a day")
    return {
        "kind": "vaccination",
        "vaccine": event.get("nam") or icd_vaccine(event["des"]),
        "disease": disease(event["dis"]),
        "dose": str(dose["seq"]) if type(dose.get("seq")) is int and 0 < dose["seq"] < 100 else None,
        "date": when,
        "lot": dose.get("lot"),
        "certificate_issuer": dose.get("adm"),
        "doses_on_card": str(len(given)),
    }
