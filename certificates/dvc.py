"""Writing the WHO digital vaccination certificate (subclaim -6): the mapping of smart-icvp 0.3.0.

A draft of the WHO, so it is issued only where `CERTIFICATES_WHO_DVC` asks for it, and beside the SMART Health Card,
never instead. Reading has its own module, for more than our own mapping is read.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from certificates import codes
from certificates.facts import DoseFacts
from certificates.names import without_titles
from programmes.models import Vaccine

VERSION = "0.3.0"
MAX_TEXT = 80
COVID_ICD11 = "RA01"
# Products of the WHO prequalification catalogue that are given here: vaccine, maker, doses in the vial.
PREQUALIFIED = {
    ("OPV", "PT Bio Farma", 10): "PolioVaccineOralOPVBivalProductdecf3a77facc0b8f1443db5f7a806857",
}


def product_id(vaccine: Vaccine) -> str:
    """Number of the product: of the WHO catalogue, else its ICD-11 vaccine code, else of the national one (KFA).

    Empty when none is known: a number is never invented.
    """
    listed = PREQUALIFIED.get((vaccine.code, vaccine.manufacturer, vaccine.doses_per_vial))
    covid = codes.COVID_VACCINES.get(vaccine.code)
    national = vaccine.kfa_products[0] if len(vaccine.kfa_products) == 1 else ""
    return listed or (covid.icd11 if covid else "") or national


def can_write(facts: DoseFacts) -> bool:
    """True when the setting asks for it and every required field is known."""
    return bool(settings.CERTIFICATES_WHO_DVC and facts.product_id and facts.lot_number and facts.issuer)


def build(facts: DoseFacts) -> dict[str, Any]:
    """The payload of one dose. Without sex, nationality and number of an identity card: nobody needs them to check."""
    diseases = codes.ROUTINE_ICD11.get(facts.vaccine_code, ())
    target = COVID_ICD11 if facts.vaccine_code in codes.COVID_VACCINES else next(iter(diseases), "")
    entry = {
        "vp": facts.product_id,
        "tg": target,
        "ma": facts.manufacturer[:MAX_TEXT],
        "dt": facts.occurred_on.isoformat(),
        "bo": facts.lot_number,
        "is": facts.issuer[:MAX_TEXT],
    }
    return {
        "n": without_titles(facts.name)[:MAX_TEXT].rstrip(),
        "dob": facts.birth_date.isoformat(),
        "v": [{key: value for key, value in entry.items() if value}],
    }
