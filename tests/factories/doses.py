"""Doses as the desk would have recorded them, for tests that only need the rows."""

import itertools
import uuid
from datetime import date, datetime, time

from django.db import transaction
from django.utils import timezone

from core import outbox
from regions.models import Facility, Kelurahan
from tests.registration.people import make_citizen
from vaccination.models import Immunization

_numbers = itertools.count(1)


def make_dose(
    *, kelurahan="33.74.11.1001", on=date(2026, 11, 20), dose_code="booster1", vaccine="COV_AZ", programme="covid19",
    at=None, citizen=None, tell=True, **fields,
):  # fmt: skip
    """One completed dose of a new person living in `kelurahan` (None: outside the city), with its news."""
    place = Kelurahan.objects.get(pk=kelurahan) if kelurahan else None
    citizen = citizen or make_citizen(kelurahan=place)
    with transaction.atomic():
        row = Immunization.objects.create(
            client_uuid=uuid.uuid4(),
            citizen=citizen,
            programme_id=programme,
            vaccine_id=vaccine,
            dose_code=dose_code,
            dose_number=3,
            occurred_at=at or timezone.make_aware(datetime.combine(on, time(9))),
            lot_number=f"UJI{next(_numbers)}",
            facility=fields.pop("facility", None) or Facility.objects.get(code="pkm-srondol"),
            residence=place,
            **fields,
        )
        if tell:
            outbox.add("immunization.recorded", immunization_id=row.pk)
    return row


def withdraw(row, replacement=None):
    """Mark a dose as entered in error, with its news."""
    with transaction.atomic():
        Immunization.objects.filter(pk=row.pk).update(status="entered-in-error")
        outbox.add(
            "immunization.corrected", immunization_id=row.pk, replacement_id=replacement.pk if replacement else None
        )
