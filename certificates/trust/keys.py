"""Public keys a verifier accepts, read from X.509 certificates, also from those that break strict DER."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Protocol

from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

# Families of keys. One key serves one family: a kid of one world means nothing in another.
HCERT_KEYS, SHC_KEYS, DIVOC_KEYS, CSCA_KEYS = "hcert", "shc", "divoc", "csca"

# Two arcs mean the same: the one of the specification and one with a spare zero, seen in the wild.
USAGE_OIDS = {
    f"1.3.6.1.4.1.{arc}.{number}": kind
    for arc in ("1847.2021.1", "0.1847.2021.1")
    for number, kind in ((1, "t"), (2, "v"), (3, "r"))
}


class UnreadableCertificate(ValueError):
    """Neither the strict nor the tolerant parser finds a usable public key."""


@dataclass(frozen=True)
class TrustedKey:
    """A public key with what its certificate and its list say about it.

    `usages` (t, v, r) and `formats` empty mean any kind; `family` empty means any (a key somebody gave by hand).
    `kid` is the key's name in its family: eight bytes of a hash, a thumbprint, a verification method, or the
    subject key identifier of an authority.
    """

    kid: bytes
    public_key: PublicKey
    not_before: int | None = None
    not_after: int | None = None
    usages: frozenset[str] = frozenset()
    issuer: str = ""
    # Health cards name their issuer by address; a key counts only for the address it was published under.
    iss: str = ""
    family: str = ""
    formats: frozenset[str] = frozenset()
    trust: str = "given"  # own, national, international, or given by hand for this one check
    list_name: str = ""
    # Of an authority: its whole certificate, to check the chain with.
    certificate: bytes = b""


class KeyFinder(Protocol):
    """Where a verifier looks for keys: a ring in memory, or our own keys and the confirmed lists in the database."""

    pinned: bool

    def find(self, kid: bytes, family: str) -> list[TrustedKey]:
        """Every key of this name in this family; several may share one."""

    def all_of(self, family: str) -> list[TrustedKey]:
        """Every key of this family, where that is a handful; empty otherwise."""


class KeyRing:
    """Trusted keys by kid. A kid is eight bytes of a hash, so several keys may share one.

    `pinned`: the caller names the one signer to check against, instead of a list of everybody who might have signed.
    A pinned key without a kid (a bare public key) answers to every kid.
    """

    def __init__(self, keys: Iterable[TrustedKey] = (), *, pinned: bool = False):
        self.pinned = pinned
        self._by_kid: dict[bytes, list[TrustedKey]] = {}
        for key in keys:
            self._by_kid.setdefault(key.kid, []).append(key)

    def __iter__(self) -> Iterator[TrustedKey]:
        return (key for keys in self._by_kid.values() for key in keys)

    def find(self, kid: bytes, family: str = "") -> list[TrustedKey]:
        """Every key of this name that serves this family."""
        nameless = self._by_kid.get(b"", []) if self.pinned and kid else []
        named = self._by_kid.get(kid, [])
        return [key for key in (*named, *nameless) if key.family in ("", family)]

    def all_of(self, family: str) -> list[TrustedKey]:
        """Every key that serves this family."""
        return [key for key in self if key.family in ("", family)]

    def __len__(self) -> int:
        return sum(map(len, self._by_kid.values()))


def kid_of(der: bytes) -> bytes:
    """First eight bytes of SHA-256 over the DER certificate."""
    return hashlib.sha256(der).digest()[:8]


def read_certificate(der: bytes) -> TrustedKey:
    """Read a signing certificate; `UnreadableCertificate` when no usable key is in it."""
    try:
        return _read_strict(der)
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        return _read_tolerant(der)


def _usable(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return key
    raise UnreadableCertificate("neither an elliptic-curve nor an RSA key")


def _read_strict(der: bytes) -> TrustedKey:
    certificate = x509.load_der_x509_certificate(der)
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        oids = [usage.dotted_string for usage in extended]
    except x509.ExtensionNotFound:
        oids = []
    return TrustedKey(
        kid=kid_of(der),
        public_key=_usable(certificate.public_key()),
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        usages=frozenset(USAGE_OIDS[oid] for oid in oids if oid in USAGE_OIDS),
        issuer=_readable_name(certificate.subject),
    )


def _readable_name(name: x509.Name) -> str:
    wanted = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME, x509.NameOID.COUNTRY_NAME)
    parts = [str(attribute.value) for oid in wanted for attribute in name.get_attributes_for_oid(oid)[:1]]
    return ", ".join(dict.fromkeys(parts))


def load_tolerant(der: bytes) -> asn1_x509.Certificate:
    """Parse a certificate that breaks strict DER; UnreadableCertificate when it is none at all."""
    try:
        return asn1_x509.Certificate.load(der, strict=True)
    except (ValueError, TypeError) as error:
        raise UnreadableCertificate("not an X.509 certificate") from error


def _read_tolerant(der: bytes) -> TrustedKey:
    """Some issuers encode default values or an empty usage list; their keys are sound all the same."""
    try:
        certificate = load_tolerant(der)
        tbs = certificate["tbs_certificate"]
        public_key = _usable(load_der_public_key(tbs["subject_public_key_info"].dump()))
        validity = tbs["validity"]
        not_before = validity["not_before"].native.astimezone(UTC)
        not_after = validity["not_after"].native.astimezone(UTC)
        subject = tbs["subject"].native
        names = [subject.get(part) for part in ("organization_name", "common_name", "country_name")]
        usages = frozenset(USAGE_OIDS[oid] for oid in _tolerant_usages(tbs) if oid in USAGE_OIDS)
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm) as error:
        raise UnreadableCertificate("not an X.509 certificate") from error
    return TrustedKey(
        kid=kid_of(der),
        public_key=public_key,
        not_before=int(not_before.timestamp()),
        not_after=int(not_after.timestamp()),
        usages=usages,
        issuer=", ".join(dict.fromkeys(str(name) for name in names if name)),
    )


def _tolerant_usages(tbs: asn1_core.Sequence) -> list[str]:
    for extension in tbs["extensions"]:
        if extension["extn_id"].native == "extended_key_usage":
            return [usage.dotted for usage in extension["extn_value"].parsed]
    return []


def public_key_der(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo, the form in which public keys are stored and published."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
