"""How many places the stock bears, and whose place went when a day was closed or made smaller."""

from django.db import models
from django.utils import timezone

from programmes.models import Vaccine
from regions.models import Facility
from scheduling.models.schedule import Appointment, Schedule
from scheduling.models.waiting import WaitlistEntry


class StockFit(models.Model):
    """The last reckoning of one vaccine at one facility; its row is the lock under which places open and close."""

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="+")
    vaccine = models.ForeignKey(Vaccine, on_delete=models.CASCADE, related_name="+")
    short = models.PositiveIntegerField(
        "kekurangan", default=0, db_comment="People with a place beyond what the stock bears."
    )
    unstocked = models.PositiveIntegerField("menunggu stok", default=0, db_comment="Places closed for want of stock.")
    slack = models.PositiveIntegerField(
        "kelonggaran", default=0, db_comment="Doses that may go before a place has to close; counted down by doses."
    )
    fitted_at = models.DateTimeField("dihitung", null=True, blank=True)
    fitted_on = models.DateField(null=True, blank=True, db_comment="Local date of the reckoning; NULL: due at once.")

    class Meta:
        verbose_name = "tempat menurut stok"
        verbose_name_plural = "tempat menurut stok"
        constraints = [models.UniqueConstraint(fields=["facility", "vaccine"], name="stock_fit_once")]

    def __str__(self) -> str:
        return f"{self.facility_id} {self.vaccine_id}"


class Displaced(models.Model):
    """Somebody whose appointment ends because the office closed or shrank a schedule, and the search for another."""

    class Kind(models.TextChoices):
        CLOSED = "closed", "Jadwal ditutup"
        SHRUNK = "shrunk", "Tempat dikurangi"

    appointment = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="displaced")
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="displaced")
    kind = models.CharField("sebab", max_length=10, choices=Kind)
    reason = models.CharField("alasan", max_length=200, blank=True)
    entry = models.ForeignKey(
        WaitlistEntry, on_delete=models.SET_NULL, null=True, blank=True, related_name="displaced",
        db_comment="Where another place is sought; NULL until done, or when none could be sought.",
    )  # fmt: skip
    created_at = models.DateTimeField("ditetapkan", default=timezone.now)
    done_at = models.DateTimeField("dibatalkan", null=True, blank=True, db_comment="NULL: still to be cancelled.")

    class Meta:
        verbose_name = "janji terdampak"
        verbose_name_plural = "janji terdampak"
        indexes = [models.Index(fields=["schedule"], name="displaced_due", condition=models.Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.schedule_id}/{self.appointment_id}"
