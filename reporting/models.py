"""Coverage: figures taken over, doses added, folded into a roll-up that pages can read at once."""

from django.db import models
from django.utils import timezone

from programmes.models import Programme
from regions.models import Kecamatan, Kelurahan


class CoverageBaseline(models.Model):
    """A figure of an earlier system, with source and date; doses up to that date never count twice."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT)
    dose_code = models.CharField("dosis", max_length=20)
    kecamatan = models.ForeignKey(Kecamatan, on_delete=models.PROTECT, related_name="baselines")
    count = models.PositiveIntegerField("capaian", db_comment="Persons by identity-card address.")
    source = models.CharField("sumber", max_length=200)
    as_of = models.DateField("per tanggal")
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "capaian awal"
        verbose_name_plural = "capaian awal"
        constraints = [
            models.UniqueConstraint(fields=["programme", "dose_code", "kecamatan"], name="coverage_baseline_once")
        ]

    def __str__(self) -> str:
        return f"{self.kecamatan_id} {self.dose_code} {self.count}"


class CoverageDelta(models.Model):
    """One step up or down, appended with the outbox message that told it; folded every few seconds."""

    programme_code = models.CharField(max_length=20)
    dose_code = models.CharField(max_length=20)
    residence = models.ForeignKey(Kelurahan, on_delete=models.PROTECT, null=True, related_name="+")
    date = models.DateField()
    amount = models.SmallIntegerField()
    immunization_id = models.BigIntegerField()

    class Meta:
        verbose_name = "perubahan capaian"
        verbose_name_plural = "perubahan capaian"

    def __str__(self) -> str:
        return f"{self.dose_code} {self.amount:+}"


class CoverageRollup(models.Model):
    """Doses per programme, dose, kelurahan of residence and day."""

    programme_code = models.CharField(max_length=20)
    dose_code = models.CharField(max_length=20)
    residence = models.ForeignKey(Kelurahan, on_delete=models.PROTECT, null=True, related_name="+")
    date = models.DateField()
    count = models.IntegerField()

    class Meta:
        verbose_name = "rekap capaian"
        verbose_name_plural = "rekap capaian"
        constraints = [
            models.UniqueConstraint(
                fields=["programme_code", "dose_code", "residence", "date"],
                name="coverage_rollup_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.dose_code} {self.date} {self.count}"
