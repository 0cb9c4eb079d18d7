"""Rows every app leans on: the outbox and the log of who read whose record."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.leases import LeasedRow


class OutboxMessage(LeasedRow):
    """News of one committed fact for one consumer; written in the same transaction as the fact."""

    DONE, FAILED = "done", "failed"
    STATES = [
        (LeasedRow.WAITING, "menunggu"),
        (LeasedRow.IN_FLIGHT, "dikerjakan"),
        (DONE, "selesai"),
        (FAILED, "gagal"),
    ]

    topic = models.CharField("topik", max_length=60)
    consumer = models.CharField("penerima", max_length=60)
    payload = models.JSONField("isi", default=dict, db_comment="Identifiers only, never a name, NIK or phone.")
    created_at = models.DateTimeField("dibuat", default=timezone.now)

    class Meta:
        verbose_name = "pesan antrean"
        verbose_name_plural = "pesan antrean"
        indexes = [
            # Partial: the cost of a claim must not grow with the number of finished rows.
            models.Index(
                fields=["consumer", "available_at"], name="outbox_open", condition=Q(state__in=["waiting", "in_flight"])
            ),
            models.Index(fields=["topic", "state"], name="outbox_failed", condition=Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} → {self.consumer}"


class ReadLog(models.Model):
    """One opening of a person's record by a member of staff (RULES D-9); shown to the person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField("waktu", default=timezone.now)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, verbose_name="petugas", related_name="+"
    )
    # A number, not a foreign key: this app knows no other, and the log outlives a merged record.
    citizen_id = models.BigIntegerField("warga")
    purpose = models.CharField("tujuan", max_length=40)
    note = models.CharField("keterangan", max_length=200, blank=True)

    class Meta:
        verbose_name = "catatan pembacaan"
        verbose_name_plural = "catatan pembacaan"
        indexes = [models.Index(fields=["citizen_id", "-at"], name="readlog_citizen")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.at:%Y-%m-%d %H:%M}"
