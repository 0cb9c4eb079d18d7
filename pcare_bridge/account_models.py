"""By which accounts facilities deliver, and what is switched off. Part of `models`, which imports these."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.fields import EncryptedTextField
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from regions.models import Facility

# PCare passwords are renewed at most every two months (PROTOCOL section 3): warn before.
PASSWORD_DAYS, PASSWORD_WARN_DAYS = 60, 50
# Which service, with its own address, breaker and account, a profile goes to.
SERVICES = {"vaksinasi": "pcare", "kunjungan": "pcare", "satusehat": "satusehat"}
SERVICE_NAMES = {"pcare": "PCare", "satusehat": "SATUSEHAT"}


class Profile(models.TextChoices):
    """The ways in which a dose is told to a service."""

    VAKSINASI = "vaksinasi", "PCare Vaksinasi"
    KUNJUNGAN = "kunjungan", "PCare Kunjungan"
    SATUSEHAT = "satusehat", "SATUSEHAT"


def default_profiles() -> list[str]:
    """What a new account delivers to."""
    return ["vaksinasi"]


class Account(models.Model):
    """Abstract: whether a facility delivers to one service, since when, and why it does not at the moment."""

    is_active = models.BooleanField("aktif", default=True)
    active_since = models.DateTimeField(
        "berlaku sejak", default=timezone.now, db_comment="Doses recorded earlier are history and are not delivered."
    )
    paused_until = models.DateTimeField("dijeda sampai", null=True, blank=True)
    pause_class = models.CharField("dijeda karena", max_length=20, blank=True)
    pause_message = models.CharField("pesan saat dijeda", max_length=300, blank=True)
    decode_failures = models.PositiveSmallIntegerField(default=0, db_comment="Unreadable answers in a row.")

    # Which of SERVICES the account opens, and the column that says how old its password is.
    service: ClassVar[str]
    facility_id: int

    class Meta:
        abstract = True

    @property
    def is_paused(self) -> bool:
        return bool(self.pause_class)

    @property
    def service_name(self) -> str:
        return SERVICE_NAMES[self.service]

    @property
    def pause_error(self) -> ErrorClass | None:
        """Why it is paused, in words about its service."""
        error = ERROR_CLASSES.get(self.pause_class)
        return error.about(self.service_name) if error else None


class FacilityAccount(Account):
    """A facility's PCare code and credentials; encrypted, changeable without a deploy."""

    service = "pcare"
    facility = models.OneToOneField(Facility, on_delete=models.PROTECT, related_name="pcare_account")
    provider_code = models.CharField("kdProvider", max_length=8)
    cons_id = models.CharField("cons-id", max_length=20, db_comment="Text: leading zeros count.")
    secret = EncryptedTextField("kunci rahasia")
    user_key = EncryptedTextField("user key")
    username = models.CharField("nama akun", max_length=60)
    password = EncryptedTextField("kata sandi")
    application_code = models.CharField("kdAplikasi", max_length=5, default="095")
    practitioner_code = models.CharField(
        "kode vaksinator (kdDokter)", max_length=20, blank=True, db_comment="PCare's code of who vaccinates here."
    )
    profiles = ArrayField(models.CharField(max_length=12), default=default_profiles, verbose_name="profil")
    clinic_code = models.CharField(
        "kode poli (kdPoli)", max_length=10, blank=True, db_comment="Of a clinic for healthy visits; profile kunjungan."
    )
    password_changed_at = models.DateTimeField("kata sandi diganti", default=timezone.now)

    class Meta:
        verbose_name = "akun PCare fasilitas"
        verbose_name_plural = "akun PCare fasilitas"

    def __str__(self) -> str:
        return self.provider_code

    @property
    def password_expires_at(self) -> datetime:
        """When PCare wants another password."""
        return self.password_changed_at + timedelta(days=PASSWORD_DAYS)

    @property
    def password_is_old(self) -> bool:
        """Old enough to warn of."""
        return timezone.now() - self.password_changed_at > timedelta(days=PASSWORD_WARN_DAYS)


class SatusehatAccount(Account):
    """A facility's organisation at SATUSEHAT and the client pair it writes with (SATUSEHAT.md sections 1 and 2)."""

    service = "satusehat"
    facility = models.OneToOneField(Facility, on_delete=models.PROTECT, related_name="satusehat_account")
    organization_id = models.CharField("nomor IHS organisasi", max_length=20)
    location_id = models.CharField("nomor IHS lokasi vaksinasi", max_length=64)
    client_id = EncryptedTextField("client id")
    client_secret = EncryptedTextField("client secret")
    practitioner_nik = EncryptedTextField("NIK vaksinator")
    password_changed_at = models.DateTimeField("client secret diganti", default=timezone.now)
    # Shared by all workers; a fresh one is asked for when it runs out or is refused.
    access_token = EncryptedTextField(null=True, editable=False)
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "akun SATUSEHAT fasilitas"
        verbose_name_plural = "akun SATUSEHAT fasilitas"

    def __str__(self) -> str:
        return self.organization_id


class ProfileSwitch(models.Model):
    """Kill switch of one profile, for one facility or for all, and since when a profile added later applies."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    profile = models.CharField("profil", max_length=12)
    active_since = models.DateTimeField("berlaku sejak", null=True, blank=True)
    stopped_reason = models.CharField("dihentikan karena", max_length=200, blank=True)
    stopped_at = models.DateTimeField("dihentikan", null=True, blank=True)

    class Meta:
        verbose_name = "sakelar profil"
        verbose_name_plural = "sakelar profil"
        constraints = [
            models.UniqueConstraint(fields=["facility", "profile"], name="profile_switch_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.profile} {self.facility_id or 'semua'}"

    @property
    def label(self) -> str:
        """What it stops, in words."""
        return f"{Profile(self.profile).label}, {self.facility or 'semua fasilitas'}"
