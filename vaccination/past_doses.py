"""Doses given before or elsewhere, taken over from a card or from the person's word."""

import uuid
from datetime import date, datetime, time

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from programmes.catalogue import active_ruleset
from vaccination.errors import VaccinationError
from vaccination.models import Immunization
from vaccination.services import Recorded, answered, lock_citizen, refuse_repeat, tell

ORIGINS = {"card": "Kartu atau sertifikat", "recall": "Keterangan warga atau orang tua"}


def record_past_dose(
    *,
    client_uuid: uuid.UUID,
    citizen_id: int,
    programme_code: str,
    vaccine_code: str,
    dose_code: str,
    occurred_on: date,
    origin: str,
    recorder: User,
    outside_facility: str = "",
    lot_number: str = "",
) -> Recorded:
    """Take over a dose from a card or the person's word (FHIR primarySource false): no stock, no rule refuses it.

    Older records can be right under an older letter (RULES E-5), so rules are not asked. Locks citizen.
    """
    if origin not in ORIGINS:
        raise VaccinationError("Pilih asal keterangan: kartu atau keterangan warga.")
    with transaction.atomic():
        citizen = lock_citizen(citizen_id)
        known = answered(client_uuid, citizen_id)
        if known:
            return known
        if not citizen.birth_date <= occurred_on <= timezone.localdate():
            raise VaccinationError("Tanggal dosis harus antara tanggal lahir dan hari ini.")
        rules = [rule for rule in active_ruleset().of(programme_code) if rule.dose_code == dose_code]
        if not rules:
            raise VaccinationError("Dosis ini tidak dikenal dalam program.")
        refuse_repeat(citizen.pk, programme_code, dose_code)
        row = Immunization(
            client_uuid=client_uuid,
            citizen=citizen,
            programme_id=programme_code,
            vaccine_id=vaccine_code,
            dose_code=dose_code,
            dose_number=min(rule.step for rule in rules),
            occurred_at=min(timezone.now(), timezone.make_aware(datetime.combine(occurred_on, time(12)))),
            lot_number=lot_number.strip().upper()[:20],
            outside_facility=outside_facility.strip()[:120],
            recorder=recorder,
            is_primary_source=False,
            report_origin=origin,
            residence_id=citizen.kelurahan_id,
        )
        try:
            row.full_clean(exclude=["uuid"])
        except ValidationError as error:
            raise VaccinationError("; ".join(error.messages)) from error
        row.save(force_insert=True)
        tell("immunization.recorded", row)
        return Recorded(row, created=True)
