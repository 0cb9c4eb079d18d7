"""Two records of one person become one: visits and doses move to the record that stays."""

from django.core.exceptions import ValidationError

from registration.models import Citizen
from vaccination.flow import OPEN_STEPS
from vaccination.models import Immunization, Visit


def move_visits_and_doses(kept: Citizen, merged: Citizen) -> None:
    """Move every row; raises ValidationError when both records hold the same dose or both are being served today.

    Runs inside registration's merging transaction, both citizens locked.
    """
    mine = set(_given(kept))
    for row in _given(merged):
        if row in mine:
            raise ValidationError(
                f"Kedua data memuat dosis {row[1]} yang sama. Batalkan dulu catatan yang salah, lalu gabungkan lagi."
            )
    open_now = Visit.objects.filter(step__in=OPEN_STEPS)
    for visit in open_now.filter(citizen=merged):
        if open_now.filter(citizen=kept, programme=visit.programme_id, date=visit.date).exists():
            raise ValidationError("Kedua data sedang dilayani hari ini. Selesaikan salah satu kunjungan dulu.")
    Visit.objects.filter(citizen=merged).update(citizen=kept)
    Immunization.objects.filter(citizen=merged).update(citizen=kept)


def _given(citizen: Citizen) -> list[tuple[str, str]]:
    rows = Immunization.objects.completed().filter(citizen=citizen, invalid_reasons=[])
    return list(rows.values_list("programme_id", "dose_code"))
