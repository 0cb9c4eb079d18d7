"""What was done: the visit, its screening, the dose, and what happened afterwards."""

import uuid

import pghistory
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from programmes.models import Programme, Questionnaire, Vaccine
from regions.models import Facility, Kelurahan
from registration.models import Citizen
from scheduling.models import Appointment


class VisitQuerySet(models.QuerySet):
    """Visits by territory."""

    def visible_to(self, user: User | AnonymousUser) -> "VisitQuerySet":
        """Visits at the facilities in the user's territory."""
        return self.filter(facility__in=Facility.objects.visible_to(user))


class Visit(models.Model):
    """One person's way through the desks on one day (RULES M-4); each step keeps its own time."""

    class Step(models.TextChoices):
        ARRIVED = "arrived", "Hadir"
        SCREENED = "screened", "Sudah diskrining"
        VACCINATED = "vaccinated", "Sudah disuntik"
        OBSERVED = "observed", "Selesai"
        ENDED = "ended", "Selesai tanpa suntik"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    citizen = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="visits")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, db_index=False, related_name="visits")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, db_index=False)
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, db_index=False, null=True, blank=True, related_name="+"
    )
    dose_code = models.CharField("dosis", max_length=20, blank=True, db_comment="What the person came for.")
    appointment = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="visit"
    )
    date = models.DateField("tanggal", default=timezone.localdate)
    queue_number = models.PositiveSmallIntegerField("nomor antrean", null=True, blank=True)
    step = models.CharField("tahap", max_length=12, choices=Step, default=Step.ARRIVED)
    arrived_at = models.DateTimeField("hadir", default=timezone.now)
    screened_at = models.DateTimeField("diskrining", null=True, blank=True)
    vaccinated_at = models.DateTimeField("disuntik", null=True, blank=True)
    observe_until = models.DateTimeField("dipantau sampai", null=True, blank=True)
    ended_at = models.DateTimeField("selesai", null=True, blank=True)
    left_early = models.BooleanField("pulang sebelum waktunya", default=False)
    end_note = models.CharField("catatan akhir", max_length=200, blank=True)
    # Answers and readings of a screening that is not decided yet, so that ten minutes of waiting lose nothing.
    draft = models.JSONField("skrining berjalan", default=dict, blank=True)
    checked_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+"
    )

    objects = VisitQuerySet.as_manager()

    class Meta:
        verbose_name = "kunjungan"
        verbose_name_plural = "kunjungan"
        indexes = [models.Index(fields=["facility", "date", "step"], name="visit_of_the_day")]
        constraints = [
            models.UniqueConstraint(fields=["facility", "date", "queue_number"], name="visit_queue_number_once"),
            models.UniqueConstraint(
                fields=["citizen", "programme", "date"],
                condition=Q(step__in=["arrived", "screened", "vaccinated"]),
                name="visit_one_open_per_day",
                violation_error_message="Warga ini sedang dilayani hari ini.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.queue_number}"


class Screening(models.Model):
    """Answers and measurements of one visit; the form proposes, a named vaccinator decides (RULES SC-5)."""

    class Outcome(models.TextChoices):
        PROCEED = "lanjut", "Lanjut"
        POSTPONE = "tunda", "Tunda"
        REFER = "rujuk_rs", "Diberikan di rumah sakit"
        REFUSE = "tidak_diberikan", "Tidak diberikan"

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="screenings")
    client_uuid = models.UUIDField("kunci permintaan", default=uuid.uuid4, unique=True)
    questionnaire = models.ForeignKey(Questionnaire, on_delete=models.PROTECT)
    answers = models.JSONField("jawaban", default=dict)
    measurements = models.JSONField("pengukuran", default=list, db_comment="[{at, temperature_c, systolic, diastolic}]")
    proposed_outcome = models.CharField("usulan", max_length=20, choices=Outcome)
    outcome = models.CharField("keputusan", max_length=20, choices=Outcome)
    reasons = models.JSONField("alasan", default=list)
    override_reason = models.CharField("alasan berbeda dari usulan", max_length=200, blank=True)
    postponed_until = models.DateField("ditunda sampai", null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField("diputuskan", default=timezone.now)

    class Meta:
        verbose_name = "skrining"
        verbose_name_plural = "skrining"

    def __str__(self) -> str:
        return f"{self.visit_id} {self.outcome}"


class ImmunizationQuerySet(models.QuerySet):
    """Doses by territory and standing."""

    def completed(self) -> "ImmunizationQuerySet":
        """Doses given and not withdrawn."""
        return self.filter(status="completed")

    def visible_to(self, user: User | AnonymousUser) -> "ImmunizationQuerySet":
        """Doses given at the facilities in the user's territory."""
        return self.filter(facility__in=Facility.objects.visible_to(user))


@pghistory.track(pghistory.UpdateEvent(row=pghistory.Old), pghistory.DeleteEvent(row=pghistory.Old))
class Immunization(models.Model):
    """One dose given (FHIR Immunization); a wrong row is marked and written anew, never overwritten."""

    class Status(models.TextChoices):
        COMPLETED = "completed", "Diberikan"
        NOT_DONE = "not-done", "Tidak diberikan"
        ENTERED_IN_ERROR = "entered-in-error", "Salah catat"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client_uuid = models.UUIDField(
        "kunci permintaan", unique=True, db_comment="The same form sent twice makes one dose."
    )
    citizen = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="immunizations")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, blank=True, related_name="immunizations")
    # Each index costs every dose; nobody asks for doses by these alone, or an index below begins with them.
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, db_index=False)
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, db_index=False)
    dose_code = models.CharField(
        "dosis", max_length=20, db_comment="Within the programme: primary1, booster1, penta2 ..."
    )
    dose_number = models.PositiveSmallIntegerField("dosis ke-", db_comment="From 1, counted over the whole series.")
    dose_quantity_ml = models.DecimalField("volume (mL)", max_digits=5, decimal_places=2, null=True, blank=True)
    status = models.CharField("status", max_length=20, choices=Status, default=Status.COMPLETED)
    status_reason = models.CharField("alasan", max_length=200, blank=True)
    occurred_at = models.DateTimeField("waktu penyuntikan")
    recorded_at = models.DateTimeField("waktu dicatat", default=timezone.now)
    # Copied, not joined: a later stock correction must not rewrite a certificate.
    lot_number = models.CharField("nomor batch", max_length=20, blank=True)
    expiration_date = models.DateField("kedaluwarsa", null=True, blank=True)
    lot_id_used = models.BigIntegerField(null=True, blank=True, db_comment="stock.Lot the dose was taken from.")
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, db_index=False, null=True, blank=True, related_name="immunizations"
    )
    outside_facility = models.CharField("tempat di luar", max_length=120, blank=True)
    performer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="vaksinator",
    )
    recorder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="pencatat",
    )
    # FHIR primarySource: false for a dose told or shown on paper, given before or elsewhere.
    is_primary_source = models.BooleanField("dicatat saat diberikan", default=True)
    report_origin = models.CharField("asal keterangan", max_length=40, blank=True)
    body_site = models.CharField(
        "lokasi suntik",
        max_length=2,
        blank=True,
        choices=[("LA", "Lengan kiri"), ("RA", "Lengan kanan"), ("LT", "Paha kiri"), ("RT", "Paha kanan")],
    )
    route = models.CharField("cara pemberian", max_length=10, blank=True)
    # Where the person lived by identity card on that day: coverage must not move with a later change of address.
    residence = models.ForeignKey(
        Kelurahan, on_delete=models.PROTECT, db_index=False, null=True, blank=True, related_name="+"
    )
    invalid_reasons = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        verbose_name="tidak dihitung karena",
        db_comment="Codes; an early dose stays on record but does not count (RULES E-9).",
    )
    override_reason = models.CharField("alasan menyimpang dari aturan", max_length=200, blank=True)
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="dibetulkan oleh",
    )
    corrected_at = models.DateTimeField("dibetulkan", null=True, blank=True)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")

    objects = ImmunizationQuerySet.as_manager()

    class Meta:
        verbose_name = "vaksinasi"
        verbose_name_plural = "vaksinasi"
        ordering = ["occurred_at"]
        constraints = [
            models.UniqueConstraint(
                # A dose that does not count (too early) stays on record and may be given again (RULES E-9).
                fields=["citizen", "programme", "dose_code"],
                condition=Q(status="completed", invalid_reasons=[]),
                name="immunization_dose_given_once",
                violation_error_message="Dosis ini sudah tercatat.",
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | ~Q(lot_number="") | Q(is_primary_source=False),
                name="immunization_given_dose_has_lot",
            ),
            models.CheckConstraint(
                condition=Q(facility__isnull=False) | Q(is_primary_source=False),
                name="immunization_given_here_has_facility",
            ),
        ]
        indexes = [
            models.Index(fields=["facility", "occurred_at"], name="immunization_facility_day"),
            models.Index(fields=["programme", "dose_code", "residence"], name="immunization_coverage"),
        ]

    def __str__(self) -> str:
        return f"{self.dose_code} {self.occurred_at:%Y-%m-%d}"

    @property
    def is_given(self) -> bool:
        """On record as given and not withdrawn."""
        return self.status == self.Status.COMPLETED

    @property
    def place(self) -> str:
        """Where it was given, as the record shows it."""
        return self.facility.name if self.facility else self.outside_facility


