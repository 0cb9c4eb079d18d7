"""The lifelong vaccination record of one person on paper, for a school or a doctor: all programmes, by disease.

A summary of what is on record, and it says so: a single dose is proved by its certificate. No NIK, phone or address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from certificates import codes, pdf, queries
from certificates.assemble import COVID
from certificates.keys import ISSUER_NAME
from registration.models import Citizen
from vaccination.models import Immunization

FILE_NAME = "catatan-vaksinasi.pdf"
# In the order of the national schedule; what is not named here follows under the name of the reference data.
DISEASES = {
    "Hepatitis B": "Hepatitis B",
    "Tuberkulosis": "Tuberculosis",
    "Polio": "Poliomyelitis",
    "Difteri": "Diphtheria",
    "Pertusis": "Pertussis",
    "Tetanus": "Tetanus",
    "Hib": "Haemophilus influenzae type b",
    "Pneumonia pneumokokus": "Pneumococcal pneumonia",
    "Diare rotavirus": "Rotavirus diarrhoea",
    "Campak": "Measles",
    "Rubela": "Rubella",
    "Ensefalitis Jepang": "Japanese encephalitis",
    "Kanker leher rahim": "Cervical cancer (HPV)",
    COVID: "COVID-19",
    "Influenza musiman": "Seasonal influenza",
    "Dengue": "Dengue",
    "Cacar air": "Chickenpox",
    "Hepatitis A": "Hepatitis A",
    "Demam tifoid": "Typhoid fever",
    "Pneumonia": "Pneumococcal pneumonia",
    "Rabies": "Rabies",
    "Meningitis meningokokus": "Meningococcal meningitis",
    "Demam kuning": "Yellow fever",
}
# Whatever protects newborn and mother, adult and child alike is one disease on the sheet.
_TYPES = re.compile(r"\s+tipe\b.*$", re.IGNORECASE)


def render(citizen: Citizen, *, at: datetime | None = None) -> bytes:
    """The sheet of one person as PDF, as of now."""
    at = at or timezone.now()
    return pdf.compile_pages("record", page_data(citizen, at), made_at=at)


def page_data(citizen: Citizen, at: datetime) -> dict[str, Any]:
    """Everything the sheet prints."""
    doses = list(_doses(citizen))
    return {
        "issuer": ISSUER_NAME,
        "specimen": settings.DEMO,
        "person": [
            pdf.row("Nama", "Name", citizen.full_name),
            pdf.row("Tanggal lahir", "Date of birth", pdf.both(citizen.birth_date)),
            pdf.row("Jenis kelamin", "Sex", {"L": "Laki-laki / Male", "P": "Perempuan / Female"}.get(citizen.sex, "–")),
        ],
        "made": pdf.both(timezone.localdate(at)),
        "count": len(doses),
        "diseases": _by_disease(doses),
        "has_told": any(not dose.is_primary_source for dose in doses),
        "has_uncounted": any(dose.invalid_reasons for dose in doses),
    }


def _doses(citizen: Citizen) -> Iterable[Immunization]:
    return (
        queries.with_label(Immunization.objects.completed())
        .filter(citizen=citizen)
        .select_related("vaccine", "facility")
        .order_by("occurred_at", "pk")
    )


def diseases_of(vaccine_code: str, target_disease: str) -> list[str]:
    """What a vaccine protects against, one name each: a dose of a combined vaccine stands under all of them."""
    if vaccine_code in codes.COVID_VACCINES:
        return [COVID]
    names = [_TYPES.sub("", part.strip()) for part in target_disease.split(",")]
    return [name[:1].upper() + name[1:] for name in names if name] or ["Lainnya"]


def _by_disease(doses: list[Immunization]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, str]]] = {}
    for dose in doses:
        for name in diseases_of(dose.vaccine_id, dose.vaccine.target_disease):
            found.setdefault(name, []).append(_line(dose))
    order = list(DISEASES)
    names = sorted(found, key=lambda name: (order.index(name) if name in DISEASES else len(order), name))
    return [{"id": name, "en": DISEASES.get(name, ""), "doses": found[name]} for name in names]


def _line(dose: Immunization) -> dict[str, str]:
    day = timezone.localdate(dose.occurred_at)
    label = str(getattr(dose, "dose_label", "")) or dose.dose_code
    marks = ("*" if not dose.is_primary_source else "") + ("†" if dose.invalid_reasons else "")
    return {
        "date": f"{day:%d-%m-%Y}",
        "dose": label,
        "marks": marks,
        "vaccine": dose.vaccine.name,
        "lot": dose.lot_number,
        "place": dose.facility.name if dose.facility else dose.outside_facility,
    }
