"""The trust list of the WHO network (GDHCN): a DID document whose proof must hold under the key the office pinned.

Trust is by domain, participant and usage, which stand in each key's own name
(`did:web:<host>:v2:trustlist:<domain>:<participant>:<usage>#<kid>`): only signers of documents (DSC) are taken over,
and each only for the formats of its domain.
Source: https://smart.who.int/trust/concepts_did_gdhcn.html (version 2; version 1 is deprecated and refused).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

from certificates import jsonld
from certificates.trust.keys import HCERT_KEYS, PublicKey, TrustedKey, public_key_der, read_certificate
from certificates.trust.lists.entries import Collector, Entry, ListRefused, Reading, moment, of_key
from certificates.trust.lists.proofs import ec_of_jwk, ecdsa_in_any_form, unb64

CONTEXTS = [jsonld.DID_V1, jsonld.JWS_2020]
DOCUMENT_SIGNER = "DSC"
ANY = "-"
DOMAIN_FORMATS = {"DCC": {"eu-dcc"}, "DDCC": {"ddcc-vs"}, "DICVP": {"who-dvc"}, "ICVP": {"who-dvc"}}
_NAME = re.compile(
    r"did:web:[A-Za-z0-9.:%_-]+?:trustlist:(?P<domain>[A-Z0-9-]+):(?P<participant>[A-Z]{3}|-):(?P<usage>[A-Z]+)"
    r"#(?P<kid>[A-Za-z0-9+/=%_-]{1,200})",
    re.ASCII,
)
_TOP = {"@context", "id", "controller", "verificationMethod", "proof"}
_METHOD = {"id", "type", "controller", "publicKeyJwk"}
_PROOF = {"type", "created", "nonce", "domain", "proofPurpose", "verificationMethod", "jws"}


def read(data: bytes, signer: PublicKey | None, formats: Collection[str]) -> Reading:
    """Keys of a did.json whose proof holds. Raises ListRefused, also when no signer has been pinned."""
    if signer is None:
        raise ListRefused("Daftar GDHCN hanya dibaca dengan kunci penanda tangannya: isi kunci itu lebih dahulu.")
    document, proof = _parse(data)
    _check_proof(document, proof, signer)
    found = Collector()
    for method in document["verificationMethod"]:
        _take(method, frozenset(formats), found)
    return found.reading(issued_at=moment(proof["created"]), proof=proof["verificationMethod"][:200])


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ListRefused("Bukan berkas did.json.") from error
    if not isinstance(document, dict) or set(document) != _TOP or document["@context"] != CONTEXTS:
        raise ListRefused("Bukan daftar kepercayaan GDHCN versi 2.")
    proof, methods = document.pop("proof"), document["verificationMethod"]
    if not isinstance(proof, dict) or not set(proof) <= _PROOF or not _PROOF - {"nonce", "domain"} <= set(proof):
        raise ListRefused("Daftar ini tidak berisi bukti tanda tangan yang dikenal.")
    if not all(isinstance(value, str) for value in (*proof.values(), document["id"], document["controller"])):
        raise ListRefused("Daftar ini tidak berisi bukti tanda tangan yang dikenal.")
    # Named nodes only: canonicalising is then linear, whatever the list holds.
    if not isinstance(methods, list) or not all(_is_plain(method) for method in methods):
        raise ListRefused("Daftar ini berisi sesuatu yang bukan kunci.")
    return document, proof


def _is_plain(method: object) -> bool:
    if isinstance(method, str):
        return method.startswith("did:")
    return (
        isinstance(method, dict)
        and set(method) == _METHOD
        and isinstance(method["publicKeyJwk"], dict)
        and method["type"] == "JsonWebKey2020"
        and all(isinstance(method[name], str) and method[name].startswith("did:") for name in ("id", "controller"))
    )


def _check_proof(document: dict[str, Any], proof: dict[str, Any], signer: PublicKey) -> None:
    header, _, signature = proof["jws"].partition("..")
    try:
        stated = json.loads(unb64(header))
        data = jsonld.signed_bytes(jsonld.expand(document), proof, CONTEXTS, header)
        packed = unb64(signature)
    except (jsonld.NotSigned, ValueError, RecursionError) as error:
        raise ListRefused("Bukti tanda tangan daftar ini rusak.") from error
    right = {"type": "JsonWebSignature2020", "proofPurpose": "assertionMethod"}
    if stated != {"alg": "ES256", "b64": False, "crit": ["b64"]} or any(proof.get(k) != v for k, v in right.items()):
        raise ListRefused("Bukti tanda tangan daftar ini memakai cara yang tidak kami terima.")
    if not ecdsa_in_any_form(signer, packed, data):
        raise ListRefused("Tanda tangan daftar ini tidak cocok dengan kunci penanda tangannya. Daftar ditolak.")


def _take(method: dict[str, Any] | str, allowed: frozenset[str], found: Collector) -> None:
    if isinstance(method, str):
        found.leave_out("rujukan ke daftar lain")
        return
    name = _NAME.fullmatch(method["id"])
    if name is None:
        found.leave_out("nama kunci tidak dikenal")
        return
    if name["usage"] != DOCUMENT_SIGNER:
        found.leave_out(f"kegunaan {name['usage']}, bukan penanda tangan dokumen")
        return
    formats = allowed if name["domain"] == ANY else allowed & DOMAIN_FORMATS.get(name["domain"], frozenset())
    if not formats:
        found.leave_out(f"ranah {name['domain']} tidak dipakai")
        return
    try:
        found.add(_entry(method["publicKeyJwk"], name["participant"], unb64(unquote(name["kid"])), formats))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        found.leave_out("kunci tidak terbaca")


def _entry(jwk: dict[str, Any], participant: str, kid: bytes, formats: frozenset[str]) -> Entry:
    chain = jwk.get("x5c")
    if not chain:
        return of_key(TrustedKey(kid, ec_of_jwk(jwk)), family=HCERT_KEYS, kid=kid, country=participant, formats=formats)
    der = unb64(chain[0])
    key = read_certificate(der)
    # The certificate says what the key is for; it must be about the same key as the list.
    if jwk.get("kty") == "EC" and public_key_der(ec_of_jwk(jwk)) != public_key_der(key.public_key):
        raise ValueError("certificate and key differ")
    return of_key(key, family=HCERT_KEYS, kid=kid, country=participant, formats=formats, certificate=der)
