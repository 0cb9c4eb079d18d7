"""Issuers of SMART Health Cards: the snapshot of a directory (issuers with their keys), or one issuer's key set.

A key counts only for the address it was published under. A key set comes from `<iss>/.well-known/jwks.json`, so its
address names the issuer; from a file the issuer has to be told.
"""

from __future__ import annotations

import json
from typing import Any

from certificates import shc
from certificates.trust.keys import SHC_KEYS, PublicKey
from certificates.trust.lists.entries import Collector, ListRefused, Reading, moment, of_key

WELL_KNOWN = "/.well-known/jwks.json"


def read(data: bytes, signer: PublicKey | None, *, iss: str = "", origin: str = "") -> Reading:
    """Keys of health-card issuers. Raises ListRefused."""
    if signer:
        raise ListRefused("Direktori SMART Health Card tidak bertanda tangan; kosongkan kunci penanda tangan daftar.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ListRefused("Bukan direktori SMART Health Card.") from error
    if not isinstance(document, dict):
        raise ListRefused("Bukan direktori SMART Health Card.")
    found = Collector()
    if "keys" in document:
        _take(found, document, iss or _issuer_of(origin), "")
    elif isinstance(document.get("issuerInfo"), list):
        for info in document["issuerInfo"]:
            issuer = info.get("issuer") if isinstance(info, dict) else None
            if isinstance(issuer, dict) and isinstance(issuer.get("iss"), str):
                _take(found, info, issuer["iss"], str(issuer.get("name", "")))
            else:
                found.leave_out("penerbit tanpa alamat")
    elif "participating_issuers" in document:
        raise ListRefused("Direktori ini hanya menyebut penerbit, tanpa kunci. Ambil berkas snapshot-nya (issuerInfo).")
    return found.reading(issued_at=moment(document.get("time")))


def _issuer_of(origin: str) -> str:
    if not origin.endswith(WELL_KNOWN):
        raise ListRefused("Isi alamat penerbit (iss): berkas kunci ini tidak menyebut penerbitnya.")
    return origin.removesuffix(WELL_KNOWN)


def _take(found: Collector, keys: dict[str, Any], iss: str, name: str) -> None:
    """Good keys of one issuer; one bad key does not cost the issuer its others."""
    if not iss.startswith("https://") or iss.endswith("/"):
        found.leave_out("alamat penerbit tidak sah")
        return
    listed = keys.get("keys")
    for jwk in listed if isinstance(listed, list) else []:
        try:
            for key in shc.read_jwks({"keys": [jwk]}, issuer=name or iss):
                found.add(of_key(key, family=SHC_KEYS, iss=iss, formats=("shc",)))
        except ValueError:
            found.leave_out("kunci melanggar aturan SMART Health Card")
