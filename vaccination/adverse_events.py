"""What happens to a person after a dose (KIPI, RULES K-1 to K-5): on record, and told to whoever reports it on."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import outbox
from vaccination.errors import VaccinationError
from vaccination.models import AdverseEvent, Immunization

SYMPTOMS = {
    "nyeri": "Nyeri di tempat suntik",
    "bengkak": "Bengkak atau kemerahan",
    "demam": "Demam",
    "pusing": "Pusing atau sakit kepala",
    "mual": "Mual atau muntah",
    "lemas": "Lemas",
    "pingsan": "Pingsan",
    "gatal": "Gatal atau bentol",
    "sesak": "Sesak napas",
    "anafilaksis": "Anafilaksis",
    "kejang": "Kejang",
    "lain": "Lainnya",
}
# RULES K-2: what makes an event serious, whatever box was ticked.
SERIOUS_OUTCOMES = (AdverseEvent.Outcome.HOSPITALISED, AdverseEvent.Outcome.DISABLED, AdverseEvent.Outcome.DIED)
SERIOUS_SYMPTOMS = ("anafilaksis",)


@transaction.atomic
def record_adverse_event(
    *,
    immunization: Immunization,
    client_uuid: uuid.UUID,
    onset_at: datetime,
    symptoms: list[str],
    actor: User,
    description: str = "",
    is_serious: bool = False,
    treatment: str = "",
    outcome: str = AdverseEvent.Outcome.UNKNOWN,
) -> AdverseEvent:
    """Record a KIPI and send news of it; death, hospital stay, disability and anaphylaxis are serious by themselves.

    Raises VaccinationError for an onset before the dose or in the future, or no symptom.
    """
    known = AdverseEvent.objects.filter(client_uuid=client_uuid).first()
    if known:
        return known
    if onset_at < immunization.occurred_at - timedelta(minutes=1):
        raise VaccinationError("Gejala mulai sebelum penyuntikan. Periksa waktunya.")
    if onset_at > timezone.now() + timedelta(minutes=5):
        raise VaccinationError("Waktu mulai gejala ada di masa depan.")
    if not symptoms:
        raise VaccinationError("Pilih paling sedikit satu gejala.")
    event = AdverseEvent.objects.create(
        immunization=immunization,
        client_uuid=client_uuid,
        onset_at=onset_at,
        symptoms=symptoms,
        description=description.strip(),
        is_serious=is_serious or outcome in SERIOUS_OUTCOMES or any(one in SERIOUS_SYMPTOMS for one in symptoms),
        treatment=treatment.strip()[:200],
        outcome=outcome,
        reported_by=actor,
    )
    outbox.add("immunization.adverse_event", immunization_id=immunization.pk)
    return event


def next_steps(event: AdverseEvent) -> list[str]:
    """What the desk does now (RULES K-2 to K-5)."""
    if event.is_serious:
        return [
            "Tangani dan rujuk sekarang; jangan menunggu formulir.",
            "Telepon Dinas Kesehatan Kota Semarang hari ini juga: KIPI serius dilaporkan segera, paling lambat 24 jam.",
            f"Simpan vial, semprit, dan batch {event.immunization.lot_number}; "
            "hentikan sementara batch itu sampai ada keputusan.",
            "Isi formulir investigasi KIPI bersama puskesmas; satu kasus boleh dilaporkan berulang.",
        ]
    return [
        "Jelaskan gejala yang wajar dan kapan harus kembali.",
        "Laporan ini masuk rekap bulanan KIPI; tidak perlu formulir lain.",
        "Bila memburuk atau dirawat, buka catatan ini lagi dan tandai serius.",
    ]