class AdverseEvent(models.Model):
    """KIPI: a medical event after a dose, suspected to be linked (RULES K-1 to K-7)."""

    class Outcome(models.TextChoices):
        RECOVERED = "pulih", "Sembuh"
        RECOVERING = "membaik", "Membaik"
        REFERRED = "dirujuk", "Dirujuk"
        HOSPITALISED = "rawat_inap", "Dirawat inap"
        DISABLED = "cacat", "Cacat menetap"
        DIED = "meninggal", "Meninggal"
        UNKNOWN = "belum_tahu", "Belum diketahui"

    immunization = models.ForeignKey(Immunization, on_delete=models.PROTECT, related_name="adverse_events")
    client_uuid = models.UUIDField("kunci permintaan", default=uuid.uuid4, unique=True)
    onset_at = models.DateTimeField("mulai gejala")
    symptoms = ArrayField(models.CharField(max_length=60), verbose_name="gejala")
    description = models.TextField("uraian", blank=True)
    is_serious = models.BooleanField("serius", default=False)
    treatment = models.CharField("penanganan", max_length=200, blank=True)
    outcome = models.CharField("keadaan akhir", max_length=12, choices=Outcome, default=Outcome.UNKNOWN)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField("dilaporkan", default=timezone.now)

    class Meta:
        verbose_name = "KIPI"
        verbose_name_plural = "KIPI"

    def __str__(self) -> str:
        return f"KIPI {self.immunization_id}"
