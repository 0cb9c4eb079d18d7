"""Where keys come from: our own authority, or a foreign one by request and certificate.

Authority (4 years, kept offline in production), then a document signer per purpose (certificate 2 years, signs for
6 months), then codes (at most 1 year, never beyond their signer's certificate): FORMATS section 8.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone

from certificates import keys
from certificates.keys import ISSUER_NAME, NoSigningKey
from certificates.models import SigningKey

AUTHORITY_YEARS, SIGNER_YEARS = 4, 2
RENEW_DAYS = 30
# A list older than this is renewed by `init`; it stays good for longer, for the authority is rarely at hand.
LIST_DAYS, LIST_RENEW_DAYS = 120, 30
VACCINATION_OID = x509.ObjectIdentifier("1.3.6.1.4.1.1847.2021.1.2")
COMMON_NAMES = {"dcc": "VICTORI DSC Vaksinasi", "dvc": "VICTORI DSC Vaksinasi WHO", "shc": "VICTORI Health Card"}
LIST_PATH = "/.well-known/ca.crl"


class Unfit(ValueError):
    """A request or certificate that cannot be used; the message says why in one sentence."""


def purposes() -> list[str]:
    """What this installation signs."""
    wanted = [SigningKey.Purpose.DCC.value, SigningKey.Purpose.SHC.value]
    return [*wanted, SigningKey.Purpose.DVC.value] if settings.CERTIFICATES_WHO_DVC else wanted


# --- our own authority ---------------------------------------------------------------------------------------------


def ensure(*, renew_days: int = RENEW_DAYS, new_authority: bool = False) -> list[SigningKey]:
    """Make what is missing (authority, one signer per purpose) and register it; returns the keys made new.

    Idempotent. A signer whose signing time ends within `renew_days` gets its successor now, unless a foreign authority
    certified it: that one asks for a new request (`due`). A lost or offline authority is not replaced silently.
    """
    with keys.locked():
        keys.register_files()
        made = []
        if new_authority or not _known_authority():
            made.append(_make_authority())
        made += [
            _make_signer(purpose)
            for purpose in purposes()
            if not _has_successor(purpose, renew_days) and not _certified_elsewhere(purpose)
        ]
        if _list_is_old():
            write_revocation_list()
        return made


def _known_authority() -> bool:
    """True when there is an authority that still counts, here or put away; a trial makes a lost one anew."""
    known = SigningKey.objects.usable(SigningKey.Purpose.AUTHORITY)
    return any(keys.at_hand(key) for key in known) if settings.DEMO else known.exists()


def rotate(purpose: str, *, use_from: datetime | None = None) -> SigningKey:
    """Make a new signer that takes over at `use_from` (now when not given); the old one keeps verifying."""
    with keys.locked():
        keys.register_files()
        return _make_signer(purpose, use_from=use_from)


def due(*, renew_days: int = RENEW_DAYS) -> list[str]:
    """Purposes whose signer was certified elsewhere and ends soon: time for a new request."""
    return [p for p in purposes() if not _has_successor(p, renew_days) and _certified_elsewhere(p)]


def _has_successor(purpose: str, renew_days: int) -> bool:
    now = timezone.now()
    alive = SigningKey.objects.filter(purpose=purpose, retired_at=None, compromised_at=None, use_until__gt=now)
    here = [key for key in alive if keys.at_hand(key) and keys.fits_address(key)]
    signing = [key.use_until for key in here if key.use_from <= now]
    # A key for a later date is a successor only if it starts before the one that signs now has ended.
    return bool(signing) and any(
        key.use_until > now + timedelta(days=renew_days) and key.use_from <= max(signing) for key in here
    )


def _certified_elsewhere(purpose: str) -> bool:
    """True when the key that signs now has its certificate from an authority that is not ours."""
    newest = SigningKey.objects.usable(purpose).first()
    return newest is not None and authority_of(keys.parsed(newest)) is None


def authority_of(certificate: x509.Certificate) -> SigningKey | None:
    """Our authority that signed this certificate; None when none of ours did."""
    for key in SigningKey.objects.trusted().filter(purpose=SigningKey.Purpose.AUTHORITY):
        try:
            certificate.verify_directly_issued_by(keys.parsed(key))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return key
    return None


def _make_authority() -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = _subject("VICTORI Demo CA" if settings.DEMO else "VICTORI CA")
    builder = (
        _certificate(private.public_key(), name, name, now, AUTHORITY_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
    )
    return keys.store(SigningKey.Purpose.AUTHORITY, private, builder.sign(private, hashes.SHA256()), now)


def _make_signer(purpose: str, *, use_from: datetime | None = None) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    certificate = _certify(purpose, private.public_key(), keys.issuer_url())
    return keys.store(purpose, private, certificate, use_from or datetime.now(UTC))


def _at_hand() -> SigningKey:
    for key in SigningKey.objects.usable(SigningKey.Purpose.AUTHORITY):
        if keys.at_hand(key):
            return key
    raise NoSigningKey(
        "Kunci CA tidak ada di mesin ini: ambil dari penyimpanannya, atau kirim permintaan (`signing_keys csr`)."
    )


def _certify(purpose: str, public: ec.EllipticCurvePublicKey, address: str) -> x509.Certificate:
    authority = _at_hand()
    above = keys.parsed(authority)
    issuer_key = above.public_key()
    if not isinstance(issuer_key, ec.EllipticCurvePublicKey):
        raise NoSigningKey("Sertifikat CA bukan kunci P-256: buat ulang dengan `signing_keys init`.")
    lists = [x509.UniformResourceIdentifier(keys.issuer_url() + LIST_PATH)]
    builder = (
        _certificate(public, _subject(COMMON_NAMES[purpose]), above.subject, datetime.now(UTC), SIGNER_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(lists, None, None, None)]), critical=False)
    )
    for extension in _of_purpose(purpose, address):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(keys.load_private(authority.kid), hashes.SHA256())


def _of_purpose(purpose: str, address: str) -> list[x509.ExtensionType]:
    """Signers of HC1 may sign vaccinations only; a card signer names the address it signs for."""
    if purpose == SigningKey.Purpose.SHC:
        return [x509.SubjectAlternativeName([x509.UniformResourceIdentifier(address)])]
    return [x509.ExtendedKeyUsage([VACCINATION_OID])]


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


# --- a request out, a certificate in -------------------------------------------------------------------------------


def _request_file(public: ec.EllipticCurvePublicKey, ending: str) -> Path:
    """A key without certificate has no kid yet; it lies under the hash of its public part."""
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return keys.folder() / f"request-{hashlib.sha256(der).hexdigest()[:16]}.{ending}"


def request(purpose: str) -> bytes:
    """A certificate request (PEM) for a new key, whose private part stays here until the certificate comes."""
    with keys.locked():
        private = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(COMMON_NAMES[purpose]))
        builder = builder.add_extension(_key_usage(certificates=False), critical=True)
        for extension in _of_purpose(purpose, keys.issuer_url()):
            builder = builder.add_extension(extension, critical=False)
        keys.write_private(_request_file(private.public_key(), "key"), keys.locked_up(private))
        return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


def certify(pem: bytes) -> bytes:
    """Certificate (PEM) for a request, by our own authority: for a machine that holds it offline.

    Raises Unfit, or NoSigningKey when the authority is not here.
    """
    try:
        asked = x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise Unfit("Berkas ini bukan permintaan sertifikat (PEM).") from error
    public = asked.public_key()
    if not asked.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise Unfit("Tanda tangan permintaan tidak cocok, atau kuncinya bukan P-256.")
    purpose, address = _asked_for(asked.extensions, asked.subject)
    return _certify(purpose, public, address).public_bytes(Encoding.PEM)


def _asked_for(extensions: x509.Extensions, subject: x509.Name) -> tuple[str, str]:
    address = _address_in(extensions)
    if address:
        return SigningKey.Purpose.SHC.value, address
    if not _may_sign_vaccinations(extensions):
        raise Unfit("Permintaan ini bukan untuk menandatangani sertifikat vaksinasi.")
    names = [str(name.value) for name in subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    return ("dvc" if COMMON_NAMES["dvc"] in names else "dcc"), ""


def _address_in(extensions: x509.Extensions) -> str:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")


def _may_sign_vaccinations(extensions: x509.Extensions) -> bool:
    """No usage named means any; usages of other kinds only do not count."""
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return VACCINATION_OID in usages


def take_in(data: bytes, purpose: str, *, use_from: datetime | None = None) -> SigningKey:
    """Take a certificate for an earlier request into use, from `use_from` (its first day or now, when not given).

    `data`: PEM or DER; of a chain the certificate of our request is taken. Raises Unfit.
    """
    with keys.locked():
        certificate, waiting = _of_our_request(data)
        now = timezone.now()
        start = use_from or max(now, certificate.not_valid_before_utc)
        _check_fit(certificate, purpose, start)
        private = keys.load_private_file(waiting)
        key = keys.store(purpose, private, certificate, start)
        waiting.unlink()
        return key


def _of_our_request(data: bytes) -> tuple[x509.Certificate, Path]:
    try:
        is_pem = b"-----BEGIN" in data
        given = x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise Unfit("Berkas ini bukan sertifikat X.509 (PEM atau DER).") from error
    for certificate in given:
        public = certificate.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey) and (path := _request_file(public, "key")).exists():
            return certificate, path
    raise Unfit("Sertifikat ini bukan untuk permintaan (`signing_keys csr`) dari mesin ini.")


def _check_fit(certificate: x509.Certificate, purpose: str, start: datetime) -> None:
    if not certificate.not_valid_before_utc <= start < certificate.not_valid_after_utc:
        raise Unfit("Tanggal mulai dipakai di luar masa berlaku sertifikat.")
    if certificate.not_valid_after_utc <= timezone.now():
        raise Unfit("Sertifikat ini sudah kedaluwarsa.")
    try:
        if not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            raise Unfit("Sertifikat ini tidak boleh dipakai untuk tanda tangan digital.")
    except x509.ExtensionNotFound:
        pass
    if purpose == SigningKey.Purpose.SHC and _address_in(certificate.extensions) != keys.issuer_url():
        raise Unfit(f"Sertifikat kartu harus menyebut alamat {keys.issuer_url()} (subject alternative name).")
    if purpose != SigningKey.Purpose.SHC and not _may_sign_vaccinations(certificate.extensions):
        raise Unfit("Sertifikat ini tidak berhak menandatangani vaksinasi (extended key usage).")


# --- revoked signers -----------------------------------------------------------------------------------------------


def _list_is_old() -> bool:
    """True when our authority is here and its list is missing or a month old."""
    for key in SigningKey.objects.usable(SigningKey.Purpose.AUTHORITY):
        if keys.at_hand(key):
            if not key.revocation_list:
                return True
            made = x509.load_der_x509_crl(bytes(key.revocation_list)).last_update_utc
            return made < timezone.now() - timedelta(days=LIST_RENEW_DAYS)
    return False


def write_revocation_list() -> int:
    """Sign the list of revoked signers anew and publish it; returns how many it names. Raises NoSigningKey."""
    authority = _at_hand()
    above, now = keys.parsed(authority), timezone.now()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(above.subject)
        .last_update(now)
        .next_update(now + timedelta(days=LIST_DAYS))
        # Seconds since 1970 always grow, also over a restored database.
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    count = 0
    signers = SigningKey.objects.exclude(purpose=SigningKey.Purpose.AUTHORITY).filter(compromised_at__isnull=False)
    for signer in signers:
        certificate, issued_by = keys.parsed(signer), authority_of(keys.parsed(signer))
        if signer.compromised_at is None or issued_by is None or issued_by.pk != authority.pk:
            continue
        reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, signer.compromised_at)
        builder = builder.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
        count += 1
    signed = builder.sign(keys.load_private(authority.kid), hashes.SHA256())
    SigningKey.objects.filter(pk=authority.pk).update(revocation_list=signed.public_bytes(Encoding.DER))
    return count
