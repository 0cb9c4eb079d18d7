"""Messages to citizens: rows written with the fact they tell, sent after commit, retried, visible to admins."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.fields import BlindIndexField, EncryptedTextField
from core.leases import LeasedRow


class Message(LeasedRow):
    """One message to one phone or mailbox."""

    class Channel(models.TextChoices):
        WHATSAPP = "whatsapp", "WhatsApp"
        SMS = "sms", "SMS"
        EMAIL = "email", "Surel"
        CONSOLE = "console", "Layar demo"

    SENT, FAILED, EXPIRED = "sent", "failed", "expired"
    STATES = [
        (LeasedRow.WAITING, "menunggu"),
        (LeasedRow.IN_FLIGHT, "dikirim"),
        (SENT, "terkirim"),
        (FAILED, "gagal"),
        (EXPIRED, "kedaluwarsa"),
    ]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("jenis", max_length=40, db_comment="Template name, e.g. sign_in_code, appointment_booked.")
    channel = models.CharField("saluran", max_length=10, choices=Channel)
    recipient = EncryptedTextField("tujuan", db_comment="E.164 phone or e-mail address.")
    recipient_index = BlindIndexField()
    language = models.CharField("bahasa", max_length=2, default="id")
    subject = models.CharField("judul", max_length=120, blank=True)
    body = EncryptedTextField("isi", db_comment="May carry a one-time code; emptied when the message is expired.")
    dedupe_key = models.CharField("kunci", max_length=120, unique=True, null=True, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    expires_at = models.DateTimeField("tak berguna setelah", null=True, blank=True)
    provider_reference = models.CharField("nomor penyedia", max_length=120, blank=True)

    class Meta:
        verbose_name = "pesan"
        verbose_name_plural = "pesan"
        indexes = [
            models.Index(fields=["available_at"], name="message_open", condition=Q(state__in=["waiting", "in_flight"])),
            models.Index(fields=["recipient_index", "-created_at"], name="message_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}"
