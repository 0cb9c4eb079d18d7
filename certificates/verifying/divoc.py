"""DIVOC certificates (W3C credential in a zip): India, Sri Lanka, Jamaica, the Philippines, Indonesia in 2022.

Two things a plain reader gets wrong. A term that no context defines is not signed, so such a document is refused. And
several fields share one meaning in the issuer's context (vaccine, batch, manufacturer; dose and total; all dates): the
signature covers their values but not which is which, so the cautious reading is shown and the answer says so.
"""

from __future__ import annotations

import base64
import binascii
import io
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from certificates import jsonld
from certificates.shc import unb64url
from certificates.trust.keys import DIVOC_KEYS, KeyFinder, PublicKey, TrustedKey
from certificates.verifying import signatures, verdicts
from certificates.verifying.limits import (
    MAX_DIVOC_TEXT,
    MAX_INFLATED,
    MAX_LD_ALIKE,
    MAX_LD_BYTES,
    MAX_LD_KEYS,
    MAX_LD_NODES,
    MAX_ZIP_ENTRIES,
    read_json,
)
from certificates.verifying.terms import compact, dose, icd_vaccine, is_text
from certificates.verifying.verdicts import Outcome, Refused, State

PREFIX = "B64:"
ZIP_START = "PK\x03\x04"
ENTRY = "certificate.json"
ROLES_NOT_SIGNED = "roles-not-signed"
_ALGORITHMS = {"RsaSignature2018": signatures.PS256, "Ed25519Signature2018": signatures.EDDSA}
_DATES = ("date", "effectiveStart", "effectiveUntil")  # one term to the signature: the earliest is the safe one
_PROOF = frozenset({"type", "created", "verificationMethod", "proofPurpose", "jws"})
_TYPES = {"VerifiableCredential", "ProofOfVaccinationCredential"}


def looks_like(text: str) -> bool:
    """True for the two ways a DIVOC code is written."""
    return text.startswith((PREFIX, ZIP_START))


def verify(text: str, keys: KeyFinder, *, now: datetime) -> Outcome:
    """Check one credential at the moment `now`; never raises. A zip comes as text with one character per byte."""
    state = State(verdicts.DIVOC)
    return state.judged(lambda: _steps(text, keys, now, state))


def _steps(text: str, keys: KeyFinder, now: datetime, state: State) -> None:
    document, proof = _open(text)
    key = _signer(document, proof, keys)
    state.found(key, ROLES_NOT_SIGNED)
    state.facts = _facts(document)
    _check_times(document, now)
    if key.formats and verdicts.DIVOC not in key.formats:
        raise Refused(verdicts.WRONG_KEY_USAGE)
    if not state.facts:
        raise Refused(verdicts.BAD_SCHEMA)


