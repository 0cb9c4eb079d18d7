"""People for whom a place is sought, and the places offered to them for a limited time.

Everything that looks for a place for somebody is one queue: a citizen who waits, a next dose that falls due, a person
whose day was closed or made smaller, the rest of a draw. Where it came from decides the order, never the way through.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from programmes.models import Programme, Vaccine
from regions.models import Facility, Kecamatan
from registration.models import Citizen
from scheduling.models.schedule import Appointment, Schedule, Slot


class WaitlistEntry(models.Model):
    """One person or one family that waits for places: served together or not at all."""

    class Source(models.TextChoices):
        CLOSED = "closed", _("Jadwal ditutup atau dikurangi")
        NEXT_DOSE = "next_dose", _("Dosis berikutnya")
        DRAW = "draw", _("Undian")
        CITIZEN = "citizen", _("Mendaftar sendiri")

    class State(models.TextChoices):
        WAITING = "waiting", _("Menunggu")
        OFFERED = "offered", _("Ditawari tempat")
        SERVED = "served", _("Sudah dapat tempat")
        LEFT = "left", _("Keluar dari daftar")
        ENDED = "ended", _("Berakhir")

    class Because(models.TextChoices):
        LEFT = "left", _("Keluar sendiri")
        BOOKED = "booked", _("Sudah punya janji")
        MISSED = "missed", _("Beberapa tawaran tidak dijawab")
        OVER = "over", _("Tanggal pencarian sudah lewat")
        DOSE = "dose", _("Dosisnya sudah diberikan atau berubah")
        MERGED = "merged", _("Data digabung")

    ACTIVE = ("waiting", "offered")
    # Whose appointment we took away comes first, then who must come within an interval, then the others in order.
    PRIORITY = {"closed": 0, "next_dose": 1, "draw": 2, "citizen": 3}

    public_id = models.UUIDField("nomor acak", default=uuid.uuid4, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_comment="NULL: any that fits."
    )
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="fasilitas",
        db_comment="NULL: any facility of the kecamatan, or of the city.",
    )  # fmt: skip
    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    first_date = models.DateField("dari tanggal")
    last_date = models.DateField("sampai tanggal")
    source = models.CharField("asal", max_length=10, choices=Source, default=Source.CITIZEN)
    priority = models.PositiveSmallIntegerField("urutan asal", default=3, db_comment="From PRIORITY; lower is first.")
    rank = models.BigIntegerField(
        "urutan", default=0, db_comment="Within one priority; 0 for order of joining, the drawn rank for a draw."
    )
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.WAITING)
    joined_at = models.DateTimeField("masuk daftar", default=timezone.now)
    joined_via = models.CharField("melalui", max_length=10, default="web", db_comment="web, desk, kader, system.")
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        db_index=False, verbose_name="dimasukkan oleh",
        db_comment="Desk or kader who answers for people without a phone.",
    )  # fmt: skip
    desk_facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name="dimasukkan di meja",
        db_comment="Whose desk put it there: all who work there answer. NULL for a kader and for who joined alone.",
    )  # fmt: skip
    ended_at = models.DateTimeField("selesai", null=True, blank=True)
    ended_because = models.CharField("selesai karena", max_length=10, choices=Because, blank=True, default="")
    missed_offers = models.PositiveSmallIntegerField("tawaran tidak dijawab", default=0)
    gather_schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name="tempat dikumpulkan di", db_comment="Where places are or were last gathered for this family.",
    )  # fmt: skip
    gather_until = models.DateTimeField("dikumpulkan sampai", null=True, blank=True)
    client_uuid = models.UUIDField("kunci permintaan", unique=True, default=uuid.uuid4)

    class Meta:
        verbose_name = "daftar tunggu"
        verbose_name_plural = "daftar tunggu"
        constraints = [
            models.CheckConstraint(condition=Q(last_date__gte=F("first_date")), name="waitlist_dates_in_order"),
        ]
        indexes = [
            models.Index(
                fields=["programme", "priority", "rank", "id"], name="waitlist_order", condition=Q(state="waiting")
            ),
            # Who fits one schedule: a facility, else a kecamatan, else the city (both NULL).
            models.Index(
                fields=["programme", "facility", "kecamatan", "last_date"],
                name="waitlist_by_place",
                condition=Q(state="waiting"),
            ),
            # Few rows each: families places are gathered for, and people whom staff put there.
            models.Index(
                fields=["gather_schedule"],
                name="waitlist_gathers",
                condition=Q(state="waiting", gather_until__isnull=False),
            ),
            models.Index(fields=["entered_by"], name="waitlist_by_hand", condition=Q(entered_by__isnull=False)),
            models.Index(fields=["desk_facility"], name="waitlist_by_desk", condition=Q(desk_facility__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.first_date:%Y-%m-%d}"

    @property
    def is_active(self) -> bool:
        """Whether a place is still sought for these people."""
        return self.state in self.ACTIVE


class WaitlistMember(models.Model):
    """A person of an entry; in one programme a person waits once."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, db_index=False, related_name="members")
    citizen = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="waitlist")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, db_index=False, related_name="+")
    is_active = models.BooleanField("masih menunggu", default=True, db_comment="As the entry; kept for the index.")

    class Meta:
        verbose_name = "anggota daftar tunggu"
        verbose_name_plural = "anggota daftar tunggu"
        constraints = [
            models.UniqueConstraint(fields=["entry", "citizen"], name="waitlist_member_once"),
            models.UniqueConstraint(
                fields=["citizen", "programme"],
                condition=Q(is_active=True),
                name="waitlist_one_active_per_programme",
                violation_error_message="Orang ini sudah ada di daftar tunggu program ini.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}/{self.citizen_id}"


class Offer(models.Model):
    """Places kept for one entry until a deadline; the rows of `Place` with `held_by = public_id` are these places."""

    class State(models.TextChoices):
        OPEN = "open", _("Menunggu jawaban")
        ACCEPTED = "accepted", _("Diterima")
        DECLINED = "declined", _("Ditolak")
        EXPIRED = "expired", _("Tidak dijawab")
        WITHDRAWN = "withdrawn", _("Ditarik")

    public_id = models.UUIDField("nomor acak", default=uuid.uuid4, unique=True, editable=False)
    entry = models.ForeignKey(WaitlistEntry, on_delete=models.PROTECT, related_name="offers")
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="offers")
    slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, related_name="+", db_comment="The first, when a family has neighbouring ones."
    )
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.OPEN)
    offered_at = models.DateTimeField("ditawarkan", default=timezone.now)
    expires_at = models.DateTimeField("berlaku sampai")
    answered_at = models.DateTimeField("dijawab", null=True, blank=True)
    appointments = models.ManyToManyField(Appointment, blank=True, related_name="+")

    class Meta:
        verbose_name = "tawaran tempat"
        verbose_name_plural = "tawaran tempat"
        constraints = [
            models.UniqueConstraint(fields=["entry"], condition=Q(state="open"), name="offer_one_open_per_entry"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="offer_due", condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.state}"
