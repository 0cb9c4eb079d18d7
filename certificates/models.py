"""Signed proof of a recorded dose, the public part of the keys that sign it, and its revocation."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.fields import BlindIndexField
from vaccination.models import Immunization


class SigningKey(models.Model):
    """Public part of a document signer; the private key lives encrypted outside the database."""

    kid = models.CharField(
        max_length=44, primary_key=True, db_comment="Base64 of the first 8 bytes of SHA-256 of the DER."
    )
    purpose = models.CharField("kegunaan", max_length=20)
    certificate_pem = models.TextField("sertifikat kunci")
    not_before = models.DateTimeField("berlaku sejak")
    not_after = models.DateTimeField("berlaku sampai")
    use_until = models.DateTimeField("dipakai menandatangani sampai")
    retired_at = models.DateTimeField("pensiun", null=True, blank=True)
    compromised_at = models.DateTimeField("bocor", null=True, blank=True)

    class Meta:
        verbose_name = "kunci tanda tangan"
        verbose_name_plural = "kunci tanda tangan"

    def __str__(self) -> str:
        return self.kid


class Certificate(models.Model):
    """One signed proof of one dose."""

    class Status(models.TextChoices):
        VALID = "valid", "Berlaku"
        REVOKED = "revoked", "Dicabut"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="certificates")
    link_index = BlindIndexField(unique=True)
    uvci = models.CharField("nomor sertifikat", max_length=80, unique=True)
    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, null=True, blank=True)
    hc1 = models.TextField("kode HC1", blank=True, db_comment="Empty where the product has no EU code.")
    qr_svg = models.TextField(blank=True)
    facts = models.JSONField("isi", default=dict, db_comment="What was signed; no NIK, phone or address.")
    status = models.CharField("status", max_length=10, choices=Status, default=Status.VALID)
    issued_at = models.DateTimeField("terbit", default=timezone.now)
    expires_at = models.DateTimeField("berlaku sampai", null=True, blank=True)

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


class Revocation(models.Model):
    """A code that must no longer be accepted, in a form that names no person (FORMATS section 8)."""

    certificate = models.OneToOneField(Certificate, on_delete=models.PROTECT, related_name="revocation")
    kid = models.CharField(max_length=44)
    uci_hash = models.BinaryField(max_length=16)
    signature_hash = models.BinaryField(max_length=16, null=True)
    reason = models.CharField("alasan", max_length=40)
    revoked_at = models.DateTimeField("dicabut", default=timezone.now)

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
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "catatan tanda tangan"
        verbose_name_plural = "catatan tanda tangan"

    def __str__(self) -> str:
        return f"{self.kid} {self.at:%Y-%m-%d}"
