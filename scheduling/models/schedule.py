"""When and where: schedules, their slots, the places that can be taken, and who took them.

A place is a row (docs/adr/0001-place-rows.md): overselling is not prevented, it cannot be expressed.
"""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from programmes.models import Programme, Questionnaire, Vaccine
from regions.models import Facility
from registration.models import Citizen


class ScheduleTemplate(models.Model):
    """A weekly pattern from which schedules are published."""

    class Release(models.TextChoices):
        FIRST_COME = "first", "Siapa cepat dapat"
        DRAW = "draw", "Undian, sisanya siapa cepat dapat"

    name = models.CharField("nama", max_length=80)
    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="schedule_templates")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT)
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT)
    dose_codes = ArrayField(models.CharField(max_length=20), default=list, verbose_name="dosis yang dilayani")
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=list, db_comment="0 = Monday.", verbose_name="hari"
    )
    open_time = models.TimeField("jam buka")
    close_time = models.TimeField("jam tutup")
    slot_minutes = models.PositiveSmallIntegerField("panjang sesi (menit)", default=30)
    places_per_slot = models.PositiveSmallIntegerField("tempat per sesi", default=10)
    walk_in_percent = models.PositiveSmallIntegerField(
        "bagian datang langsung (%)", default=20, db_comment="RULES L-5."
    )
    walk_in_hour = models.TimeField("sisa daring dibuka untuk datang langsung", null=True, blank=True)
    release_days_before = models.PositiveSmallIntegerField("dibuka (hari sebelumnya)", default=1)
    release_time = models.TimeField(
        "dibuka pukul", null=True, blank=True, db_comment="RULES L-4: 15.00 the day before."
    )
    # Defaults of the database too: during a rollout the version before these columns goes on writing patterns.
    release_mode = models.CharField(
        "cara membagi tempat", max_length=5, choices=Release, default=Release.FIRST_COME, db_default=Release.FIRST_COME
    )
    draw_hours_before = models.PositiveSmallIntegerField(
        "pendaftaran undian ditutup (jam sebelum dibuka)",
        default=2,
        db_default=2,
        db_comment="Only for release by draw.",
    )
    is_active = models.BooleanField("aktif", default=True)

    class Meta:
        verbose_name = "pola mingguan"
        verbose_name_plural = "pola mingguan"

    def __str__(self) -> str:
        return self.name


class ScheduleQuerySet(models.QuerySet):
    """Schedules as the public and staff may see them."""

    def published(self) -> "ScheduleQuerySet":
        """Schedules the public may see: open, closed with a reason, or not yet released."""
        return self.exclude(state=Schedule.State.DRAFT)

    def visible_to(self, user: Any) -> "ScheduleQuerySet":
        """Schedules of the facilities in the user's territory."""
        return self.filter(facility__in=Facility.objects.visible_to(user))


class Schedule(models.Model):
    """One day of one vaccine at one facility."""

    class State(models.TextChoices):
        DRAFT = "draft", "Konsep"
        OPEN = "open", "Dibuka"
        CLOSED = "closed", "Ditutup"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="schedules")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="schedules")
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, related_name="schedules")
    dose_codes = ArrayField(models.CharField(max_length=20), default=list, verbose_name="dosis yang dilayani")
    date = models.DateField("tanggal", db_comment="Local date (Asia/Jakarta).")
    open_time = models.TimeField("jam buka")
    close_time = models.TimeField("jam tutup")
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.DRAFT)
    close_reason = models.CharField("alasan ditutup", max_length=200, blank=True)
    closed_at = models.DateTimeField("ditutup pada", null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    close_total = models.PositiveIntegerField(
        "janji saat ditutup",
        default=0,
        db_comment="Appointments booked at the moment of closing; the rest is progress.",
    )
    release_at = models.DateTimeField("pendaftaran dibuka", null=True, blank=True, db_comment="NULL: open at once.")
    draw = models.ForeignKey(
        "scheduling.Draw",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="schedules",
        verbose_name="undian",
        db_comment="Who gives its online places; until then they lie in the pool draw.",
    )
    walk_in_percent = models.PositiveSmallIntegerField("bagian datang langsung (%)", default=20)
    walk_in_at = models.DateTimeField("sisa daring dibuka untuk datang langsung", null=True, blank=True)
    template = models.ForeignKey(
        ScheduleTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="schedules"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = "jadwal"
        verbose_name_plural = "jadwal"
        ordering = ["date", "open_time"]
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "vaccine", "date", "open_time"],
                name="schedule_once",
                violation_error_message="Jadwal yang sama sudah ada.",
            ),
            models.CheckConstraint(condition=Q(walk_in_percent__lte=100), name="schedule_walk_in_share"),
            models.CheckConstraint(
                condition=Q(close_time__gt=models.F("open_time")), name="schedule_closes_after_opening"
            ),
        ]
        indexes = [models.Index(fields=["date", "state"], name="schedule_by_date")]

    def __str__(self) -> str:
        return f"{self.facility} {self.date:%Y-%m-%d} {self.vaccine_id}"

    def is_released(self, now: datetime) -> bool:
        """Whether citizens may book at `now`."""
        return self.release_at is None or self.release_at <= now

    def is_walk_in_only(self, now: datetime) -> bool:
        """Whether the unclaimed online places belong to people at the gate by now."""
        return self.walk_in_at is not None and self.walk_in_at <= now


