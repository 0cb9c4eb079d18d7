"""Who is vaccinated: citizens, the phone they answer on, the family it serves."""

import uuid
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import pghistory
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.fields import BlindIndexField, EncryptedTextField
from regions.models import Kelurahan

ADULT_AGE = 18


class CitizenAccount(models.Model):
    """A verified phone; it signs in by one-time code and may manage a whole family (RULES X-4, G-3)."""

    phone = EncryptedTextField("nomor telepon", db_comment="E.164, e.g. +6281234567890.")
    phone_index = BlindIndexField(unique=True)
    email = EncryptedTextField("surel", blank=True, null=True)
    language = models.CharField("bahasa", max_length=2, default="id")
    verified_at = models.DateTimeField("terverifikasi", null=True, blank=True)
    # Raised to end every signed cookie of this account at once.
    session_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    class Meta:
        verbose_name = "akun warga"
        verbose_name_plural = "akun warga"

    def __str__(self) -> str:
        return f"akun {self.pk}"


class CitizenQuerySet(models.QuerySet):
    """Citizens as different people may see them."""

    def active(self) -> "CitizenQuerySet":
        """Without records that were merged into another one."""
        return self.filter(merged_into__isnull=True)

    def of_account(self, account: CitizenAccount) -> "CitizenQuerySet":
        """The family of one signed-in account."""
        return self.active().filter(account=account)

    def visible_to(self, user: User | AnonymousUser) -> "CitizenQuerySet":
        """Citizens a member of staff may open; see registration.visibility."""
        from registration.visibility import citizens_of  # that module names this model's rows

        if not isinstance(user, User) or not user.is_authenticated:
            return self.none()
        return self.filter(citizens_of(user.territory()))


@pghistory.track(pghistory.UpdateEvent(row=pghistory.Old), pghistory.DeleteEvent(row=pghistory.Old))
class Citizen(models.Model):
    """A person (FHIR Patient), known by NIK or, for a reason, by a temporary identity (RULES N-8)."""

    class Sex(models.TextChoices):
        MALE = "L", _("Laki-laki")
        FEMALE = "P", _("Perempuan")

    class NoNikReason(models.TextChoices):
        NEWBORN = "bayi", _("Bayi, NIK belum terbit")
        DISABILITY = "disabilitas", _("Penyandang disabilitas")
        INDIGENOUS = "adat", _("Masyarakat adat")
        PRISON = "lapas", _("Warga binaan")
        SOCIAL = "panti", _("Penghuni panti sosial")
        MIGRANT = "pmi", _("Pekerja migran")
        FOREIGNER = "wna", _("Warga negara asing (paspor/KITAS)")
        OTHER = "lain", _("Lainnya")

    class Relation(models.TextChoices):
        SELF = "diri", _("Saya sendiri")
        SPOUSE = "pasangan", _("Suami/istri")
        CHILD = "anak", _("Anak")
        PARENT = "orang_tua", _("Orang tua")
        OTHER = "lain", _("Keluarga lain")

    # Of somebody who is signed in, what apps above had read with the person (registration.alongside).
    alongside: Mapping[str, Any] = MappingProxyType({})

    public_id = models.UUIDField("nomor acak", default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(
        CitizenAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="members", verbose_name="akun"
    )
    relation = models.CharField("hubungan", max_length=10, choices=Relation, default=Relation.SELF)
    nik = EncryptedTextField("NIK", null=True, blank=True, db_comment="16 digits (RULES N-1).")
    nik_index = BlindIndexField(null=True, blank=True)
    family_card_number = EncryptedTextField("nomor KK", null=True, blank=True)
    no_nik_reason = models.CharField("alasan tanpa NIK", max_length=12, choices=NoNikReason, blank=True)
    temporary_code = models.CharField("nomor sementara", max_length=20, unique=True, null=True, blank=True)
    full_name = models.CharField("nama lengkap", max_length=100)
    birth_date = models.DateField("tanggal lahir")
    sex = models.CharField("jenis kelamin", max_length=1, choices=Sex)
    kelurahan = models.ForeignKey(
        Kelurahan, on_delete=models.PROTECT, null=True, blank=True, related_name="residents",
        verbose_name="kelurahan sesuai KTP", db_comment="NULL: identity card from outside the city.",
    )  # fmt: skip
    domicile_kelurahan = models.ForeignKey(
        Kelurahan, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name="kelurahan tempat tinggal", db_comment="NULL: same as on the card.",
    )  # fmt: skip
    address = EncryptedTextField("alamat", null=True, blank=True)
    contact_phone = EncryptedTextField("telepon", null=True, blank=True, db_comment="Of a person without an account.")
    contact_phone_index = BlindIndexField(null=True, blank=True)
    guardian = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="wards", verbose_name="orang tua/wali"
    )
    birth_order = models.PositiveSmallIntegerField(
        "urutan lahir", default=1, db_comment="Tells twins apart (RULES X-6)."
    )
    nik_warnings = models.JSONField(
        "peringatan NIK", default=list, db_comment="Codes of RULES N-3 warnings; never a refusal."
    )
    identity_verified_at = models.DateTimeField("identitas diperiksa", null=True, blank=True)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    objects = CitizenQuerySet.as_manager()

    class Meta:
        verbose_name = "warga"
        verbose_name_plural = "warga"
        constraints = [
            models.UniqueConstraint(
                fields=["nik_index"],
                condition=Q(merged_into__isnull=True),
                name="citizen_nik_once",
                violation_error_message="NIK ini sudah tercatat.",
            ),
            models.CheckConstraint(
                condition=Q(nik_index__isnull=False) | ~Q(no_nik_reason=""), name="citizen_nik_or_reason"
            ),
            models.CheckConstraint(
                condition=Q(nik__isnull=True, nik_index__isnull=True) | Q(nik__isnull=False, nik_index__isnull=False),
                name="citizen_nik_and_index_together",
            ),
        ]
        indexes = [models.Index(fields=["birth_date"], name="citizen_birth_date")]

    def __str__(self) -> str:
        return self.full_name

    def age_on(self, day: date) -> int:
        """Completed years on local date `day` (RULES G-2: the day of service, not of booking)."""
        return day.year - self.birth_date.year - ((day.month, day.day) < (self.birth_date.month, self.birth_date.day))

    def age_months_on(self, day: date) -> int:
        """Completed months on local date `day`."""
        months = (day.year - self.birth_date.year) * 12 + day.month - self.birth_date.month
        return months - (day.day < self.birth_date.day)

    def is_minor_on(self, day: date) -> bool:
        """Under 18 on `day`: registered by a parent or guardian (RULES G-3)."""
        return self.age_on(day) < ADULT_AGE

    @property
    def identity_locked(self) -> bool:
        """A desk has seen the card: only a desk may change the identity now."""
        return self.identity_verified_at is not None


