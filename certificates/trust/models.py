"""Lists of foreign keys that the health office accepts. Nothing in them counts before a person has confirmed it."""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


@pghistory.track(pghistory.UpdateEvent("switched", condition=pghistory.AnyChange("is_active")), fields=["is_active"])
class TrustList(models.Model):
    """A source of keys: where it comes from, who signs it, and for which formats its keys may speak."""

    class Kind(models.TextChoices):
        GDHCN = "gdhcn", "Jejaring WHO (GDHCN, did.json)"
        DSC = "dsc", "Daftar penanda tangan dokumen HC1 (DSC)"
        SHC = "shc", "Penerbit SMART Health Card"
        CSCA = "csca", "Otoritas negara untuk VDS-NC (CSCA)"
        DIVOC = "divoc", "Kunci penerbit DIVOC"

    class Scope(models.TextChoices):
        NATIONAL = "national", "Nasional (Kementerian Kesehatan)"
        INTERNATIONAL = "international", "Internasional"

    name = models.CharField("nama daftar", max_length=80, unique=True)
    kind = models.CharField("jenis", max_length=10, choices=Kind)
    scope = models.CharField("lingkup", max_length=15, choices=Scope, default=Scope.INTERNATIONAL)
    address = models.URLField("alamat", max_length=300, blank=True, db_comment="Empty for a list brought as a file.")
    signer = models.TextField(
        "kunci penanda tangan daftar",
        blank=True,
        db_comment="PEM or JWK of who signs the list, chosen by the office and never taken from the list itself.",
    )
    iss = models.CharField("alamat penerbit (iss)", max_length=200, blank=True, db_comment="One health-card issuer.")
    formats = models.JSONField("format", default=list, db_comment="Formats its keys may sign; see FORMATS section 0.")
    is_active = models.BooleanField("dipakai", default=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        app_label = "certificates"
        verbose_name = "daftar kunci asing"
        verbose_name_plural = "daftar kunci asing"

    def __str__(self) -> str:
        return self.name


class TrustEdition(models.Model):
    """One copy of a list as it was fetched, with its date, its source and how it differs from what counts now."""

    class Status(models.TextChoices):
        PENDING = "pending", "Menunggu persetujuan"
        CONFIRMED = "confirmed", "Disetujui"
        DISCARDED = "discarded", "Dibuang"

    trust_list = models.ForeignKey(TrustList, on_delete=models.PROTECT, related_name="editions")
    fetched_at = models.DateTimeField("diambil", default=timezone.now)
    fetched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    origin = models.CharField("sumber", max_length=300, db_comment="Address, or name of the file.")
    digest = models.CharField("sidik jari SHA-256", max_length=64)
    issued_at = models.DateTimeField("tanggal daftar", null=True, blank=True, db_comment="As the list itself says.")
    proof = models.CharField(
        "tanda tangan", max_length=200, blank=True, db_comment="Who signed it, checked; empty: it carries no signature."
    )
    entries = models.JSONField("isi", default=list, db_comment="Every key as read.")
    left_out = models.JSONField("tidak diambil", default=dict, db_comment="Number of keys by reason.")
    diff = models.JSONField("perubahan", default=dict, db_comment="Identities added and removed against what counted.")
    status = models.CharField("keadaan", max_length=10, choices=Status, default=Status.PENDING)
    decided_at = models.DateTimeField("diputuskan", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        app_label = "certificates"
        verbose_name = "edisi daftar kunci"
        verbose_name_plural = "edisi daftar kunci"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="pending") | Q(decided_at__isnull=False), name="trust_edition_decision_has_a_date"
            )
        ]

    def __str__(self) -> str:
        return f"{self.trust_list} {self.fetched_at:%Y-%m-%d}"


class IssuerKeyQuerySet(models.QuerySet):
    """Foreign keys by what they are good for."""

    def counting(self) -> IssuerKeyQuerySet:
        """Keys of confirmed editions of lists in use that no later edition took away."""
        return self.filter(withdrawn_at=None, trust_list__is_active=True)


class IssuerKey(models.Model):
    """One foreign key that counts, or counted until `withdrawn_at`."""

    trust_list = models.ForeignKey(TrustList, on_delete=models.PROTECT, related_name="keys")
    edition = models.ForeignKey(TrustEdition, on_delete=models.PROTECT, related_name="+")
    family = models.CharField("keluarga", max_length=10, db_comment="hcert, shc, divoc or csca.")
    kid = models.CharField("nama kunci", max_length=280, db_comment="Base64 of the name codes call the key by.")
    fingerprint = models.CharField("sidik jari", max_length=32, db_comment="SHA-256 of the public key, 16 bytes hex.")
    public_key = models.BinaryField(db_comment="SubjectPublicKeyInfo, DER.")
    certificate = models.BinaryField(null=True, db_comment="X.509, DER; needed of authorities to check the chain.")
    issuer = models.CharField("pemegang", max_length=200, blank=True)
    country = models.CharField("negara", max_length=10, blank=True)
    iss = models.CharField("alamat penerbit", max_length=200, blank=True)
    usages = models.CharField("kegunaan", max_length=3, blank=True, db_comment="Letters of t, v, r; empty: any.")
    formats = models.JSONField("format", default=list)
    not_before = models.BigIntegerField(null=True, db_comment="Seconds since 1970.")
    not_after = models.BigIntegerField(null=True, db_comment="Seconds since 1970.")
    withdrawn_at = models.DateTimeField("dicabut", null=True, blank=True)

    objects = IssuerKeyQuerySet.as_manager()

    class Meta:
        app_label = "certificates"
        verbose_name = "kunci penerbit asing"
        verbose_name_plural = "kunci penerbit asing"
        constraints = [
            models.UniqueConstraint(
                fields=["trust_list", "family", "kid", "fingerprint", "iss"],
                condition=Q(withdrawn_at=None),
                name="issuer_key_once_per_list",
            )
        ]
        indexes = [models.Index(fields=["family", "kid"], condition=Q(withdrawn_at=None), name="issuer_key_by_kid")]

    def __str__(self) -> str:
        return f"{self.country} {self.issuer}".strip() or self.kid
