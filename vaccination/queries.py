"""Reads over doses and visits."""

from django.utils import timezone

from programmes.history import PastDose
from vaccination.models import Immunization


def read_past_doses(citizen_id: int) -> tuple[PastDose, ...]:
    """Completed doses of one citizen in all programmes, oldest first; the reader behind programmes.history."""
    rows = (
        Immunization.objects.completed()
        .filter(citizen_id=citizen_id)
        .select_related("vaccine")
        .only("programme_id", "vaccine__antigen", "vaccine__is_live", "dose_code", "occurred_at")
        .order_by("occurred_at")
    )
    return tuple(
        PastDose(
            programme=row.programme_id,
            vaccine=row.vaccine_id,
            antigen=row.vaccine.antigen,
            dose_code=row.dose_code,
            given_on=timezone.localdate(row.occurred_at),
            is_live=row.vaccine.is_live,
        )
        for row in rows
    )