class Slot(models.Model):
    """A window of a schedule (FHIR Slot) that owns places."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, db_index=False, related_name="slots")
    starts_at = models.DateTimeField("mulai")
    ends_at = models.DateTimeField("selesai")

    class Meta:
        verbose_name = "sesi"
        verbose_name_plural = "sesi"
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "starts_at"], name="slot_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="slot_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.starts_at):%H.%M}"


class Appointment(models.Model):
    """A citizen's booking of one place (FHIR Appointment)."""

    class Status(models.TextChoices):
        BOOKED = "booked", "Terdaftar"
        ARRIVED = "arrived", "Hadir"
        FULFILLED = "fulfilled", "Selesai divaksin"
        CANCELLED = "cancelled", "Dibatalkan"
        NO_SHOW = "noshow", "Tidak hadir"
        DEFERRED = "deferred", "Tidak disuntik hari itu"

    class Because(models.TextChoices):
        CITIZEN = "warga", "Dibatalkan warga"
        STAFF = "petugas", "Dibatalkan petugas"
        CLOSED = "tutup", "Jadwal ditutup"
        SHRUNK = "kurang", "Tempat dikurangi"
        MERGED = "gabung", "Data digabung"
        DOSE = "dosis", "Dosis sudah diberikan di tempat lain"

    ACTIVE = ("booked", "arrived")
    # Statuses that keep their place: a place used today is not free again (invariant I1).
    KEEPS_PLACE = ("booked", "arrived", "fulfilled")
    KINDS = {
        "booked": "info",
        "arrived": "wait",
        "fulfilled": "ok",
        "deferred": "wait",
        "cancelled": "stop",
        "noshow": "stop",
    }

    public_id = models.UUIDField("nomor acak", default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(
        "kode tiket", max_length=8, unique=True, db_comment="Letters and digits that cannot be misread."
    )
    citizen = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="appointments")
    # Each index costs every booking; nobody asks for appointments by these alone, or an index below begins with them.
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, db_index=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, db_index=False, related_name="appointments")
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="appointments")
    dose_code = models.CharField("dosis", max_length=20)
    status = models.CharField("status", max_length=10, choices=Status, default=Status.BOOKED)
    client_uuid = models.UUIDField(
        "kunci permintaan", unique=True, db_comment="Same key again returns the first answer."
    )
    pre_screening = models.JSONField("jawaban dari rumah", null=True, blank=True)
    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.PROTECT, db_index=False, null=True, blank=True)
    booked_at = models.DateTimeField("dipesan", default=timezone.now)
    # Moving keeps the row, its code and its link; `sequence` counts the changes.
    sequence = models.PositiveSmallIntegerField(
        "perubahan ke-", default=0, db_comment="SEQUENCE of the calendar entry."
    )
    changed_at = models.DateTimeField("terakhir berubah", default=timezone.now)
    cancelled_at = models.DateTimeField("dibatalkan", null=True, blank=True)
    cancel_reason = models.CharField("alasan", max_length=200, blank=True)
    cancelled_because = models.CharField("dibatalkan karena", max_length=10, choices=Because, blank=True)
    arrived_at = models.DateTimeField("hadir", null=True, blank=True)
    booked_via = models.CharField("melalui", max_length=10, default="web", db_comment="web, desk, kader, walk_in, api.")

    class Meta:
        verbose_name = "janji vaksinasi"
        verbose_name_plural = "janji vaksinasi"
        constraints = [
            models.UniqueConstraint(
                fields=["citizen", "programme"],
                condition=Q(status__in=["booked", "arrived"]),
                name="appointment_one_active_per_programme",
                violation_error_message="Sudah ada janji aktif untuk program ini.",
            )
        ]
        indexes = [models.Index(fields=["schedule", "status"], name="appointment_by_schedule")]

    def __str__(self) -> str:
        return self.code

    @property
    def is_active(self) -> bool:
        """Whether the person is still expected or being served."""
        return self.status in self.ACTIVE

    @property
    def status_kind(self) -> str:
        """Kind of the status tag."""
        return self.KINDS[self.status]

    @property
    def status_text(self) -> str:
        """Status in the active language."""
        return str(STATUS_TEXT[self.status])


