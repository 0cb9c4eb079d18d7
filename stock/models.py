"""Vaccine stock: an append-only ledger per facility and lot, and the balance it adds up to."""

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from programmes.models import Vaccine
from regions.models import Facility


class Lot(models.Model):
    """One lot of one vaccine as printed on the box."""

    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, related_name="lots")
    lot_number = models.CharField("nomor batch", max_length=20)
    expiration_date = models.DateField("kedaluwarsa", db_comment="Last day of use, local date.")

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batch"
        constraints = [models.UniqueConstraint(fields=["vaccine", "lot_number"], name="lot_once_per_vaccine")]

    def __str__(self) -> str:
        return f"{self.lot_number} (kedaluwarsa {self.expiration_date:%d-%m-%Y})"


class StockQuerySet(models.QuerySet):
    """Rows that belong to a facility, by territory."""

    def visible_to(self, user: User | AnonymousUser) -> "StockQuerySet":
        """Rows of the facilities in the user's territory."""
        return self.filter(facility__in=Facility.objects.visible_to(user))


class TransferQuerySet(models.QuerySet):
    """Transfers by territory."""

    def visible_to(self, user: User | AnonymousUser) -> "TransferQuerySet":
        """Transfers that leave or reach a facility in the user's territory."""
        mine = Facility.objects.visible_to(user)
        return self.filter(Q(from_facility__in=mine) | Q(to_facility__in=mine))


