"""Country signing authorities (CSCA) for seals: PEM, one DER certificate, or a signed ICAO master list (CMS).

A master list is a CMS signature over a set of certificates. Its signer must be the certificate the office pinned, or
have been issued by it; the list's own word about its signer counts for nothing.
Source: ICAO Doc 9303-12, section 9 (master list, OID 2.23.136.1.1.2).
"""

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from certificates.trust import chain
from certificates.trust.given import certificates_in
from certificates.trust.keys import CSCA_KEYS, PublicKey, TrustedKey, public_key_der, read_certificate
from certificates.trust.lists.entries import Collector, ListRefused, Reading, of_certificate

MASTER_LIST = "2.23.136.1.1.2"
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class _Certificates(asn1_core.SetOf):
    _child_spec = asn1_x509.Certificate


class _MasterList(asn1_core.Sequence):
    """CscaMasterList: version and a set of certificates."""

    _fields = [("version", asn1_core.Integer), ("certificates", _Certificates)]


def read(data: bytes, signer: PublicKey | None) -> Reading:
    """Authorities of a list. Raises ListRefused."""
    found = Collector()
    proof = ""
    if b"-----BEGIN CERTIFICATE" in data:
        certificates = certificates_in(data.decode("ascii", errors="replace"))
    else:
        certificates, proof = _from_der(data, signer)
    if signer and not proof:
        raise ListRefused("Berkas ini tidak bertanda tangan, padahal kunci penanda tangan daftar sudah diisi.")
    for der in certificates:
        _add(found, der)
    return found.reading(proof=proof)


def _add(found: Collector, der: bytes) -> None:
    try:
        name = chain.subject_key_id(der)
        if not name or not chain.is_authority(der):
            found.leave_out("bukan sertifikat otoritas")
            return
        country = str(asn1_x509.Certificate.load(der).subject.native.get("country_name", ""))
        found.add(of_certificate(der, family=CSCA_KEYS, kid=name, country=country.upper(), formats=("vds-nc",)))
    except (ValueError, TypeError, AttributeError):
        found.leave_out("sertifikat tidak terbaca")


def _from_der(data: bytes, signer: PublicKey | None) -> tuple[list[bytes], str]:
    try:
        info = asn1_cms.ContentInfo.load(data, strict=True)
        is_signed = info["content_type"].native == "signed_data"
    except (ValueError, TypeError, KeyError):
        is_signed = False
    if not is_signed:
        return [data], ""
    if signer is None:
        raise ListRefused("Master list ini bertanda tangan: isi sertifikat penanda tangannya agar dapat diperiksa.")
    try:
        return _master_list(info["content"], signer)
    except ListRefused:  # a ValueError with a better reason
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ListRefused("Master list ini tidak terbaca.") from error


def _master_list(signed: Any, signer: PublicKey) -> tuple[list[bytes], str]:
    content = signed["encap_content_info"]
    if content["content_type"].dotted != MASTER_LIST:
        raise ListRefused("Ini tanda tangan CMS, tetapi bukan master list ICAO.")
    # The library parses the content of a type it knows; here it is octets in any case.
    octets = content["content"].native if isinstance(content["content"].native, bytes) else content["content"].contents
    info = signed["signer_infos"][0]
    public = _signer_key(signed, signer)
    if public is None or not _holds(info, octets, public):
        raise ListRefused("Tanda tangan master list ini tidak cocok dengan penanda tangannya. Daftar ditolak.")
    listed = _MasterList.load(octets)["certificates"]
    return [certificate.dump() for certificate in listed], "CMS"


def _signer_key(signed: Any, pinned: PublicKey) -> PublicKey | None:
    """The key that must have signed: the pinned one, or that of an enclosed certificate which the pinned one issued."""
    wanted = public_key_der(pinned)
    for choice in signed["certificates"]:
        der = choice.chosen.dump()
        key = read_certificate(der)
        if public_key_der(key.public_key) == wanted:
            return pinned
        candidate = chain.read_signer(der, most=20_000)
        if not chain.is_authority(der) and chain.issued_by(candidate, TrustedKey(b"", pinned)):
            return key.public_key
    return None


def _holds(info: Any, octets: bytes, public: PublicKey) -> bool:
    """CMS: the digest of the content stands in the signed attributes, and the signature is over those (RFC 5652)."""
    digest_name = info["digest_algorithm"]["algorithm"].native
    digest = _DIGESTS.get(digest_name)
    attributes = info["signed_attrs"]
    if digest is None or not attributes:
        return False
    stated = {attribute["type"].native: attribute["values"] for attribute in attributes}
    if stated["message_digest"][0].native != hashlib.new(digest_name, octets).digest():
        return False
    if stated["content_type"][0].dotted != MASTER_LIST:
        return False
    data = b"\x31" + attributes.dump()[1:]  # signed as a SET, stored with an implicit tag
    signature = info["signature"].native
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, data, ec.ECDSA(digest))
            return True
        if isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048:
            is_pss = info["signature_algorithm"].signature_algo == "rsassa_pss"
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
            public.verify(signature, data, pss if is_pss else padding.PKCS1v15(), digest)
            return True
    except (InvalidSignature, ValueError):
        return False
    return False
