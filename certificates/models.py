"""Signed proof of a recorded dose, the public part of the keys that sign it, and its revocation."""

import uuid
from datetime import date

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from certificates.trust.models import IssuerKey, TrustEdition, TrustList
from core.fields import BlindIndexField
from vaccination.models import Immunization

__all__ = [
    "Certificate",
    "IssuerKey",
    "Revocation",
    "SignatureLog",
    "SigningKey",
    "TrustEdition",
    "TrustList",
]


class SigningKeyQuerySet(models.QuerySet):
    """Keys by what may still be done with them."""

    def usable(self, purpose: str) -> "SigningKeyQuerySet":
        """Keys that may sign now, the newest first."""
        now = timezone.now()
        return self.filter(
            purpose=purpose, use_from__lte=now, use_until__gt=now, retired_at=None, compromised_at=None
        ).order_by("-use_from", "kid")

    def trusted(self) -> "SigningKeyQuerySet":
        """Keys whose signatures count: also retired ones, never a compromised one."""
        return self.filter(compromised_at=None)


class SigningKey(models.Model):
    """Public part of a document signer; the private key lives encrypted outside the database."""

    class Purpose(models.TextChoices):
        AUTHORITY = "authority", "Otoritas penerbit (CA)"
        DCC = "dcc", "Sertifikat EU DCC (HC1)"
        SHC = "shc", "SMART Health Card"
        DVC = "dvc", "Sertifikat WHO DVC (HC1)"

    kid = models.CharField(
        max_length=44,
        primary_key=True,
        db_comment="Base64 of the first 8 bytes of SHA-256 of the DER; for health cards the RFC 7638 thumbprint.",
    )
    purpose = models.CharField("kegunaan", max_length=20, choices=Purpose)
    certificate_pem = models.TextField("sertifikat kunci")
    not_before = models.DateTimeField("berlaku sejak")
    not_after = models.DateTimeField("berlaku sampai")
    use_from = models.DateTimeField("dipakai menandatangani sejak", default=timezone.now)
    use_until = models.DateTimeField("dipakai menandatangani sampai")
    retired_at = models.DateTimeField("pensiun", null=True, blank=True)
    compromised_at = models.DateTimeField("bocor", null=True, blank=True)
    revocation_list = models.BinaryField(
        null=True, blank=True, db_comment="Authority rows only: its X.509 list of revoked signers, DER."
    )

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "kunci tanda tangan"
        verbose_name_plural = "kunci tanda tangan"
        # What it signed names it for ever. One rule here costs nothing; a constraint over there asks twice a row.
        triggers = [pgtrigger.Protect(name="stays", operation=pgtrigger.Delete | pgtrigger.UpdateOf("kid"))]

    def __str__(self) -> str:
        return f"{self.purpose} {self.kid}"