STATUS_TEXT = {
    "booked": _("Terdaftar"),
    "arrived": _("Hadir"),
    "fulfilled": _("Selesai divaksin"),
    "cancelled": _("Dibatalkan"),
    "noshow": _("Tidak hadir"),
    "deferred": _("Tidak disuntik hari itu"),
}


class PlaceQuerySet(models.QuerySet):
    """Places by what may still be done with them."""

    def free(self, now: datetime) -> "PlaceQuerySet":
        """Free, or held by a form that ran out of time: an expired hold needs no worker to end."""
        return self.filter(Q(state=Place.FREE) | Q(state=Place.HELD, held_until__lt=now))

    def bookable(self, now: datetime) -> "PlaceQuerySet":
        """Places a citizen can book online at `now`; a session that is running counts until it ends."""
        return self.free(now).filter(
            Q(slot__schedule__release_at__isnull=True) | Q(slot__schedule__release_at__lte=now),
            Q(slot__schedule__walk_in_at__isnull=True) | Q(slot__schedule__walk_in_at__gt=now),
            pool=Place.Pool.ONLINE,
            slot__schedule__state=Schedule.State.OPEN,
            slot__ends_at__gt=now,
        )


class Place(models.Model):
    """One place of one slot: free, held while a form is filled, or taken by exactly one appointment."""

    class Pool(models.TextChoices):
        ONLINE = "online", "Daring"
        WALK_IN = "walk_in", "Datang langsung"
        NEXT_DOSE = "next_dose", "Dosis berikutnya"
        OFFERED = "offered", "Ditawarkan ke daftar tunggu"
        LEASED = "leased", "Dibawa petugas keliling"
        DRAW = "draw", "Diundi"
        UNSTOCKED = "unstocked", "Menunggu stok"
        CLOSED = "closed", "Ditutup"

    FREE, HELD, TAKEN = "free", "held", "taken"

    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, db_index=False, related_name="places")
    number = models.PositiveSmallIntegerField("nomor")
    pool = models.CharField("jatah", max_length=10, choices=Pool, default=Pool.ONLINE)
    state = models.CharField("keadaan", max_length=5, default=FREE)
    held_until = models.DateTimeField("ditahan sampai", null=True, blank=True)
    held_by = models.UUIDField(null=True, blank=True, db_comment="Client key of the form that holds the place.")
    appointment = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="place"
    )

    objects = PlaceQuerySet.as_manager()

    class Meta:
        verbose_name = "tempat"
        verbose_name_plural = "tempat"
        constraints = [
            models.UniqueConstraint(fields=["slot", "number"], name="place_once"),
            models.CheckConstraint(
                name="place_state_tells_the_truth",
                condition=(
                    Q(state="free", appointment__isnull=True, held_until__isnull=True)
                    | Q(state="held", appointment__isnull=True, held_until__isnull=False)
                    | Q(state="taken", appointment__isnull=False, held_until__isnull=True)
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["slot", "pool", "number"], name="place_free", condition=Q(state="free")),
            models.Index(fields=["slot", "held_until"], name="place_held", condition=Q(state="held")),
            models.Index(fields=["held_by"], name="place_held_by", condition=Q(state="held")),
            models.Index(fields=["slot"], name="place_to_offer", condition=Q(state="free", pool="offered")),
        ]

    def __str__(self) -> str:
        return f"{self.slot_id}/{self.number}"
