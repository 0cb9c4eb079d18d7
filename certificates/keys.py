"""Signing keys: private parts as encrypted PKCS#8 files in STATE_DIR/keys, public parts as SigningKey rows.

Authority (4 years, kept offline in production), then a document signer per purpose (certificate 2 years, signs for
6 months), then codes (at most 1 year, never beyond their signer's certificate). Everything signs through `signer`.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.utils import timezone

from certificates import hcert, shc
from certificates.models import SigningKey
from certificates.trust import KeyRing, TrustedKey, kid_of, read_certificate
from certificates.trust.keys import HCERT_KEYS, SHC_KEYS

AUTHORITY_YEARS, SIGNER_YEARS = 4, 2
SIGNING_DAYS = 182
CERTIFICATE_DAYS = 365
ISSUER_NAME = "Dinas Kesehatan Kota Semarang"
VACCINATION_OID = x509.ObjectIdentifier("1.3.6.1.4.1.1847.2021.1.2")


class NoSigningKey(RuntimeError):
    """No usable private key; the message says in one sentence what the operator must do."""


@dataclass(frozen=True)
class Signer:
    """A key ready to sign: `sign(data)` returns raw r||s. `iss` is the address a health-card key was made for."""

    kid: str
    iss: str
    kid_bytes: bytes
    not_after: datetime
    sign: Callable[[bytes], bytes]


def folder() -> Path:
    """Where private keys lie; created for this user only."""
    path = Path(settings.STATE_DIR) / "keys"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def passphrase() -> bytes:
    """The passphrase of the private keys, from the environment or a secret file; generated once in demo mode."""
    if text := os.environ.get("SIGNING_KEY_PASSPHRASE", ""):
        return text.encode()
    if name := os.environ.get("SIGNING_KEY_PASSPHRASE_FILE", ""):
        return Path(name).read_bytes().strip()
    path = folder() / "passphrase"
    if path.exists():
        return path.read_bytes().strip()
    if not settings.DEMO:
        raise NoSigningKey("SIGNING_KEY_PASSPHRASE belum diisi: beri kata sandi kunci tanda tangan (docs/security.md).")
    _write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_bytes().strip()


def _write_private(path: Path, data: bytes) -> None:
    """Write a new file readable by its owner only; a reader sees all of it or nothing."""
    temporary = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


@contextmanager
def _locked() -> Iterator[None]:
    """One process at a time makes keys."""
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- making keys ---------------------------------------------------------------------------------------------------


def ensure(*, renew_days: int = 30) -> list[SigningKey]:
    """Make what is missing (authority, one signer per purpose) and register it; returns the keys made new.

    Idempotent. A signer whose signing time ends within `renew_days` gets its successor now.
    """
    with _locked():
        register_files()
        made = []
        if not _private_file_of(SigningKey.Purpose.AUTHORITY):
            made.append(_make_authority())
        made += [
            _make_signer(purpose)
            for purpose in (SigningKey.Purpose.DCC, SigningKey.Purpose.SHC)
            if not _has_successor(purpose, renew_days)
        ]
        return made


def rotate(purpose: str, *, use_from: datetime | None = None) -> SigningKey:
    """Make a new signer that takes over at `use_from` (now when not given); the old one keeps verifying."""
    with _locked():
        register_files()
        return _make_signer(purpose, use_from=use_from)


def _has_successor(purpose: str, renew_days: int) -> bool:
    until = timezone.now() + timedelta(days=renew_days)
    keys = SigningKey.objects.usable(purpose).filter(use_until__gt=until)
    return any(_file(key.kid, "key").exists() and _fits_address(key) for key in keys)


def _fits_address(key: SigningKey) -> bool:
    """A health-card key belongs to one public address; another address needs another key."""
    return key.purpose != SigningKey.Purpose.SHC or issuer_of(_parsed(key)) == issuer_url()


def _make_authority() -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = _subject("VICTORI Demo CA" if settings.DEMO else "VICTORI CA")
    builder = (
        _certificate(private.public_key(), name, name, now, AUTHORITY_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
    )
    return _store(SigningKey.Purpose.AUTHORITY, private, builder.sign(private, hashes.SHA256()), now)


def _make_signer(purpose: str, *, use_from: datetime | None = None) -> SigningKey:
    authority_kid, authority_certificate = _authority()
    authority = _load_private(authority_kid)
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = _subject({"dcc": "VICTORI DSC Vaksinasi", "shc": "VICTORI Health Card"}[purpose])
    issuer_key = authority_certificate.public_key()
    if not isinstance(issuer_key, ec.EllipticCurvePublicKey):
        raise NoSigningKey("Sertifikat CA bukan kunci P-256: buat ulang dengan `signing_keys init`.")
    builder = (
        _certificate(private.public_key(), name, authority_certificate.subject, now, SIGNER_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    if purpose == SigningKey.Purpose.DCC:
        builder = builder.add_extension(x509.ExtendedKeyUsage([VACCINATION_OID]), critical=False)
    else:
        address = x509.UniformResourceIdentifier(issuer_url())
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return _store(purpose, private, builder.sign(authority, hashes.SHA256()), use_from or now)


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, ISSUER_NAME),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(
    public: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, now: datetime, years: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # An hour of grace: codes of the first minute must verify on clocks that run late.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * years))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


# --- files and rows ------------------------------------------------------------------------------------------------


def _file(kid: str, ending: str) -> Path:
    # Base64 may hold a slash; a file name may not.
    return folder() / f"{kid.replace('/', '_').replace('+', '-').rstrip('=')}.{ending}"


def _store(
    purpose: str, private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, use_from: datetime
) -> SigningKey:
    pem = certificate.public_bytes(Encoding.PEM)
    kid = _kid(purpose, certificate)
    encrypted = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase()))
    _write_private(_file(kid, "key"), encrypted)
    # The purpose and the first day of use travel with the public file, so that rows can be rebuilt from the folder.
    heading = f"purpose: {purpose}\nuse-from: {use_from.isoformat()}\n".encode()
    _write_private(_file(kid, "crt"), heading + pem)
    return _register(purpose, certificate, use_from)


def _kid(purpose: str, certificate: x509.Certificate) -> str:
    public = certificate.public_key()
    if purpose == SigningKey.Purpose.SHC and isinstance(public, ec.EllipticCurvePublicKey):
        return shc.public_jwk(public)["kid"]
    return base64.b64encode(kid_of(certificate.public_bytes(Encoding.DER))).decode("ascii")


def _register(purpose: str, certificate: x509.Certificate, use_from: datetime) -> SigningKey:
    not_after = certificate.not_valid_after_utc
    use_until = not_after if purpose == SigningKey.Purpose.AUTHORITY else use_from + timedelta(days=SIGNING_DAYS)
    key, _created = SigningKey.objects.get_or_create(
        kid=_kid(purpose, certificate),
        defaults={
            "purpose": purpose,
            "certificate_pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
            "not_before": certificate.not_valid_before_utc,
            "not_after": not_after,
            "use_from": use_from,
            "use_until": min(use_until, not_after),
        },
    )
    return key


def register_files() -> int:
    """Make a row for every key in the folder that has none, as after a restored database; returns the keys found."""
    count = 0
    for path in sorted(folder().glob("*.crt")):
        heading, separator, pem = path.read_text().partition("-----BEGIN")
        fields = dict(line.split(": ", 1) for line in heading.strip().splitlines())
        certificate = x509.load_pem_x509_certificate((separator + pem).encode())
        _register(fields["purpose"], certificate, datetime.fromisoformat(fields["use-from"]))
        count += 1
    return count


def _private_file_of(purpose: str) -> Path | None:
    now = timezone.now()
    for key in SigningKey.objects.filter(purpose=purpose, compromised_at=None, not_after__gt=now):
        if (path := _file(key.kid, "key")).exists():
            return path
    return None


def _authority() -> tuple[str, x509.Certificate]:
    for key in SigningKey.objects.usable(SigningKey.Purpose.AUTHORITY):
        if _file(key.kid, "key").exists():
            return key.kid, _parsed(key)
    raise NoSigningKey("Kunci CA tidak ada: jalankan `manage.py signing_keys init`.")


@lru_cache(maxsize=16)
def _load_private_from(path: Path, changed: int, secret: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), secret)
    except ValueError as error:
        raise NoSigningKey(f"Kunci {path.name} tidak terbuka: kata sandinya salah.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NoSigningKey(f"Kunci {path.name} bukan kunci P-256.")
    return key


def _load_private(kid: str) -> ec.EllipticCurvePrivateKey:
    path = _file(kid, "key")
    return _load_private_from(path, path.stat().st_mtime_ns, passphrase())


# --- using keys ----------------------------------------------------------------------------------------------------


def signer(purpose: str) -> Signer:
    """The key that signs now; made on first need in demo mode. Raises NoSigningKey."""
    found = _find_signer(purpose)
    if found is None and settings.DEMO:
        ensure()
        found = _find_signer(purpose)
    if found is None:
        raise NoSigningKey("Tidak ada kunci tanda tangan yang berlaku: jalankan `manage.py signing_keys init`.")
    return found


def _find_signer(purpose: str) -> Signer | None:
    usable = [key for key in SigningKey.objects.usable(purpose) if _file(key.kid, "key").exists()]
    # After a move to another address the old key signs on, for the old address, until `init` made a new one.
    usable.sort(key=_fits_address, reverse=True)
    if not usable:
        return None
    key = usable[0]
    is_card = purpose == SigningKey.Purpose.SHC
    return Signer(
        kid=key.kid,
        iss=issuer_of(_parsed(key)) if is_card else "",
        kid_bytes=key.kid.encode() if is_card else base64.b64decode(key.kid),
        not_after=key.not_after,
        sign=partial(hcert.sign_es256, _load_private(key.kid)),
    )


def _parsed(key: SigningKey) -> x509.Certificate:
    return x509.load_pem_x509_certificate(key.certificate_pem.encode())


def issuer_url() -> str:
    """The address health cards name as their issuer: https in production, no slash at the end."""
    return str(settings.PUBLIC_BASE_URL).rstrip("/")


def own_keys() -> KeyRing:
    """Every key of ours whose signatures count, retired ones included."""
    ring: list[TrustedKey] = []
    for key in SigningKey.objects.trusted().exclude(purpose=SigningKey.Purpose.AUTHORITY):
        certificate = _parsed(key)
        read = read_certificate(certificate.public_bytes(Encoding.DER))
        is_card = key.purpose == SigningKey.Purpose.SHC
        ring.append(
            TrustedKey(
                kid=key.kid.encode() if is_card else read.kid,
                public_key=read.public_key,
                not_before=read.not_before,
                not_after=read.not_after,
                usages=read.usages,
                issuer=ISSUER_NAME,
                iss=issuer_of(certificate) if is_card else "",
                family=SHC_KEYS if is_card else HCERT_KEYS,
                trust="own",
            )
        )
    return KeyRing(ring)


def issuer_of(certificate: x509.Certificate) -> str:
    """The address a health-card key was made for (its subject alternative name)."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(names.get_values_for_type(x509.UniformResourceIdentifier)[0])
