"""What has to reach PCare, what became of it, and how the service is doing."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.fields import EncryptedTextField
from core.leases import LeasedRow
from regions.models import Facility
from vaccination.models import Immunization


class Upstream(models.Model):
    """Circuit breaker and throttle of one base address, shared by all workers."""

    base_url = models.CharField("alamat", max_length=200, unique=True)
    state = models.CharField("keadaan", max_length=10, default="closed", db_comment="closed, open, half_open.")
    consecutive_failures = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField("berubah", default=timezone.now)
    probe_at = models.DateTimeField("coba lagi", null=True, blank=True)
    open_seconds = models.PositiveIntegerField(default=60)
    last_success_at = models.DateTimeField("terakhir berhasil", null=True, blank=True)
    last_failure_at = models.DateTimeField("terakhir gagal", null=True, blank=True)
    paused_reason = models.CharField("dijeda karena", max_length=200, blank=True)
    clock_difference_seconds = models.IntegerField("selisih jam (detik)", null=True, blank=True)

    class Meta:
        verbose_name = "layanan tujuan"
        verbose_name_plural = "layanan tujuan"

    def __str__(self) -> str:
        return self.base_url


class FacilityAccount(models.Model):
    """A facility's PCare code and credentials; encrypted, changeable without a deploy."""

    facility = models.OneToOneField(Facility, on_delete=models.PROTECT, related_name="pcare_account")
    provider_code = models.CharField("kdProvider", max_length=8)
    cons_id = models.CharField(max_length=20)
    secret = EncryptedTextField()
    user_key = EncryptedTextField()
    username = models.CharField(max_length=60)
    password = EncryptedTextField()
    application_code = models.CharField("kdAplikasi", max_length=5, default="095")
    password_changed_at = models.DateTimeField("kata sandi diganti", default=timezone.now)
    is_active = models.BooleanField("aktif", default=True)

    class Meta:
        verbose_name = "akun PCare fasilitas"
        verbose_name_plural = "akun PCare fasilitas"

    def __str__(self) -> str:
        return self.provider_code


class Delivery(LeasedRow):
    """One dose on its way to one national profile; in order per dose, any order between doses."""

    SENT, REFUSED, PAUSED, WITHDRAWN, REPORTED = "sent", "refused", "paused", "withdrawn", "reported"

    class Profile(models.TextChoices):
        VAKSINASI = "vaksinasi", "PCare Vaksinasi"

    class Operation(models.TextChoices):
        CREATE = "create", "kirim"
        UPDATE = "update", "perbaiki"
        WITHDRAW = "withdraw", "tarik"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="deliveries")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+")
    profile = models.CharField("profil", max_length=12, choices=Profile)
    operation = models.CharField("tindakan", max_length=10, choices=Operation, default=Operation.CREATE)
    upstream_number = models.CharField("nomor di PCare", max_length=40, blank=True)
    outcome_unknown = models.BooleanField("hasil kiriman belum pasti", default=False)
    error_class = models.CharField("golongan galat", max_length=20, blank=True)
    error_field = models.CharField("isian bermasalah", max_length=60, blank=True)
    error_message = models.CharField("pesan PCare", max_length=500, blank=True)
    assigned_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.CharField("catatan", max_length=200, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    class Meta:
        verbose_name = "kiriman PCare"
        verbose_name_plural = "kiriman PCare"
        constraints = [
            models.UniqueConstraint(fields=["immunization", "profile", "operation"], name="delivery_once")
        ]
        indexes = [
            models.Index(fields=["available_at"], name="delivery_open", condition=Q(state__in=["waiting", "in_flight"])),
            models.Index(fields=["state", "error_class"], name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.profile} {self.operation} {self.state}"


class DeliveryAttempt(models.Model):
    """One try, redacted: path template, code, message, duration (PROTOCOL section 7.7)."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_log")
    at = models.DateTimeField(default=timezone.now)
    path_template = models.CharField(max_length=80)
    code = models.IntegerField(null=True)
    message = models.CharField(max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=20)

    class Meta:
        verbose_name = "percobaan kirim"
        verbose_name_plural = "percobaan kirim"
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.code} {self.outcome}"
