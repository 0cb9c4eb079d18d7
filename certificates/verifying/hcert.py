"""The HC1 container (EU DCC, WHO DVC, DDCC:VS) in the fixed order of FORMATS section 1.8.

The first step that fails names the verdict. Nothing in a hostile text may cost much or raise: sizes, depth and CBOR
tags are capped before anything is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import cbor2

from certificates import base45
from certificates.hcert import (
    ALG,
    COSE_SIGN1_TAG,
    CWT_TAG,
    DDCC_VS,
    DVC,
    ES256,
    EU_DCC,
    EXP,
    HCERT,
    IAT,
    KID,
    PREFIX,
    PS256,
    Revocable,
    revocable,
    to_be_signed,
)
from certificates.trust.keys import HCERT_KEYS, KeyFinder, TrustedKey
from certificates.verifying import cbor, dcc, ddcc, dvc, signatures, verdicts
from certificates.verifying.limits import MAX_HCERT_TEXT, inflate
from certificates.verifying.verdicts import Outcome, Refused, State

# Nothing else is accepted, whatever key is at hand.
_ALGORITHMS = {ES256: signatures.ES256, PS256: signatures.PS256}
_RECOGNISED = {verdicts.WHO_DVC: dvc.recognised, verdicts.DDCC_VS: ddcc.recognised}
_SUBCLAIMS = {EU_DCC: verdicts.EU_DCC, DDCC_VS: verdicts.DDCC_VS, DVC: verdicts.WHO_DVC}


class _Message(NamedTuple):
    protected: bytes
    headers: dict[Any, Any]
    payload: bytes
    signature: bytes


def verify(
    text: str,
    keys: KeyFinder,
    *,
    now: datetime,
    is_revoked: Callable[[Revocable], bool] = lambda _revocable: False,
) -> Outcome:
    """Check one HC1 text at the moment `now`; never raises, whatever the text holds."""
    # base45 never ends in a blank (its last digit is at most W), so blanks at the ends come from pasting.
    text = text.strip()
    state = State(verdicts.HCERT if text.startswith(PREFIX) else verdicts.UNKNOWN)
    return state.judged(lambda: _steps(text, keys, int(now.timestamp()), is_revoked, state))


def _steps(text: str, keys: KeyFinder, now: int, is_revoked: Callable[[Revocable], bool], state: State) -> None:
    message = _open(text)
    claims = _claims(message)
    content: Any
    state.format, content = _content(claims)
    key, algorithm = _signer(message, keys, state.format)
    state.found(key)
    state.facts = _facts(state.format, content)
    _check_times(claims, key, now, required=HCERT in claims)
    _check_usage(state.format, content, key)
    uvci, country = _identifier(state.format, content)
    if is_revoked(revocable(message.signature, algorithm, uvci=uvci, country=country)):
        raise Refused(verdicts.REVOKED)
    _check_content(state.format, content, state.facts)


def _open(text: str) -> _Message:
    if not text.startswith(PREFIX):
        raise Refused(verdicts.BAD_PREFIX)
    if len(text) > MAX_HCERT_TEXT:
        raise Refused(verdicts.BAD_BASE45)
    try:
        packed = base45.decode(text[len(PREFIX) :])
    except ValueError as error:
        raise Refused(verdicts.BAD_BASE45) from error
    item = _decoded(inflate(packed, verdicts.BAD_ZLIB), verdicts.BAD_COSE)
    if isinstance(item, cbor2.CBORTag) and item.tag == CWT_TAG:
        item = item.value
    if isinstance(item, cbor2.CBORTag) and item.tag == COSE_SIGN1_TAG:
        item = item.value
    if not isinstance(item, list | tuple) or len(item) != 4:
        raise Refused(verdicts.BAD_COSE)
    protected, unprotected, payload, signature = item
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise Refused(verdicts.BAD_COSE)
    headers = _usual_headers(protected) if len(protected) <= _USUAL else _headers(protected)
    if not isinstance(unprotected, cbor.MAPS):
        raise Refused(verdicts.BAD_COSE)
    # The protected header wins: it is signed. A kid only in the other one is legal (WHO and older German samples).
    return _Message(protected, {**unprotected, **headers}, payload, signature)


def _headers(protected: bytes) -> Mapping[Any, Any]:
    headers = _decoded(protected, verdicts.BAD_COSE) if protected else {}
    if not isinstance(headers, cbor.MAPS):
        raise Refused(verdicts.BAD_COSE)
    return headers


# An issuer's codes all have the same few bytes here; others are so few that they cannot fill the memory.
_USUAL = 64
_usual_headers = lru_cache(maxsize=256)(_headers)


def _decoded(data: bytes, verdict: str) -> Any:
    try:
        return cbor.decode(data)
    except ValueError as error:
        raise Refused(verdict) from error


def _claims(message: _Message) -> Mapping[Any, Any]:
    claims = _decoded(message.payload, verdicts.BAD_CBOR)
    if not isinstance(claims, cbor.MAPS):
        raise Refused(verdicts.BAD_CBOR)
    if HCERT in claims:
        subclaims = claims[HCERT]
        if not isinstance(subclaims, cbor.MAPS) or not all(
            isinstance(subclaims[number], cbor.MAPS) for number in _SUBCLAIMS if number in subclaims
        ):
            raise Refused(verdicts.BAD_CBOR)
    return claims


def _content(claims: Mapping[Any, Any]) -> tuple[str, Any]:
    """Format and its content. An unknown subclaim has none: nothing of it is ever shown."""
    if HCERT not in claims:
        return (verdicts.DDCC_VS, claims) if ddcc.looks_flat(claims) else (verdicts.HCERT_OTHER, None)
    for number, name in _SUBCLAIMS.items():
        if number in claims[HCERT]:
            return name, claims[HCERT][number]
    return verdicts.HCERT_OTHER, None


def _signer(message: _Message, keys: KeyFinder, format_name: str) -> tuple[TrustedKey, int]:
    """Two certificates may share a kid, so every one of them is tried; a kid proves nothing.

    One key may stand on several lists: the entry that allows this format is asked first.
    """
    kid = message.headers.get(KID)
    number: Any = message.headers.get(ALG)
    algorithm = _ALGORITHMS.get(number, "") if type(number) is int else ""
    data = to_be_signed(message.protected, message.payload)

    def signed_by(key: TrustedKey) -> bool:
        return signatures.holds(key.public_key, algorithm, message.signature, data)

    candidates = keys.find(kid, HCERT_KEYS) if isinstance(kid, bytes) else []
    if len(candidates) > 1:
        candidates = sorted(candidates, key=lambda key: bool(key.formats) and format_name not in key.formats)
    for key in candidates:
        if signed_by(key):
            return key, number
    if candidates:
        raise Refused(verdicts.BAD_SIGNATURE)
    # Against one named signer there is a truer answer than "unknown": this signer did not sign it.
    if keys.pinned and not any(signed_by(key) for key in keys.all_of(HCERT_KEYS)):
        raise Refused(verdicts.BAD_SIGNATURE)
    raise Refused(verdicts.UNKNOWN_KEY)


def _check_times(claims: Mapping[Any, Any], key: TrustedKey, now: int, *, required: bool) -> None:
    issued, expires = claims.get(IAT), claims.get(EXP)
    if not required and issued is None and expires is None:
        return
    if type(issued) is not int or type(expires) is not int:
        raise Refused(verdicts.BAD_CBOR)
    if issued > now:
        raise Refused(verdicts.NOT_YET_VALID)
    # The second named by `exp` itself still counts: published Danish test codes are checked at exactly that second.
    if expires < now:
        raise Refused(verdicts.EXPIRED)
    if key.not_before is not None and issued < key.not_before:
        raise Refused(verdicts.NOT_YET_VALID)
    if key.not_after is not None and issued > key.not_after:
        raise Refused(verdicts.EXPIRED)


def _check_usage(format_name: str, content: Any, key: TrustedKey) -> None:
    """By key-usage OID of the certificate, and by the formats its trust list gave it for."""
    group = dcc.kind(content) if format_name == verdicts.EU_DCC else "v"
    if key.usages and group and group not in key.usages:
        raise Refused(verdicts.WRONG_KEY_USAGE)
    if key.formats and format_name not in key.formats:
        raise Refused(verdicts.WRONG_KEY_USAGE)


def _identifier(format_name: str, content: Any) -> tuple[str, str]:
    """UVCI and country of the code, wherever they can be read before the schema is known to hold."""
    group = dcc.kind(content)
    if format_name != verdicts.EU_DCC or not group:
        return "", ""
    entries = content[group]
    if not isinstance(entries, list | tuple) or not entries or not isinstance(entries[0], cbor.MAPS):
        return "", ""
    uvci, country = entries[0].get("ci"), entries[0].get("co")
    return (uvci if isinstance(uvci, str) else ""), (country if isinstance(country, str) else "")


def _check_content(format_name: str, content: Any, facts: dict[str, Any]) -> None:
    if format_name == verdicts.EU_DCC:
        if not facts:  # they are read from a sound content only
            raise Refused(verdicts.BAD_SCHEMA)
        if dcc.valueset_errors(content):
            raise Refused(verdicts.BAD_VALUESET)
    elif format_name in _RECOGNISED and not _RECOGNISED[format_name](content):
        raise Refused(verdicts.BAD_SCHEMA)


def _facts(format_name: str, content: Any) -> dict[str, Any]:
    if format_name == verdicts.EU_DCC:
        return dcc.read_facts(content) if not dcc.schema_errors(content) else {}
    if format_name == verdicts.WHO_DVC:
        return dvc.read_facts(content)
    if format_name == verdicts.DDCC_VS:
        return ddcc.read_facts(content)
    # Signature sound, content unknown: never shown as vaccinated.
    return {"kind": "unknown"}
