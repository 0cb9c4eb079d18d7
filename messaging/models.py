"""Messages to citizens: rows written with the fact they tell, sent after commit, retried, visible to admins."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.fields import BlindIndexField, EncryptedTextField
from core.formats import mask_phone
from core.leases import LeasedRow

# What each kind is called on /dinkes/pesan/; the keys are also those of WHATSAPP_TEMPLATES.
KINDS = {
    "sign_in_code": "Kode masuk",
    "certificate_code": "Kode sertifikat",
    "identity_decided": "Keputusan identitas",
    "appointment_booked": "Janji dipesan",
    "appointment_moved": "Janji dipindah",
    "appointment_cancelled": "Janji dibatalkan",
    "place_offered": "Tawaran tempat",
    "waitlist_ended": "Daftar tunggu berakhir",
    "draw_entered": "Nomor undian",
    "draw_lost": "Undian: belum dapat tempat",
    "draw_ineligible": "Undian: nomor tidak dapat dipakai",
    "draw_cancelled": "Undian dibatalkan",
    "certificate_ready": "Sertifikat siap",
    "certificate_revoked": "Sertifikat dicabut",
}


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
    parameters = EncryptedTextField(
        "isian templat", blank=True, db_comment="JSON list of the values of a provider's message template."
    )
    priority = models.PositiveSmallIntegerField("urutan", default=5, db_comment="0 = someone is waiting for it now.")
    dedupe_key = models.CharField("kunci", max_length=120, unique=True, null=True, blank=True)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    expires_at = models.DateTimeField("tak berguna setelah")
    emptied_at = models.DateTimeField("isi dihapus", null=True, blank=True)
    provider_reference = models.CharField("nomor penyedia", max_length=120, blank=True)

    class Meta:
        verbose_name = "pesan"
        verbose_name_plural = "pesan"
        indexes = [
            models.Index(fields=["available_at"], name="message_open", condition=Q(state__in=["waiting", "in_flight"])),
            models.Index(fields=["recipient_index", "-created_at"], name="message_recipient"),
            models.Index(fields=["expires_at"], name="message_to_empty", condition=Q(emptied_at__isnull=True)),
            models.Index(fields=["-created_at"], name="message_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}"

    @property
    def kind_text(self) -> str:
        """The kind in words; a kind without words shows its name."""
        return KINDS.get(self.kind, self.kind)

    @property
    def recipient_masked(self) -> str:
        """The destination as staff may see it."""
        if "@" in self.recipient:
            name, _at, host = self.recipient.partition("@")
            return f"{name[:2]}****@{host}"
        return mask_phone(self.recipient)

    @property
    def state_kind(self) -> str:
        """Tag colour of the state."""
        return {self.SENT: "ok", self.FAILED: "stop", self.EXPIRED: "stop"}.get(self.state, "wait")

    @property
    def state_text(self) -> str:
        """The state in words."""
        return dict(self.STATES).get(self.state, self.state)