class StockBalance(models.Model):
    """Doses on hand of one lot at one facility; equals the sum of its movements (invariant I4)."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="stock")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="balances")
    doses_on_hand = models.IntegerField("dosis tersedia", default=0)
    vvm_stage = models.CharField("VVM", max_length=1, choices=[(c, c) for c in "ABCD"], default="A")
    counted_at = models.DateTimeField("terakhir dihitung", null=True, blank=True)
    updated_at = models.DateTimeField("terakhir berubah", default=timezone.now)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name = "saldo stok"
        verbose_name_plural = "saldo stok"
        constraints = [
            models.UniqueConstraint(fields=["facility", "lot"], name="stock_balance_once"),
            models.CheckConstraint(
                condition=Q(doses_on_hand__gte=0),
                name="stock_balance_never_negative",
                violation_error_message="Stok tidak cukup.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility_id} {self.lot_id}: {self.doses_on_hand}"


class Transfer(models.Model):
    """Doses on the way from one facility to another: sent by one, received by the other (SBBK)."""

    SENT, RECEIVED, CANCELLED = "sent", "received", "cancelled"

    public_code = models.CharField("nomor SBBK", max_length=20, unique=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="transfers")
    from_facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="transfers_out")
    to_facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="transfers_in")
    quantity_sent = models.PositiveIntegerField("dosis dikirim")
    quantity_received = models.PositiveIntegerField("dosis diterima", null=True, blank=True)
    state = models.CharField("keadaan", max_length=10, default=SENT)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField("dikirim", default=timezone.now)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    received_at = models.DateTimeField("diterima", null=True, blank=True)
    note = models.CharField("catatan", max_length=200, blank=True)
    client_uuid = models.UUIDField("kunci permintaan", null=True, blank=True, unique=True)

    objects = TransferQuerySet.as_manager()

    class Meta:
        verbose_name = "kiriman antarfasilitas"
        verbose_name_plural = "kiriman antarfasilitas"

    def __str__(self) -> str:
        return self.public_code


class AnnouncedDelivery(models.Model):
    """Doses that are to come to a facility: places may be booked against them from the day after the expected one."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", "Diumumkan"
        ARRIVED = "arrived", "Sudah tiba"
        CANCELLED = "cancelled", "Dibatalkan"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="announced")
    vaccine = models.ForeignKey(Vaccine, on_delete=models.PROTECT, related_name="announced")
    doses = models.PositiveIntegerField("jumlah dosis")
    expected_on = models.DateField("diperkirakan tiba", db_comment="Local date.")
    document = models.CharField("dokumen", max_length=60, blank=True, db_comment="Letter or SBBK number.")
    state = models.CharField("keadaan", max_length=10, choices=State, default=State.ANNOUNCED)
    doses_arrived = models.PositiveIntegerField("dosis tiba", null=True, blank=True)
    announced_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    announced_at = models.DateTimeField("diumumkan", default=timezone.now)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField("selesai", null=True, blank=True)
    note = models.CharField("catatan", max_length=200, blank=True)
    client_uuid = models.UUIDField("kunci permintaan", unique=True)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name = "kiriman diumumkan"
        verbose_name_plural = "kiriman diumumkan"
        constraints = [models.CheckConstraint(condition=Q(doses__gt=0), name="announced_delivery_has_doses")]
        indexes = [
            models.Index(
                fields=["facility", "vaccine", "expected_on"], name="announced_delivery_open",
                condition=Q(state="announced"),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.facility_id} {self.vaccine_id} {self.expected_on:%Y-%m-%d}: {self.doses}"


class StockMovement(models.Model):
    """One line of the ledger; never changed or deleted, corrected by a counter-entry (RULES ST-1).

    The number rises with the order of writing: the balance row is locked while a line is added.
    """

    class Kind(models.TextChoices):
        RECEIVED = "received", "Diterima"
        GIVEN = "given", "Diberikan"
        GIVEN_REVERSED = "given_reversed", "Pemberian dibatalkan"
        WASTED = "wasted", "Terbuang"
        SENT = "sent", "Dikirim ke fasilitas lain"
        TRANSFER_IN = "transfer_in", "Diterima dari fasilitas lain"
        TRANSFER_BACK = "transfer_back", "Kiriman dibatalkan"
        COUNTED = "counted", "Penyesuaian hitung fisik"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, db_index=False, related_name="movements")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField("jenis", max_length=16, choices=Kind)
    quantity = models.IntegerField("dosis", db_comment="Doses; negative leaves the facility.")
    balance_after = models.IntegerField("saldo")
    reason = models.CharField("alasan", max_length=200, blank=True)
    document = models.CharField("dokumen", max_length=60, blank=True, db_comment="SBBK or BAST number.")
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, null=True, blank=True, related_name="movements")
    vial = models.ForeignKey("VialOpening", on_delete=models.PROTECT, null=True, blank=True, related_name="movements")
    client_uuid = models.UUIDField(
        "kunci permintaan", null=True, blank=True, unique=True, db_comment="The same form sent twice makes one line."
    )
    # The dose this line belongs to; a UUID, because doses live in an app above this one.
    immunization_uuid = models.UUIDField(null=True, blank=True, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name="petugas"
    )
    at = models.DateTimeField("waktu", default=timezone.now)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name = "mutasi stok"
        verbose_name_plural = "mutasi stok"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["facility", "lot", "at"], name="stock_movement_ledger"),
            models.Index(fields=["facility", "-id"], name="stock_movement_latest"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(quantity=0), name="stock_movement_moves_something"),
            models.CheckConstraint(condition=Q(balance_after__gte=0), name="stock_movement_leaves_no_debt"),
            # A counter-entry exists once: a dose given back twice would conjure stock out of nothing.
            models.UniqueConstraint(
                fields=["immunization_uuid", "kind"],
                condition=Q(kind__in=["given", "given_reversed"]),
                name="stock_movement_once_per_dose",
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity}"


class VialOpening(models.Model):
    """A vial opened at a time; its doses must be used within the vaccine's open-vial hours (RULES M-6)."""

    client_uuid = models.UUIDField(
        "kunci permintaan", null=True, blank=True, unique=True, db_comment="The same form sent twice opens one vial."
    )
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="vials")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="vials")
    doses = models.PositiveSmallIntegerField("isi (dosis)")
    doses_used = models.PositiveSmallIntegerField("terpakai", default=0)
    doses_wasted = models.PositiveSmallIntegerField("terbuang", default=0)
    opened_at = models.DateTimeField("dibuka", default=timezone.now)
    discard_at = models.DateTimeField("dibuang setelah", null=True, blank=True)
    closed_at = models.DateTimeField("selesai", null=True, blank=True)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name = "vial terbuka"
        verbose_name_plural = "vial terbuka"
        constraints = [
            models.CheckConstraint(
                condition=Q(doses__gte=models.F("doses_used") + models.F("doses_wasted")), name="vial_not_overdrawn"
            )
        ]

    def __str__(self) -> str:
        return f"{self.lot_id} {self.opened_at:%H:%M}"

    @property
    def doses_left(self) -> int:
        """Doses still in the vial."""
        return self.doses - self.doses_used - self.doses_wasted
