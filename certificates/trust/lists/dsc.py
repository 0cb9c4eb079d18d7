"""Lists of document signers: JSON of certificates (German shape, ours too), the EU's signed DSC-TL, or PEM.

German shape: an optional first line with the base64 signature of everything after it. DSC-TL: a compact JWS with
`dsc_trust_list` by country. A list whose signer is pinned is refused when its signature does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from certificates.trust.given import certificates_in
from certificates.trust.keys import HCERT_KEYS, PublicKey
from certificates.trust.lists.entries import Collector, ListRefused, Reading, moment, of_certificate
from certificates.trust.lists.proofs import ecdsa_in_any_form, unb64

FORMATS = ("eu-dcc", "who-dvc", "ddcc-vs")


def read(data: bytes, signer: PublicKey | None, formats: Collection[str]) -> Reading:
    """Keys of a list of document signers. Raises ListRefused."""
    found = Collector()
    if b"-----BEGIN CERTIFICATE" in data:
        if signer:
            raise ListRefused("Berkas PEM tidak bertanda tangan, padahal kunci penanda tangan daftar sudah diisi.")
        for der in certificates_in(data.decode("ascii", errors="replace")):
            _add(found, der, b"", "", formats)
        return found.reading()
    text = data.strip()
    if text.startswith(b"eyJ"):
        return _read_jws(text.decode("ascii", errors="replace"), signer, formats)
    body, proof = _checked_body(data, signer)
    document = _json(body)
    for item in document.get("certificates", []) if isinstance(document, dict) else []:
        if not isinstance(item, dict) or item.get("certificateType", "DSC") != "DSC" or item.get("purpose") in _NOT_HC1:
            found.leave_out("bukan penanda tangan dokumen HC1")
            continue
        try:
            _add(found, unb64(item["rawData"]), unb64(item.get("kid", "")), str(item.get("country", "")), formats)
        except (ValueError, KeyError, TypeError):
            found.leave_out("sertifikat tidak terbaca")
    return found.reading(issued_at=moment(document.get("issuedAt")), proof=proof)


_NOT_HC1 = ("authority", "shc")


def _add(found: Collector, der: bytes, kid: bytes, country: str, formats: Collection[str]) -> None:
    try:
        found.add(of_certificate(der, family=HCERT_KEYS, kid=kid, country=country, formats=formats))
    except ValueError:
        found.leave_out("sertifikat tidak terbaca")


def _json(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ListRefused("Bukan daftar sertifikat penanda tangan.") from error
    if not isinstance(document, dict):
        raise ListRefused("Bukan daftar sertifikat penanda tangan.")
    return document


def _checked_body(data: bytes, signer: PublicKey | None) -> tuple[bytes, str]:
    """The JSON of a list, and who vouches for it; the signature line is checked before anything is parsed."""
    if data.lstrip().startswith(b"{"):
        if signer:
            raise ListRefused("Daftar ini tidak bertanda tangan, padahal kunci penanda tangannya sudah diisi.")
        return data, ""
    line, _, body = data.partition(b"\n")
    if signer is None:
        raise ListRefused("Daftar ini bertanda tangan: isi kunci penanda tangannya agar dapat diperiksa.")
    try:
        signature = unb64(line.decode("ascii", errors="replace"))
    except ValueError as error:
        raise ListRefused("Bukan daftar sertifikat penanda tangan.") from error
    if not any(ecdsa_in_any_form(signer, signature, part) for part in (body, body.strip())):
        raise ListRefused("Tanda tangan daftar ini tidak cocok dengan kunci penanda tangannya. Daftar ditolak.")
    return body, "tanda tangan baris pertama"


def _read_jws(text: str, signer: PublicKey | None, formats: Collection[str]) -> Reading:
    parts = text.split(".")
    if signer is None or len(parts) != 3:
        raise ListRefused("Daftar ini bertanda tangan: isi kunci penanda tangannya agar dapat diperiksa.")
    try:
        header, claims, signature = json.loads(unb64(parts[0])), json.loads(unb64(parts[1])), unb64(parts[2])
        countries = claims["dsc_trust_list"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ListRefused("Bukan daftar sertifikat penanda tangan.") from error
    data = f"{parts[0]}.{parts[1]}".encode("ascii", "replace")
    if header.get("alg") != "ES256" or not ecdsa_in_any_form(signer, signature, data):
        raise ListRefused("Tanda tangan daftar ini tidak cocok dengan kunci penanda tangannya. Daftar ditolak.")
    found = Collector()
    for country, listed in countries:
        for key in listed.get("keys", []) if isinstance(listed, dict) else []:
            try:
                _add(found, unb64(key["x5c"][0]), unb64(key.get("kid", "")), str(country), formats)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                found.leave_out("sertifikat tidak terbaca")
    issued = claims.get("iat")
    return found.reading(
        issued_at=datetime.fromtimestamp(issued, UTC) if type(issued) is int and 0 < issued < 2**33 else None,
        proof="JWS ES256",
    )