class Certificate(models.Model):
    """One signed proof of one dose."""

    class Status(models.TextChoices):
        VALID = "valid", "Berlaku"
        REVOKED = "revoked", "Dicabut"
        RENEWED = "renewed", "Diganti yang baru"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="certificates")
    # The token itself is only in the message to the phone: a copy of the database opens no link.
    link_index = BlindIndexField(unique=True)
    uvci = models.CharField("nomor sertifikat", max_length=80, unique=True)
    hc1 = models.TextField(
        "kode HC1", blank=True, db_comment="EU DCC; where eu_reason says why there is none, a WHO DVC or empty."
    )
    hc1_svg = models.TextField("gambar kode HC1", blank=True)
    shc = models.TextField("SMART Health Card", db_comment="Compact JWS; every vaccine has one.")
    # Of certificates made in bulk the pictures are made when somebody first looks.
    shc_svg = models.TextField("gambar SMART Health Card", blank=True)
    eu_reason = models.CharField("sebab tanpa HC1", max_length=20, blank=True)
    # Two keys sign half a million rows. Without indexes: only a leaked key asks for its own. Without constraints: keys
    # stay (`SigningKey.Meta`), whoever signs has just read theirs, and the audit looks for others.
    hc1_key = models.ForeignKey(
        SigningKey,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    shc_key = models.ForeignKey(
        SigningKey, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    facts = models.JSONField("isi", default=dict, db_comment="What was signed; no NIK, phone or address.")
    status = models.CharField("status", max_length=10, choices=Status, default=Status.VALID)
    issued_at = models.DateTimeField("terbit", default=timezone.now)
    expires_at = models.DateTimeField("berlaku sampai")

    class Meta:
        verbose_name = "sertifikat"
        verbose_name_plural = "sertifikat"
        constraints = [
            models.UniqueConstraint(
                fields=["immunization"], condition=Q(status="valid"), name="certificate_one_valid_per_dose"
            )
        ]

    def __str__(self) -> str:
        return self.uvci

    @property
    def is_dvc(self) -> bool:
        """True when the HC1 code is a WHO vaccination certificate, not one of the EU."""
        return bool(self.hc1 and self.eu_reason)

    @property
    def born(self) -> date:
        """Birth date as signed."""
        return date.fromisoformat(self.facts["birth_date"])

    @property
    def given(self) -> date:
        """Day of the dose as signed."""
        return date.fromisoformat(self.facts["occurred_on"])


class RevocationQuerySet(models.QuerySet):
    """Revocations as verifiers ask for them."""

    def naming(self, hashes: tuple[bytes, ...]) -> "RevocationQuerySet":
        """Revocations that name a code by any of these hashes."""
        return self.filter(
            Q(uci_hash__in=hashes)
            | Q(country_uci_hash__in=hashes)
            | Q(hc1_signature_hash__in=hashes)
            | Q(shc_signature_hash__in=hashes)
        )

    def barring(self) -> "RevocationQuerySet":
        """Revocations whose reason lies in the dose, so that no new certificate may follow."""
        return self.exclude(reason__in=Revocation.RENEWABLE)


class Revocation(models.Model):
    """A code that must no longer be accepted, in a form that names no person (FORMATS section 8)."""

    class Reason(models.TextChoices):
        CORRECTED = "corrected", "Data vaksinasi diperbaiki"
        KEY = "key", "Kunci penerbit tidak lagi dipercaya"
        HOLDER = "holder", "Diminta pemegang: kodenya tersebar"
        MISTAKE = "mistake", "Terbit karena kekeliruan"
        FRAUD = "fraud", "Dosisnya diragukan"

    # The dose stands, only the code is spoilt: its owner gets another one on the next look.
    RENEWABLE = (Reason.KEY.value, Reason.HOLDER.value)

    certificate = models.OneToOneField(Certificate, on_delete=models.PROTECT, related_name="revocation")
    kid = models.CharField(max_length=44, db_comment="Key of the SMART Health Card; its list carries the rid.")
    rid = models.CharField(max_length=24)
    uci_hash = models.BinaryField(max_length=16)
    country_uci_hash = models.BinaryField(max_length=16)
    hc1_signature_hash = models.BinaryField(max_length=16, null=True)
    shc_signature_hash = models.BinaryField(max_length=16)
    reason = models.CharField("alasan", max_length=20, choices=Reason)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField("dicabut", default=timezone.now)

    objects = RevocationQuerySet.as_manager()

    class Meta:
        verbose_name = "pencabutan"
        verbose_name_plural = "pencabutan"

    def __str__(self) -> str:
        return f"{self.certificate_id} {self.reason}"


class SignatureLog(models.Model):
    """Every signature made, so that an unexplained one can be found."""

    at = models.DateTimeField(default=timezone.now)
    kid = models.CharField(max_length=44)
    uci_hash = models.BinaryField(max_length=16)
    # The certificate written along with it holds the dose already; two lines that ask once more took a tenth of what
    # the database does for it.
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    actor = models.CharField("pelaku", max_length=60, db_comment="worker, citizen page, desk, command")

    class Meta:
        verbose_name = "catatan tanda tangan"
        verbose_name_plural = "catatan tanda tangan"
        # Lines come in the order of their time: a few kilobytes find the days on which a leaked key signed.
        indexes = [BrinIndex(fields=["at"], name="signature_log_at", autosummarize=True)]

    def __str__(self) -> str:
        return f"{self.kid} {self.at:%Y-%m-%d}"
