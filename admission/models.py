"""The waiting room: a room for one rush, and the turn of each person in it.

Postgres holds every turn; Redis holds a copy that answers the polls (admission/board.py) and may vanish at any time.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.fields import BlindIndexField, EncryptedTextField


class Room(models.Model):
    """One rush: people gather, are put in an order that anybody can check, and go in as fast as the portal can bear."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Menunggu pembukaan")
        ADMITTING = "admitting", _("Melayani")
        CLOSED = "closed", _("Selesai")

    class Reason(models.TextChoices):
        SCHEDULE = "schedule", _("Pembukaan jadwal")
        LOAD = "load", _("Pengunjung sangat ramai")
        ADMIN = "admin", _("Dinyalakan petugas")

    name = models.CharField("nama", max_length=120)
    reason = models.CharField("dinyalakan oleh", max_length=10, choices=Reason)
    opens_at = models.DateTimeField("ruang dibuka", default=timezone.now)
    release_at = models.DateTimeField(
        "pembukaan", null=True, blank=True,
        db_comment="Moment of the shuffle; NULL: opened by load or by hand, turns in order of arrival.",
    )  # fmt: skip
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.WAITING)
    seed = EncryptedTextField("benih undian", db_comment="64 hexadecimal digits; shown to all after the shuffle.")
    seed_hash = models.CharField("sidik benih", max_length=64, db_comment="SHA-256 of the seed, published before.")
    seed_revealed_at = models.DateTimeField("benih dibuka", null=True, blank=True)
    shuffled_count = models.PositiveIntegerField("diundi", default=0, db_comment="People in the shuffle.")
    last_number = models.PositiveIntegerField("nomor terakhir", default=0)
    served_number = models.PositiveIntegerField("nomor dilayani", default=0, db_comment="Numbers up to this may enter.")
    rate = models.PositiveIntegerField("laju per menit", db_comment="People let in per minute, as measured capacity.")
    credit = models.FloatField(default=0, db_comment="Part of a person not yet let in.")
    ticked_at = models.DateTimeField(null=True, blank=True, db_comment="Last step of the controller.")
    adjusted_at = models.DateTimeField(null=True, blank=True, db_comment="Last decision about the rate.")
    paused = models.BooleanField("dijeda", default=False)
    message = models.CharField("pesan untuk yang menunggu", max_length=200, blank=True)
    places_left = models.PositiveIntegerField("sisa tempat", default=0, db_comment="Free online places of this rush.")
    places_held = models.PositiveIntegerField("sedang diisi", default=0, db_comment="Held while a form is filled.")
    places_elsewhere = models.PositiveIntegerField("tempat di hari lain", default=0)
    gone_at = models.DateTimeField("tempat habis", null=True, blank=True)
    calm_since = models.DateTimeField(null=True, blank=True, db_comment="Nobody waits and pages are fast since then.")
    closed_at = models.DateTimeField("selesai", null=True, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    class Meta:
        verbose_name = "ruang tunggu"
        verbose_name_plural = "ruang tunggu"
        constraints = [
            models.UniqueConstraint(
                fields=["release_at"], condition=Q(reason="schedule"), name="room_once_per_release"
            ),
            # Two processes that measure the same rush open one room.
            models.UniqueConstraint(
                fields=["reason"], condition=Q(reason="load") & ~Q(state="closed"), name="room_one_by_load"
            ),
            models.CheckConstraint(condition=Q(served_number__lte=F("last_number")), name="room_serves_known_numbers"),
            models.CheckConstraint(condition=Q(rate__gte=1), name="room_rate_positive"),
        ]
        indexes = [models.Index(fields=["opens_at"], name="room_not_closed", condition=~Q(state="closed"))]

    def __str__(self) -> str:
        return self.name

    @property
    def is_gone(self) -> bool:
        """Whether no place of this rush is left and none can come back from an open form."""
        return self.gone_at is not None

    @property
    def waiting(self) -> int:
        """How many numbers are not yet let in."""
        return self.last_number - self.served_number


class Turn(models.Model):
    """One person's turn; a family waits with its account. A second phone or tab finds the same row."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_index=False, related_name="turns")
    person = BlindIndexField(db_comment="Keyed index of room and NIK (else phone): one NIK, one turn.")
    public_id = models.UUIDField("nomor acak", default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField("nomor", null=True, blank=True, db_comment="NULL until the shuffle.")
    drawn_number = models.PositiveIntegerField(
        "nomor undian", null=True, blank=True, db_comment="From the shuffle, never changed: what a replay must give."
    )
    joined_at = models.DateTimeField("masuk", default=timezone.now)
    admitted_at = models.DateTimeField("dipanggil", null=True, blank=True)
    pass_until = models.DateTimeField("boleh masuk sampai", null=True, blank=True)
    claimed_at = models.DateTimeField("melewati pintu", null=True, blank=True)
    used_at = models.DateTimeField("selesai memesan", null=True, blank=True)
    last_seen = models.DateTimeField("terakhir terlihat", default=timezone.now, db_comment="Joined or at the door.")
    passes = models.PositiveSmallIntegerField("kali dipanggil", default=0)

    class Meta:
        verbose_name = "giliran"
        verbose_name_plural = "giliran"
        constraints = [
            models.UniqueConstraint(fields=["room", "person"], name="turn_one_per_person"),
            models.UniqueConstraint(fields=["room", "number"], name="turn_number_once"),
        ]
        indexes = [
            models.Index(
                fields=["room", "pass_until"], name="turn_inside",
                condition=Q(pass_until__isnull=False, used_at__isnull=True),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.room_id}/{self.number or '-'}"


class RoomEvent(models.Model):
    """What was done to a room, by whom: shown on its page, never deleted."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField("waktu", default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField("kejadian", max_length=240)

    class Meta:
        verbose_name = "kejadian ruang tunggu"
        verbose_name_plural = "kejadian ruang tunggu"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.text