def _open(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Credential without its proof, and the proof."""
    document = read_json(_unzip(_bytes(text)), verdicts.BAD_JSON, most=MAX_LD_BYTES)
    if not isinstance(document, dict) or not _shape_is_cheap(document):
        raise Refused(verdicts.BAD_JSON)
    proof = document.pop("proof", None)
    if not isinstance(proof, dict) or set(proof) != _PROOF or not all(map(_short_enough, proof.values())):
        raise Refused(verdicts.BAD_JWS)
    return document, proof


def _short_enough(value: object) -> bool:
    """True for a text no longer than an RSA signature needs."""
    return isinstance(value, str) and len(value) <= 2_000


def _bytes(text: str) -> bytes:
    if len(text) > MAX_DIVOC_TEXT:
        raise Refused(verdicts.BAD_QR)
    try:
        if text.startswith(PREFIX):
            return base64.b64decode(text[len(PREFIX) :], validate=True)
        return text.encode("latin-1")
    except (binascii.Error, ValueError) as error:
        raise Refused(verdicts.BAD_QR) from error


def _unzip(data: bytes) -> bytes:
    """The one entry of the zip. Read up to the cap whatever its header promises."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.namelist()) > MAX_ZIP_ENTRIES:
                raise Refused(verdicts.BAD_ZLIB)
            entry = archive.getinfo(ENTRY)
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(verdicts.BAD_ZLIB)
            with archive.open(entry) as file:
                content = file.read(MAX_INFLATED + 1)
    except (
        *(zipfile.BadZipFile, KeyError, zlib.error, EOFError, OSError, ValueError),
        *(RuntimeError, IndexError, OverflowError),  # what the library cannot do, and what broken lengths lead to
    ) as error:
        raise Refused(verdicts.BAD_ZLIB) from error
    if len(content) > MAX_INFLATED:
        raise Refused(verdicts.BAD_ZLIB)
    return content


def _shape_is_cheap(document: dict[str, Any]) -> bool:
    """True when canonicalising cannot cost much: few nodes, hardly any alike, no keywords but the one context."""
    contexts = document.get("@context")
    if contexts not in [[jsonld.CREDENTIALS_V1, url] for url in jsonld.VACCINATION]:
        return False
    nodes = keys = 0
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            if len(value) > MAX_LD_KEYS or sum(isinstance(item, dict | list) for item in value) > MAX_LD_ALIKE:
                return False
            waiting += value
        elif isinstance(value, dict):
            nodes, keys = nodes + 1, keys + len(value)
            if any(name.startswith("@") and not (name == "@context" and value is document) for name in value):
                return False
            waiting += [inner for name, inner in value.items() if name != "@context"]
        elif isinstance(value, str) and value.startswith("_:"):
            return False
    return nodes <= MAX_LD_NODES and keys <= MAX_LD_KEYS


def _signer(document: dict[str, Any], proof: dict[str, Any], keys: KeyFinder) -> TrustedKey:
    candidates = keys.find(proof["verificationMethod"].encode("utf-8", "surrogatepass"), DIVOC_KEYS)
    if not candidates:
        raise Refused(verdicts.UNKNOWN_KEY)
    algorithm = _ALGORITHMS.get(proof["type"], "")
    header, signature = _detached(proof["jws"], algorithm)
    # The kind of key decides before anything is canonicalised: a wrong one can never fit.
    fitting = [key for key in candidates if _fits(key.public_key, algorithm)]
    if not fitting or proof["proofPurpose"] != "assertionMethod":
        raise Refused(verdicts.BAD_SIGNATURE)
    try:
        data = jsonld.signed_bytes(jsonld.expand(document), proof, jsonld.SECURITY_V2, header)
    except jsonld.NotSigned as error:
        raise Refused(verdicts.BAD_SIGNATURE) from error
    for key in fitting:
        if signatures.holds(key.public_key, algorithm, signature, data):
            return key
    raise Refused(verdicts.BAD_SIGNATURE)


def _fits(key: PublicKey, algorithm: str) -> bool:
    if algorithm == signatures.PS256:
        return isinstance(key, rsa.RSAPublicKey)
    return algorithm == signatures.EDDSA and isinstance(key, ed25519.Ed25519PublicKey)


def _detached(jws: str, algorithm: str) -> tuple[str, bytes]:
    """Header as written and signature of a detached JWS whose header says exactly what the proof's type says."""
    header, _, signature = jws.partition("..")
    try:
        read = read_json(unb64url(header), verdicts.BAD_JWS)
        packed = unb64url(signature)
    except ValueError as error:
        raise Refused(verdicts.BAD_JWS) from error
    if read != {"alg": algorithm, "b64": False, "crit": ["b64"]}:
        raise Refused(verdicts.BAD_SIGNATURE)
    return header, packed


def _check_times(document: Mapping[str, Any], now: datetime) -> None:
    issued, expires = _moment(document.get("issuanceDate")), _moment(document.get("expirationDate"))
    if issued and issued > now:
        raise Refused(verdicts.NOT_YET_VALID)
    if expires and expires < now:
        raise Refused(verdicts.EXPIRED)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a vaccination credential; empty for anything else."""
    types, person, evidence = document.get("type"), document.get("credentialSubject"), document.get("evidence")
    evidence = evidence[0] if isinstance(evidence, list) and len(evidence) == 1 else None
    if not isinstance(types, list) or set(map(str, types)) != _TYPES:
        return {}
    if not isinstance(person, dict) or not isinstance(evidence, dict) or not is_text(person.get("name")):
        return {}
    facility = evidence.get("facility")
    number, total = _in_order(evidence.get("dose"), evidence.get("totalDoses"))
    icd = evidence.get("icd11Code")
    return compact(
        kind="vaccination",
        name=person["name"],
        birth_date=person.get("dob"),
        age=str(person["age"]) if isinstance(person.get("age"), str | int) else None,
        vaccine=evidence.get("vaccine") or (icd_vaccine(icd) if isinstance(icd, str) else None),
        manufacturer=evidence.get("manufacturer"),
        lot=evidence.get("batch"),
        dose=dose(number, total),
        date=min(filter(is_text, (evidence.get(name) for name in _DATES)), key=str, default=None),
        certificate_issuer=facility.get("name") if isinstance(facility, dict) else None,
        uvci=evidence.get("certificateId"),
    )


def _in_order(number: object, total: object) -> tuple[object, object]:
    """The smaller one first: dose and total are one term to the signature, so the weaker claim is the safe one."""
    if type(number) is int and type(total) is int:
        return min(number, total), max(number, total)
    return number, total
