"""What has to reach PCare, what became of it, and how the service is doing."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.leases import LeasedQuerySet, LeasedRow
from pcare_bridge.account_models import (
    SERVICE_NAMES,
    SERVICES,
    Account,
    FacilityAccount,
    Profile,
    ProfileSwitch,
    SatusehatAccount,
    default_profiles,
)
from pcare_bridge.errors import ERROR_CLASSES
from programmes.models import Vaccine
from regions.models import Facility
from vaccination.models import Immunization

__all__ = [
    "SERVICES",
    "SERVICE_NAMES",
    "Account",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryQuerySet",
    "Difference",
    "FacilityAccount",
    "FileBatch",
    "Incident",
    "ProfileSwitch",
    "Reconciliation",
    "RetryRun",
    "SatusehatAccount",
    "Upstream",
    "VaccineCode",
    "default_profiles",
]  # fmt: skip
OPEN_STATES = ("waiting", "in_flight", "held", "paused")
# Not finished and not under way: a person may still decide what becomes of it.
MENDABLE_STATES = ("waiting", "paused", "refused")


# Outcomes of a log line that are no error class.
ACTS = {
    "sent": "Berhasil",
    "read_back": "Membaca kembali",
    "retry": "Kirim ulang",
    "handed_over": "Diserahkan",
    "reported": "Dilaporkan",
}


class Upstream(models.Model):
    """Circuit breaker and throttle of one base address, shared by all workers."""

    class State(models.TextChoices):
        CLOSED = "closed", "Berjalan"
        OPEN = "open", "Terputus"
        HALF_OPEN = "half_open", "Sedang dicoba lagi"

    base_url = models.CharField("alamat", max_length=200, unique=True)
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.CLOSED)
    consecutive_failures = models.PositiveIntegerField("gagal berturut-turut", default=0)
    changed_at = models.DateTimeField("berubah", default=timezone.now)
    probe_at = models.DateTimeField("coba lagi", null=True, blank=True)
    open_seconds = models.FloatField(default=60, db_comment="Pause before the next probe.")
    next_slot_at = models.DateTimeField(null=True, blank=True, db_comment="Throttle: when the next request may start.")
    last_success_at = models.DateTimeField("terakhir berhasil", null=True, blank=True)
    last_failure_at = models.DateTimeField("terakhir gagal", null=True, blank=True)
    paused_reason = models.CharField("dihentikan karena", max_length=200, blank=True)
    clock_difference_seconds = models.IntegerField("selisih jam (detik)", null=True, blank=True)

    class Meta:
        verbose_name = "layanan tujuan"
        verbose_name_plural = "layanan tujuan"

    def __str__(self) -> str:
        return self.base_url

    @property
    def is_down(self) -> bool:
        return self.state != self.State.CLOSED


class Incident(models.Model):
    """One outage as the circuit breaker saw it; the public history of `/status/`."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="incidents")
    began_at = models.DateTimeField("mulai", default=timezone.now)
    ended_at = models.DateTimeField("berakhir", null=True, blank=True)
    error_class = models.CharField("golongan galat", max_length=20)

    class Meta:
        verbose_name = "gangguan"
        verbose_name_plural = "gangguan"
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(fields=["upstream"], condition=Q(ended_at__isnull=True), name="incident_one_open")
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M} {self.error_class}"


class VaccineCode(models.Model):
    """The product code PCare wants for a vaccine; without one the first KFA code of the vaccine is used."""

    vaccine = models.OneToOneField(Vaccine, on_delete=models.PROTECT, related_name="pcare_code")
    code = models.CharField("kdVaksin", max_length=20)
    diagnosis_code = models.CharField(
        "kode diagnosis (ICD-10)", max_length=10, blank=True, db_comment="kdDiag1 of a visit; empty: from the settings."
    )
    kfa_group = models.CharField(
        "kelompok KFA", max_length=10, blank=True, db_comment="VGnnn for SATUSEHAT; empty: those of the vaccine."
    )
    cvx_code = models.CharField(
        "kode CVX", max_length=5, blank=True, db_comment="For SATUSEHAT; empty: that of the vaccine."
    )
    is_sample = models.BooleanField("contoh", default=False, db_comment="Invented for trials only.")

    class Meta:
        verbose_name = "kode vaksin PCare"
        verbose_name_plural = "kode vaksin PCare"

    def __str__(self) -> str:
        return self.code


class DeliveryQuerySet(LeasedQuerySet):
    """Deliveries by territory and standing."""

    def visible_to(self, user: Any) -> "DeliveryQuerySet":
        """Deliveries of the facilities in the user's territory."""
        return self.filter(facility__in=Facility.objects.visible_to(user))

    def open(self) -> "DeliveryQuerySet":
        """Everything that will still be sent by itself."""
        return self.filter(state__in=OPEN_STATES)


