"""Codes of vaccines and diseases in words, and the small helpers every reader of facts needs.

A code that stands in no table here is shown as it is, with the name of its code system.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certificates import codes

CVX = "http://hl7.org/fhir/sid/cvx"
KFA = "http://sys-ids.kemkes.go.id/kfa"
MAX_FACT = 300

# SNOMED and ICD-11 codes of diseases (FORMATS section 5) in a word both languages know.
DISEASES = {
    codes.COVID_19: "COVID-19",
    "RA01": "COVID-19",
    "RA01.0": "COVID-19",
    "1C81": "Polio",
    "1D47": "Yellow fever",
    "1F03": "Measles",
    "1F02": "Rubella",
    "1B1Z": "Tuberculosis",
    "1E50.1": "Hepatitis B",
    "1C17": "Diphtheria",
    "1C12": "Pertussis",
    "1C13": "Tetanus",
    "1C85": "Japanese encephalitis",
    "1D2Z": "Dengue",
    "1A07": "Typhoid",
    "1C82": "Rabies",
    "1E32": "Influenza",
    "1E90": "Varicella",
    "XN8JY": "HPV",
    "XN6N7": "Rotavirus",
    "1C1C": "Meningococcal",
}
# WHO product types that are wider than one brand.
VACCINE_TYPES = {
    "XM68M6": "COVID-19",
    "XM0GQ8": "COVID-19 (mRNA)",
    "XM9QW8": "COVID-19 (vector)",
    "XM1NL1": "COVID-19 (inactivated)",
    "XM5JC5": "COVID-19 (protein)",
}
BRANDS_BY_ICD = {codes_.icd11: codes_.brand for codes_ in codes.COVID_VACCINES.values() if codes_.has_eu_code}
BRANDS_BY_CVX = codes.brands_by_cvx()


def disease(code: str) -> str:
    """The disease a code stands for; the code itself when we know none."""
    return DISEASES.get(code, code)


def vaccine_of(coding: list[Mapping[str, Any]]) -> str:
    """Brand for the first code we know, else the first code with its system; KeyError or TypeError for a bad coding."""
    for item in coding:
        table = BRANDS_BY_CVX if item["system"] == CVX else BRANDS_BY_ICD if "icd" in item["system"] else {}
        if brand := table.get(item["code"]):
            return brand
    first = coding[0]
    label = "CVX" if first["system"] == CVX else "KFA" if first["system"] == KFA else ""
    label = label or ("ICD-11" if "id.who.int/icd" in first["system"] else "")
    return f"{label} {first['code']}".strip()


def icd_vaccine(code: str) -> str:
    """Brand or type of an ICD-11 vaccine code; the code itself when we know none."""
    return BRANDS_BY_ICD.get(code) or VACCINE_TYPES.get(code) or code


def is_text(value: object) -> bool:
    """True for a text short enough to be shown."""
    return isinstance(value, str) and 0 < len(value) <= MAX_FACT


def compact(**fields: object) -> dict[str, Any]:
    """Only those fields that are plain text: nothing nested, nothing long, nothing empty."""
    return {key: value for key, value in fields.items() if is_text(value)}


def dose(number: object, total: object = None) -> str:
    """`2/3`, or `2` where no total is told; empty for anything that is no small number."""
    return "/".join(filter(None, (_small(number), _small(total))))


def _small(value: object) -> str:
    """A number from 1 to 999 as text, also when the code has it as text; empty for anything else."""
    if isinstance(value, str) and len(value) < 4 and value.isascii() and value.isdigit():
        value = int(value)
    return str(value) if type(value) is int and 0 < value < 1000 else ""
