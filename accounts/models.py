"""Staff: personal accounts, the role each holds, the territory it reaches, and until when."""

from datetime import date
from typing import TYPE_CHECKING

import pghistory
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.fields import BlindIndexField
from regions.models import Facility, Kecamatan, Kelurahan

if TYPE_CHECKING:
    from accounts.territory import Territory


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(row=pghistory.Old), exclude=["password", "last_login"])
class User(AbstractUser):
    """A member of staff. Citizens have no password and no row here."""

    full_name = models.CharField("nama lengkap", max_length=100, blank=True)
    professional_id = models.CharField("nomor STR/SIP", max_length=40, blank=True)
    must_change_password = models.BooleanField(
        "harus ganti kata sandi",
        default=False,
        db_comment="True until the one-time password of an invitation is replaced.",
    )

    second_factor_reset_at = models.DateTimeField("faktor kedua direset", null=True, blank=True)

    class Meta:
        verbose_name = "petugas"
        verbose_name_plural = "petugas"

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_full_name(self) -> str:
        """The name on the badge; Indonesian names are not split."""
        return self.full_name

    def territory(self) -> "Territory":
        """The user's valid memberships as one object that filters rows; see accounts.territory."""
        from accounts.territory import Territory  # that module needs no model at import, this one would

        if not hasattr(self, "_territory"):
            self._territory = Territory.of(self)
        return self._territory


class MembershipQuerySet(models.QuerySet):
    """Memberships by date."""

    def valid_on(self, day: date) -> "MembershipQuerySet":
        """Memberships not expired on local date `day`."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), valid_from__lte=day)


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(row=pghistory.Old), pghistory.DeleteEvent(row=pghistory.Old)
)
class Membership(models.Model):
    """One role of one person in one territory, with an end date."""

    class Role(models.TextChoices):
        NURSE = "petugas", "Petugas meja"
        VACCINATOR = "vaksinator", "Vaksinator"
        STOCK_KEEPER = "pengelola_stok", "Pengelola stok"
        CADRE = "kader", "Kader kelurahan"
        CITY_ADMIN = "admin_dinkes", "Admin Dinas Kesehatan"
        CITY_VIEWER = "pemantau_dinkes", "Pemantau Dinas Kesehatan"
        PARTNER = "mitra", "Fasilitas mitra"

    class Scope(models.TextChoices):
        FACILITY = "facility", "Fasilitas"
        KELURAHAN = "kelurahan", "Kelurahan"
        KECAMATAN = "kecamatan", "Kecamatan"
        CITY = "city", "Kota"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField("peran", max_length=20, choices=Role)
    scope = models.CharField("lingkup", max_length=10, choices=Scope)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships")
    kelurahan = models.ForeignKey(Kelurahan, on_delete=models.PROTECT, null=True, blank=True)
    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, null=True, blank=True)
    valid_from = models.DateField("berlaku sejak", default=timezone.localdate)
    valid_until = models.DateField("berlaku sampai", null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = "penugasan"
        verbose_name_plural = "penugasan"
        constraints = [
            models.CheckConstraint(
                name="membership_scope_names_its_place",
                condition=(
                    Q(scope="facility", facility__isnull=False, kelurahan__isnull=True, kecamatan__isnull=True)
                    | Q(scope="kelurahan", facility__isnull=True, kelurahan__isnull=False, kecamatan__isnull=True)
                    | Q(scope="kecamatan", facility__isnull=True, kelurahan__isnull=True, kecamatan__isnull=False)
                    | Q(scope="city", facility__isnull=True, kelurahan__isnull=True, kecamatan__isnull=True)
                ),
                violation_error_message="Pilih tempat yang sesuai dengan lingkup penugasan.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} – {self.facility or self.kelurahan or self.kecamatan or 'Kota Semarang'}"


class PartnerToken(models.Model):
    """A credential of a partner facility for /api/v1/; only its keyed index is stored."""

    name = models.CharField("nama", max_length=80)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="partner_tokens")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="partner_tokens")
    token_index = BlindIndexField(unique=True)
    prefix = models.CharField("awalan", max_length=8, db_comment="First characters, to recognise a token in a list.")
    scopes = ArrayField(models.CharField(max_length=40), default=list, verbose_name="hak")
    rate_per_minute = models.PositiveIntegerField("batas per menit", default=60)
    created_at = models.DateTimeField("dibuat", default=timezone.now)
    expires_at = models.DateTimeField("berlaku sampai")
    revoked_at = models.DateTimeField("dicabut", null=True, blank=True)
    last_used_at = models.DateTimeField("terakhir dipakai", null=True, blank=True)

    class Meta:
        verbose_name = "token mitra"
        verbose_name_plural = "token mitra"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