class Delivery(LeasedRow):
    """One dose on its way to one national profile; in order per dose, any order between doses."""

    SENT, REFUSED, PAUSED, WITHDRAWN, REPORTED = "sent", "refused", "paused", "withdrawn", "reported"
    HELD, SUPERSEDED = "held", "superseded"
    STATES = [
        (LeasedRow.WAITING, "Menunggu PCare"),
        (LeasedRow.IN_FLIGHT, "Sedang dikirim"),
        (HELD, "Menunggu kiriman sebelumnya"),
        (PAUSED, "Dijeda: akun fasilitas"),
        (REFUSED, "Perlu petugas"),
        (SENT, "Diterima PCare"),
        (REPORTED, "Dilaporkan di luar portal"),
        (WITHDRAWN, "Ditarik"),
        (SUPERSEDED, "Diganti koreksi"),
    ]
    # The same where rows of several services stand together.
    STATES_OF_ALL = [(state, name.replace("PCare", "layanan tujuan")) for state, name in STATES]

    Profile = Profile

    class Operation(models.TextChoices):
        CREATE = "create", "kirim"
        UPDATE = "update", "perbaiki"
        WITHDRAW = "withdraw", "tarik"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="deliveries")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+")
    profile = models.CharField("profil", max_length=12, choices=Profile)
    operation = models.CharField("tindakan", max_length=10, choices=Operation, default=Operation.CREATE)
    sender_id = models.UUIDField(
        "idPengirim", default=uuid.uuid4, editable=False, db_comment="The same for a dose and all its corrections."
    )
    previous = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="successors")
    upstream_number = models.CharField("nomor di PCare", max_length=40, blank=True)
    references = models.JSONField(
        "nomor antara", default=dict, blank=True, db_comment="Of steps already made: noUrut, patient, encounter."
    )
    deadline_at = models.DateTimeField(
        "batas waktu", null=True, blank=True, db_comment="The next upstream rule this delivery would miss."
    )
    # Set before the request leaves and cleared only by an answer: a killed worker leaves it standing.
    outcome_unknown = models.BooleanField("hasil kiriman belum pasti", default=False)
    first_attempt_at = models.DateTimeField("percobaan pertama", null=True, blank=True)
    error_class = models.CharField("golongan galat", max_length=20, blank=True)
    error_field = models.CharField("isian bermasalah", max_length=60, blank=True)
    error_message = models.CharField("pesan PCare", max_length=500, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="ditangani",
    )
    note = models.CharField("catatan", max_length=200, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    objects: ClassVar[Any] = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = "kiriman PCare"
        verbose_name_plural = "kiriman PCare"
        constraints = [
            models.UniqueConstraint(
                fields=["immunization", "profile"], condition=~Q(operation="withdraw"), name="delivery_once_per_profile"
            ),
            models.UniqueConstraint(
                fields=["immunization", "profile"], condition=Q(operation="withdraw"), name="delivery_withdrawn_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(operation="withdraw") | ~Q(upstream_number=""),
                name="delivery_sent_has_number",
            ),
        ]
        indexes = [
            # Partial: the cost of a claim must not grow with the number of finished rows.
            models.Index(
                fields=["available_at"], name="delivery_open", condition=Q(state__in=["waiting", "in_flight"])
            ),
            # Each claim counts what is under way, however long the queue behind it is.
            models.Index(fields=["lease_until"], name="delivery_in_flight", condition=Q(state="in_flight")),
            models.Index(
                fields=["deadline_at", "available_at"],
                name="delivery_by_deadline",
                condition=Q(state__in=["waiting", "in_flight"]),
            ),
            models.Index(
                fields=["state", "error_class"],
                name="delivery_by_state",
                condition=~Q(state__in=["sent", "superseded"]),
            ),
            # Rate and chart look at the last hours only, on pages that reload themselves.
            models.Index(fields=["finished_at"], name="delivery_arrived", condition=Q(state="sent")),
            models.Index(fields=["upstream_number"], name="delivery_number", condition=~Q(upstream_number="")),
        ]

    def __str__(self) -> str:
        return f"{self.profile} {self.operation} {self.state}"

    def get_state_display(self) -> str:
        return dict(self.STATES).get(self.state, self.state).replace("PCare", self.service_name)

    @property
    def service(self) -> str:
        """The service this profile goes to."""
        return SERVICES.get(self.profile, "pcare")

    @property
    def service_name(self) -> str:
        return SERVICE_NAMES[self.service]

    @property
    def said(self) -> str:
        """What the service said, or our sentence for it, which speaks of PCare unless it is another."""
        return self.error_message.replace("PCare", self.service_name)

    @property
    def is_upstream(self) -> bool:
        """Something of this row stands, or may stand, in PCare."""
        begun = self.outcome_unknown or self.is_in_file or self.state in (self.SENT, self.IN_FLIGHT)
        return bool(self.upstream_number) or begun

    @property
    def is_in_file(self) -> bool:
        """It left in a file with full numbers, which somebody may upload at any time, and has no result yet."""
        return self.state == self.REFUSED and self.error_class == "in_file"

    def pause(self, **changes: Any) -> None:
        """Give the row back without spending an attempt; it waits until its account is resumed. Raises LeaseLost."""
        self._settle(state=self.PAUSED, attempts=max(self.attempts - 1, 0), first_attempt_at=None, **changes)


class DeliveryAttempt(models.Model):
    """One request or one act of a person, redacted: path template, code, message, duration (PROTOCOL 7.7)."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_log")
    at = models.DateTimeField("waktu", default=timezone.now)
    method = models.CharField("cara", max_length=6, blank=True)
    path_template = models.CharField("alamat", max_length=80, blank=True)
    code = models.IntegerField("kode", null=True)
    message = models.CharField("pesan", max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField("lama (ms)", default=0)
    outcome = models.CharField("hasil", max_length=20)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="petugas",
    )

    class Meta:
        verbose_name = "percobaan kirim"
        verbose_name_plural = "percobaan kirim"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.code} {self.outcome}"

    @property
    def outcome_text(self) -> str:
        """The result in words."""
        error = ERROR_CLASSES.get(self.outcome)
        return error.title if error else ACTS.get(self.outcome, self.outcome)


class RetryRun(models.Model):
    """One press of "send all again": whose, of which cause, and what it freed; progress is read from the deliveries."""

    service = models.CharField("layanan", max_length=12)
    error_class = models.CharField("golongan galat", max_length=20)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField("diminta", default=timezone.now, db_index=True)
    deliveries = models.ManyToManyField(Delivery, related_name="retry_runs")

    class Meta:
        verbose_name = "kirim ulang satu sebab"
        verbose_name_plural = "kirim ulang satu sebab"

    def __str__(self) -> str:
        return f"{self.error_class} {self.asked_at:%Y-%m-%d %H:%M}"


class Reconciliation(LeasedRow):
    """Our doses of one facility, day and profile against what stands upstream; worked off like a delivery."""

    DONE, FAILED = "done", "failed"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+")
    profile = models.CharField("profil", max_length=12, choices=Delivery.Profile)
    day = models.DateField("tanggal penyuntikan")
    given = models.PositiveIntegerField("diberikan", default=0)
    sent = models.PositiveIntegerField("terkirim", default=0)
    waiting_count = models.PositiveIntegerField("menunggu", default=0)
    person_count = models.PositiveIntegerField("perlu petugas", default=0)
    reported_count = models.PositiveIntegerField("dilaporkan di luar portal", default=0)
    checked = models.PositiveIntegerField("dicocokkan", default=0, db_comment="Doses looked up upstream.")

    class Meta:
        verbose_name = "pencocokan"
        verbose_name_plural = "pencocokan"
        ordering = ["-day", "facility", "profile"]
        constraints = [models.UniqueConstraint(fields=["facility", "profile", "day"], name="reconciliation_once")]
        indexes = [
            models.Index(
                fields=["available_at"], name="reconciliation_open", condition=Q(state__in=["waiting", "in_flight"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.profile}"


class Difference(models.Model):
    """One dose on which the portal and the service disagree, why, and whose turn it is."""

    class Kind(models.TextChoices):
        MISSING = "missing", "Hilang di sana"
        TWICE = "twice", "Tertulis dua kali"
        DOUBLED = "doubled", "Ganda di sana"
        DIFFERENT = "different", "Isi berbeda"
        UNEXPECTED = "unexpected", "Sudah ada di sana"

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="differences")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="differences")
    kind = models.CharField("jenis", max_length=12, choices=Kind)
    upstream_number = models.CharField("nomor di sana", max_length=200, blank=True)
    field = models.CharField("isian", max_length=60, blank=True)
    cause = models.CharField("sebab", max_length=200)
    owner = models.CharField("ditangani", max_length=40)

    class Meta:
        verbose_name = "selisih"
        verbose_name_plural = "selisih"

    def __str__(self) -> str:
        return f"{self.kind} {self.field}"

    @property
    def can_go_again(self) -> bool:
        """Whether sending the dose once more mends it (`reconciling.send_again`); others are mended there."""
        return self.kind in (self.Kind.MISSING, self.Kind.DIFFERENT, self.Kind.TWICE)


class FileBatch(models.Model):
    """Waiting doses of one profile written into a file for upload by hand; with full numbers only for two persons."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    profile = models.CharField("cara kirim", max_length=12, choices=Delivery.Profile)
    is_full = models.BooleanField("dengan NIK lengkap", default=False)
    reason = models.CharField("alasan", max_length=200)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField("disetujui", null=True, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    downloaded_at = models.DateTimeField("diunduh", null=True, blank=True)
    deliveries = models.ManyToManyField(Delivery, related_name="file_batches")

    class Meta:
        verbose_name = "berkas lapor"
        verbose_name_plural = "berkas lapor"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=models.F("requested_by")),
                name="file_batch_two_persons",
                violation_error_message="Orang kedua yang menyetujui, bukan yang meminta.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.profile} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def may_leave(self) -> bool:
        """Masked files at once, full ones after a second person's approval, for a day."""
        if not self.is_full:
            return True
        return self.approved_at is not None and timezone.now() - self.approved_at < timedelta(days=1)
