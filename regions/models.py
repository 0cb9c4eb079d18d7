"""Where things are: kecamatan, kelurahan, facilities, and how many people each percentage is measured against."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Kecamatan(models.Model):
    """A district, keyed by its Kemendagri code; names of kelurahan repeat, codes do not (RULES W-1)."""

    code = models.CharField("kode", max_length=13, primary_key=True, db_comment="Kemendagri, e.g. 33.74.01.")
    name = models.CharField("nama", max_length=60)
    latitude = models.DecimalField("lintang", max_digits=8, decimal_places=5, null=True)
    longitude = models.DecimalField("bujur", max_digits=8, decimal_places=5, null=True)
    grid_row = models.PositiveSmallIntegerField("baris peta", db_comment="Tile map row, north to south (RULES W-5).")
    grid_col = models.PositiveSmallIntegerField("kolom peta", db_comment="Tile map column, west to east.")
    neighbour_codes = ArrayField(models.CharField(max_length=13), default=list, verbose_name="bertetangga dengan")

    class Meta:
        verbose_name = "kecamatan"
        verbose_name_plural = "kecamatan"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Kelurahan(models.Model):
    """A ward of a kecamatan."""

    code = models.CharField("kode", max_length=13, primary_key=True, db_comment="Kemendagri, e.g. 33.74.01.1001.")
    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, related_name="kelurahan")
    name = models.CharField("nama", max_length=60)
    latitude = models.DecimalField("lintang", max_digits=8, decimal_places=5, null=True)
    longitude = models.DecimalField("bujur", max_digits=8, decimal_places=5, null=True)

    class Meta:
        verbose_name = "kelurahan"
        verbose_name_plural = "kelurahan"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}, {self.kecamatan.name}"


class FacilityQuerySet(models.QuerySet):
    """Facilities by territory."""

    def visible_to(self, user: Any) -> "FacilityQuerySet":
        """Facilities inside the user's valid memberships; a city role sees all."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(user.territory().facility_filter())


class Facility(models.Model):
    """A place that vaccinates: puskesmas, hospital, vaccination centre."""

    class Kind(models.TextChoices):
        PUSKESMAS = "puskesmas", "Puskesmas"
        HOSPITAL = "rumah_sakit", "Rumah sakit"
        CENTRE = "sentra_vaksinasi", "Sentra vaksinasi"
        EMERGENCY = "psc", "PSC 119"

    code = models.SlugField("kode", max_length=60, unique=True)
    name = models.CharField("nama", max_length=120)
    kind = models.CharField("jenis", max_length=20, choices=Kind)
    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, related_name="facilities")
    kelurahan = models.ForeignKey(Kelurahan, on_delete=models.PROTECT, null=True, blank=True, related_name="facilities")
    address = models.CharField("alamat", max_length=200, blank=True)
    phone = models.CharField("telepon", max_length=40, blank=True)
    open_days = models.CharField("hari buka", max_length=40, blank=True)
    open_time = models.TimeField("jam buka", null=True, blank=True)
    close_time = models.TimeField("jam tutup", null=True, blank=True)
    daily_capacity = models.PositiveIntegerField("kapasitas per hari", null=True, blank=True)
    programme_codes = ArrayField(models.CharField(max_length=20), default=list, verbose_name="dipakai untuk")
    unverified_fields = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, verbose_name="perlu verifikasi"
    )
    source = models.TextField("sumber", blank=True)
    is_active = models.BooleanField("aktif", default=True)

    objects = FacilityQuerySet.as_manager()

    class Meta:
        verbose_name = "fasilitas"
        verbose_name_plural = "fasilitas"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TargetPopulation(models.Model):
    """A denominator (sasaran): people of a group in a kecamatan, said by whom, as of when (RULES RP-2)."""

    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, related_name="targets")
    programme_code = models.CharField("program", max_length=20)
    group = models.CharField(
        "kelompok", max_length=40, db_comment="Dose or target group the count is for, e.g. booster1."
    )
    count = models.PositiveIntegerField("jumlah", db_comment="Persons.")
    source = models.CharField("sumber", max_length=200)
    as_of = models.DateField("per tanggal")

    class Meta:
        verbose_name = "sasaran"
        verbose_name_plural = "sasaran"
        constraints = [
            models.UniqueConstraint(
                fields=["kecamatan", "programme_code", "group", "source", "as_of"], name="target_population_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kecamatan_id} {self.group} {self.count}"
