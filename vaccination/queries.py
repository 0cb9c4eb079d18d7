"""Reads over doses and visits."""

from collections.abc import Iterator

from django.utils import timezone

from programmes.history import PastDose
from vaccination.models import Immunization


def read_past_doses(citizen_id: int) -> Iterator[PastDose]:
    """Completed doses of one citizen in all programmes, oldest first; the reader behind programmes.history."""
    rows = (
        Immunization.objects.completed()
        .filter(citizen_id=citizen_id)
        .only("programme_id", "vaccine_id", "dose_code", "occurred_at", "invalid_reasons", "is_primary_source")
        .order_by("occurred_at")
    )
    for row in rows:
        yield PastDose(
            programme=row.programme_id,
            vaccine=row.vaccine_id,
            dose_code=row.dose_code,
            occurred_on=timezone.localdate(row.occurred_at),
            counts=not row.invalid_reasons,
            elsewhere=not row.is_primary_source,
        )
