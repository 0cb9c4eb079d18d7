"""Signing keys: private parts as encrypted PKCS#8 files in STATE_DIR/keys, public parts as SigningKey rows.

Keys are made in `authority`; everything that is signed for a person is signed through `signer`.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from certificates import hcert, shc
from certificates.models import SigningKey
from certificates.trust import KeyRing, TrustedKey, kid_of, read_certificate
from certificates.trust.keys import HCERT_KEYS, SHC_KEYS

SIGNING_DAYS = 182
CERTIFICATE_DAYS = 365
ISSUER_NAME = "Dinas Kesehatan Kota Semarang"


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
    write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_bytes().strip()


def write_private(path: Path, data: bytes) -> None:
    """Write a new file readable by its owner only; a reader sees all of it or nothing."""
    temporary = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


@contextmanager
def locked() -> Iterator[None]:
    """One process at a time makes keys."""
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- files and rows ------------------------------------------------------------------------------------------------


def file_of(kid: str, ending: str) -> Path:
    """Where a part of a key lies: `key` is the private one, `crt` the certificate."""
    # Base64 may hold a slash; a file name may not.
    return folder() / f"{kid.replace('/', '_').replace('+', '-').rstrip('=')}.{ending}"


def locked_up(private: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key as encrypted PKCS#8."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase()))


def store(
    purpose: str, private: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, use_from: datetime
) -> SigningKey:
    """Keep a new key: private part and certificate as files, public part as a row. The private file comes first."""
    pem = certificate.public_bytes(Encoding.PEM)
    kid = kid_for(purpose, certificate)
    write_private(file_of(kid, "key"), locked_up(private))
    # The purpose and the first day of use travel with the public file, so that rows can be rebuilt from the folder.
    heading = f"purpose: {purpose}\nuse-from: {use_from.isoformat()}\n".encode()
    write_private(file_of(kid, "crt"), heading + pem)
    return _register(purpose, certificate, use_from)


def kid_for(purpose: str, certificate: x509.Certificate) -> str:
    """The kid under which codes name this key."""
    public = certificate.public_key()
    if purpose == SigningKey.Purpose.SHC and isinstance(public, ec.EllipticCurvePublicKey):
        return shc.public_jwk(public)["kid"]
    return base64.b64encode(kid_of(certificate.public_bytes(Encoding.DER))).decode("ascii")


def _register(purpose: str, certificate: x509.Certificate, use_from: datetime) -> SigningKey:
    not_after = certificate.not_valid_after_utc
    use_until = not_after if purpose == SigningKey.Purpose.AUTHORITY else use_from + timedelta(days=SIGNING_DAYS)
    key, _created = SigningKey.objects.get_or_create(
        kid=kid_for(purpose, certificate),
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


def at_hand(key: SigningKey) -> bool:
    """True when the private part lies in this machine's folder."""
    return file_of(key.kid, "key").exists()


@lru_cache(maxsize=32)
def _load_private_from(path: Path, changed: int, secret: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), secret)
    except ValueError as error:
        raise NoSigningKey(f"Kunci {path.name} tidak terbuka: kata sandinya salah.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NoSigningKey(f"Kunci {path.name} bukan kunci P-256.")
    return key


def load_private(kid: str) -> ec.EllipticCurvePrivateKey:
    """The private key, opened once per process. Raises NoSigningKey."""
    return load_private_file(file_of(kid, "key"))


def load_private_file(path: Path) -> ec.EllipticCurvePrivateKey:
    """The same from any file of the folder."""
    return _load_private_from(path, path.stat().st_mtime_ns, passphrase())


# --- using keys ----------------------------------------------------------------------------------------------------


def signer(purpose: str) -> Signer:
    """The key that signs now; made on first need in demo mode. Raises NoSigningKey."""
    found = _find_signer(purpose)
    if found is None and settings.DEMO:
        from certificates import authority  # which builds on this module

        authority.ensure()
        found = _find_signer(purpose)
    if found is None:
        raise NoSigningKey("Tidak ada kunci tanda tangan yang berlaku: jalankan `manage.py signing_keys init`.")
    return found


def _find_signer(purpose: str) -> Signer | None:
    usable = [key for key in SigningKey.objects.usable(purpose) if at_hand(key)]
    # After a move to another address the old key signs on, for the old address, until `init` made a new one.
    usable.sort(key=fits_address, reverse=True)
    if not usable:
        return None
    key = usable[0]
    is_card = purpose == SigningKey.Purpose.SHC
    return Signer(
        kid=key.kid,
        iss=issuer_of(parsed(key)) if is_card else "",
        kid_bytes=key.kid.encode() if is_card else base64.b64decode(key.kid),
        not_after=key.not_after,
        sign=partial(hcert.sign_es256, load_private(key.kid)),
    )


def fits_address(key: SigningKey) -> bool:
    """A health-card key belongs to one public address; another address needs another key."""
    return key.purpose != SigningKey.Purpose.SHC or issuer_of(parsed(key)) == issuer_url()


def parsed(key: SigningKey) -> x509.Certificate:
    """Its certificate."""
    return x509.load_pem_x509_certificate(key.certificate_pem.encode())


def issuer_url() -> str:
    """The address health cards name as their issuer: https in production, no slash at the end."""
    return str(settings.PUBLIC_BASE_URL)


def own_keys() -> KeyRing:
    """Every key of ours whose signatures count, retired ones included."""
    ring: list[TrustedKey] = []
    for key in SigningKey.objects.trusted().exclude(purpose=SigningKey.Purpose.AUTHORITY):
        certificate = parsed(key)
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
