"""Places given by lot: a draw, who takes part in it, and what became of them (docs/adr/0006-draw.md)."""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.fields import EncryptedTextField
from programmes.models import Programme
from registration.models import Citizen
from scheduling import fair_order
from scheduling.models.schedule import Appointment, Schedule


class Draw(models.Model):
    """The online places of some schedules, given in drawn order to people who entered during a window.

    Until it is done these places lie in the pool `draw`, where no booking looks.
    """

    class State(models.TextChoices):
        ANNOUNCED = "announced", "Diumumkan"
        FROZEN = "frozen", "Daftar peserta dikunci"
        DRAWING = "drawing", "Sedang diundi"
        DRAWN = "drawn", "Selesai diundi"
        CANCELLED = "cancelled", "Dibatalkan"

    PENDING = ("announced", "frozen", "drawing")

    title = models.CharField("judul", max_length=120)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+", verbose_name="program")
    opens_at = models.DateTimeField("pendaftaran dibuka")
    closes_at = models.DateTimeField("pendaftaran ditutup")
    rest_at = models.DateTimeField("sisa tempat dibuka", db_comment="Also release_at of the schedules drawn for.")
    weights = models.JSONField(
        "tambahan undi", default=list, db_comment="Rules as data, see scheduling/draws/weights.py; shown in public."
    )
    seed = EncryptedTextField("benih", default=fair_order.new_seed, editable=False)
    seed_hash = models.CharField(
        "sidik benih", max_length=64, editable=False, db_comment="SHA-256, public from creation."
    )
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.ANNOUNCED)
    frozen_at = models.DateTimeField("daftar dikunci", null=True, blank=True)
    list_hash = models.CharField(
        "sidik daftar peserta", max_length=64, blank=True, db_comment="SHA-256 of the published file of participants."
    )
    list_count = models.PositiveIntegerField("nomor undian", default=0, db_comment="Lines of that file.")
    drawn_at = models.DateTimeField("diundi", null=True, blank=True)
    cancelled_at = models.DateTimeField("dibatalkan", null=True, blank=True)
    cancel_reason = models.CharField("alasan", max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    class Meta:
        verbose_name = "undian"
        verbose_name_plural = "undian"
        ordering = ["-opens_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(closes_at__gt=F("opens_at")), name="draw_closes_after_opening"),
            models.CheckConstraint(condition=Q(rest_at__gt=F("closes_at")), name="draw_rest_after_closing"),
            models.CheckConstraint(condition=Q(seed_hash__regex=r"^[0-9a-f]{64}$"), name="draw_promises_its_seed"),
            models.CheckConstraint(
                condition=~Q(state__in=["frozen", "drawing", "drawn"]) | ~Q(list_hash=""),
                name="draw_list_before_result",
            ),
        ]
        indexes = [
            models.Index(
                fields=["closes_at"], name="draw_due", condition=Q(state__in=["announced", "frozen", "drawing"])
            )
        ]

    def __str__(self) -> str:
        return self.title

    def phase(self, now: datetime) -> str:
        """Where it stands at `now`: announced, open, closed, frozen, drawn or cancelled. The clock needs no worker."""
        if self.state == self.State.DRAWING:
            return "frozen"  # some seconds, of which nobody needs to be told
        if self.state != self.State.ANNOUNCED:
            return self.state
        if now < self.opens_at:
            return "announced"
        return "open" if now < self.closes_at else "closed"

    @property
    def is_pending(self) -> bool:
        """Whether its places still wait for the draw."""
        return self.state in self.PENDING

    @property
    def revealed_seed(self) -> str:
        """The seed once the result stands, before that nothing."""
        return self.seed if self.state == self.State.DRAWN else ""


class DrawEntry(models.Model):
    """One ticket of a draw: a person, or a family that gets places together or not at all."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("Menunggu undian")
        WON = "won", _("Dapat tempat")
        LOST = "lost", _("Belum dapat tempat")
        INELIGIBLE = "ineligible", _("Tidak dapat ikut")
        WITHDRAWN = "withdrawn", _("Mengundurkan diri")

    KINDS = {"waiting": "wait", "won": "ok", "lost": "stop", "ineligible": "stop", "withdrawn": ""}

    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="entries")
    ticket = models.CharField("nomor undian", max_length=8, unique=True, db_comment="Random; says nothing of anybody.")
    wishes = ArrayField(models.BigIntegerField(), db_comment="Schedules in the order wished.", verbose_name="pilihan")
    channel = models.CharField("melalui", max_length=10, default="web", db_comment="web, desk, kader; has no effect.")
    outcome = models.CharField("hasil", max_length=10, choices=Outcome, default=Outcome.WAITING)
    weight = models.PositiveIntegerField("undi", default=0, db_comment="Set when the list is frozen; 0 before.")
    rank = models.PositiveIntegerField("urutan", null=True, blank=True, db_comment="From 1, as drawn.")
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    dropped = ArrayField(
        models.BigIntegerField(), default=list, db_comment="Wishes the rules no longer allowed at its turn."
    )
    told_at = models.DateTimeField(
        "diberi tahu", null=True, blank=True, db_comment="Outcome told, waiting list joined."
    )
    client_uuid = models.UUIDField("kunci permintaan", unique=True, default=uuid.uuid4)
    entered_at = models.DateTimeField("masuk", default=timezone.now)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "peserta undian"
        verbose_name_plural = "peserta undian"
        constraints = [
            models.UniqueConstraint(fields=["draw", "rank"], name="draw_rank_once"),
            models.CheckConstraint(
                condition=Q(outcome="won", schedule__isnull=False) | (~Q(outcome="won") & Q(schedule__isnull=True)),
                name="draw_winner_has_schedule",
            ),
        ]
        indexes = [
            models.Index(fields=["draw", "outcome"], name="draw_by_outcome"),
            models.Index(fields=["draw", "id"], name="draw_untold", condition=Q(told_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.ticket

    @property
    def kind(self) -> str:
        """Kind of the status tag."""
        return self.KINDS[self.outcome]


class DrawMember(models.Model):
    """A person of a ticket; in one draw a person takes part once, however entered."""

    entry = models.ForeignKey(DrawEntry, on_delete=models.CASCADE, related_name="members")
    draw = models.ForeignKey(Draw, on_delete=models.PROTECT, related_name="+")
    citizen = models.ForeignKey(Citizen, on_delete=models.PROTECT, related_name="draws")
    is_active = models.BooleanField("ikut", default=True, db_comment="False after withdrawing; kept for the index.")
    weight = models.PositiveIntegerField("undi", default=0)
    reasons = models.JSONField(
        "alasan tambahan", default=list, db_comment="Codes of the rules that gave extra tickets."
    )
    appointment = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="draw_member"
    )

    class Meta:
        verbose_name = "orang pada undian"
        verbose_name_plural = "orang pada undian"
        constraints = [
            models.UniqueConstraint(fields=["entry", "citizen"], name="draw_member_once"),
            models.UniqueConstraint(
                fields=["draw", "citizen"],
                condition=Q(is_active=True),
                name="draw_person_once",
                violation_error_message="Orang ini sudah ikut undian ini.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}/{self.citizen_id}"
