"""From the signer of a seal (VDS-NC) to the country's signing authority.

Read with the tolerant parser: signers in the wild break strict DER, and the bytes that the authority signed must be
taken as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from certificates.trust.keys import TrustedKey, UnreadableCertificate, load_tolerant, read_certificate

# ICAO: signer of seals; and the extension that lists the document types a signer is for.
SEAL_USAGE = "2.23.136.1.1.14.2"
DOCUMENT_TYPES = "2.23.136.1.1.6.2"
MAX_DER = 6_000

_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True)
class SealSigner:
    """The certificate inside a seal: its key, who says it issued it, and what it is for."""

    key: TrustedKey
    authority_key_id: bytes
    issuer_name: bytes
    usages: frozenset[str]
    document_types: frozenset[str]
    signed: bytes
    signature: bytes
    algorithm: str
    digest: str

    def signs_seals(self, document_type: str) -> bool:
        """True when its extended key usage is that of seals and its document types include this one."""
        return SEAL_USAGE in self.usages and document_type in self.document_types


def read_signer(der: bytes, *, most: int = MAX_DER) -> SealSigner:
    """Read the certificate of a seal; UnreadableCertificate (a ValueError) when it is none or longer than `most`."""
    if len(der) > most:
        raise UnreadableCertificate("too long for a signer certificate")
    key = read_certificate(der)
    try:
        certificate = load_tolerant(der)
        tbs = certificate["tbs_certificate"]
        usages, types, authority = _extensions(tbs)
        algorithm = certificate["signature_algorithm"]
        return SealSigner(
            key=key,
            authority_key_id=authority,
            issuer_name=tbs["issuer"].dump(),
            usages=usages,
            document_types=types,
            signed=tbs.dump(),
            signature=certificate["signature_value"].native,
            algorithm=algorithm.signature_algo,
            digest=algorithm.hash_algo,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableCertificate("not the certificate of a signer of seals") from error


def _extensions(tbs: asn1_core.Sequence) -> tuple[frozenset[str], frozenset[str], bytes]:
    usages: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    authority = b""
    for extension in tbs["extensions"]:
        name = extension["extn_id"].native
        if name == "extended_key_usage":
            usages = frozenset(usage.dotted for usage in extension["extn_value"].parsed)
        elif name == "authority_key_identifier":
            authority = extension["extn_value"].parsed["key_identifier"].native or b""
        elif name == DOCUMENT_TYPES:
            types = _document_types(extension["extn_value"].native)
    return usages, types, authority


class _Types(asn1_core.SetOf):
    _child_spec = asn1_core.PrintableString


class _DocumentTypeList(asn1_core.Sequence):
    """DocumentTypeListSyntax of ICAO Doc 9303-12: version and a set of document types."""

    _fields = [("version", asn1_core.Integer), ("types", _Types)]


def _document_types(der: bytes) -> frozenset[str]:
    return frozenset(_DocumentTypeList.load(der)["types"].native)


def subject_key_id(der: bytes) -> bytes:
    """The identifier by which certificates of this authority name it; empty when it has none."""
    try:
        for extension in load_tolerant(der)["tbs_certificate"]["extensions"]:
            if extension["extn_id"].native == "key_identifier":
                return bytes(extension["extn_value"].parsed.native)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableCertificate("not an X.509 certificate") from error
    return b""


def subject_of(der: bytes) -> bytes:
    """The subject's name of a certificate, as its bytes stand."""
    return bytes(load_tolerant(der)["tbs_certificate"]["subject"].dump())


def is_authority(der: bytes) -> bool:
    """True for a certificate that may issue others: basic constraints say so, and key usage, where given, allows it."""
    may, usage = False, True
    try:
        for extension in load_tolerant(der)["tbs_certificate"]["extensions"]:
            if extension["extn_id"].native == "basic_constraints":
                may = bool(extension["extn_value"].parsed["ca"].native)
            elif extension["extn_id"].native == "key_usage":
                usage = "key_cert_sign" in extension["extn_value"].parsed.native
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return may and usage


def issued_by(signer: SealSigner, authority: TrustedKey) -> bool:
    """True when this authority's key signed exactly this certificate."""
    if authority.certificate and not (is_authority(authority.certificate) and _is_named(signer, authority.certificate)):
        return False
    return _signed(authority, signer)


def _is_named(signer: SealSigner, der: bytes) -> bool:
    """True when the signer's certificate names this one as its issuer; names are parsed only when compared."""
    try:
        return bool(load_tolerant(der)["tbs_certificate"]["subject"] == asn1_x509.Name.load(signer.issuer_name))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _signed(authority: TrustedKey, signer: SealSigner) -> bool:
    digest = _DIGESTS.get(signer.digest)
    public = authority.public_key
    if digest is None:
        return False
    try:
        if isinstance(public, rsa.RSAPublicKey) and 2048 <= public.key_size <= 8192:
            if signer.algorithm == "rsassa_pkcs1v15":
                public.verify(signer.signature, signer.signed, padding.PKCS1v15(), digest())
                return True
            if signer.algorithm == "rsassa_pss":
                salt = padding.PSS.AUTO
                public.verify(signer.signature, signer.signed, padding.PSS(padding.MGF1(digest()), salt), digest())
                return True
        if isinstance(public, ec.EllipticCurvePublicKey) and signer.algorithm == "ecdsa":
            public.verify(signer.signature, signer.signed, ec.ECDSA(digest()))
            return True
    except (InvalidSignature, ValueError):
        return False
    return False