class OneTimeCode(models.Model):
    """A six-digit code sent to a phone: hashed, ten minutes, five tries, once, bound to the browser that asked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField("tujuan", max_length=30, default="sign_in")
    phone = EncryptedTextField("telepon")
    phone_index = BlindIndexField()
    code_hash = models.BinaryField(max_length=32)
    browser_hash = models.BinaryField(max_length=32)
    attempts_left = models.PositiveSmallIntegerField(default=5)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "kode sekali pakai"
        verbose_name_plural = "kode sekali pakai"
        indexes = [
            models.Index(fields=["phone_index", "-created_at"], name="one_time_code_phone"),
            models.Index(fields=["expires_at"], name="one_time_code_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.created_at:%Y-%m-%d %H:%M}"


class IdentityClaim(models.Model):
    """Somebody says a NIK that another account holds is theirs; a person at the desk decides with the card in hand."""

    OPEN, RESOLVED, REJECTED = "open", "resolved", "rejected"

    public_code = models.CharField("kode", max_length=12, unique=True)
    account = models.ForeignKey(CitizenAccount, on_delete=models.PROTECT, related_name="claims")
    nik_index = BlindIndexField()
    entered = EncryptedTextField("isian", db_comment="JSON of what was typed, so the person types it once.")
    state = models.CharField("keadaan", max_length=10, default=OPEN)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField("diputuskan", null=True, blank=True)
    note = models.CharField("keterangan", max_length=200, blank=True)

    class Meta:
        verbose_name = "klaim identitas"
        verbose_name_plural = "klaim identitas"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "nik_index"], condition=Q(state="open"), name="identity_claim_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.public_code


class CitizenMerge(models.Model):
    """Trail of two records of one person made one (RULES N-8)."""

    kept = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="merges_kept")
    merged = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="merges_gone")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    reason = models.CharField("alasan", max_length=200)

    class Meta:
        verbose_name = "penggabungan data"
        verbose_name_plural = "penggabungan data"

    def __str__(self) -> str:
        return f"{self.merged_id} → {self.kept_id}"
