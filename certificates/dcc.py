"""EU Digital COVID Certificate payload (schema 1.3.3) as we write it; `verifying.dcc` reads and checks it."""

from __future__ import annotations

from typing import Any

from certificates import codes
from certificates.facts import DoseFacts
from certificates.names import person_name

SCHEMA_VERSION = "1.3.0"  # what readers in the field know; 1.3.3 differs only in value-set references


class NoEuCertificate(ValueError):
    """This dose cannot be written as an EU certificate; the code says why (shown on the page)."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def why_not(facts: DoseFacts) -> str:
    """`""` when an EU certificate can be issued, else `not-covid`, `no-eu-code`, `name-script` or `birth-year`."""
    vaccine = codes.COVID_VACCINES.get(facts.vaccine_code)
    if vaccine is None:
        return "not-covid"
    if not vaccine.has_eu_code:
        return "no-eu-code"
    if not 1900 <= facts.birth_date.year <= 2099:
        return "birth-year"
    name = person_name(facts.name)
    return "" if name.surname_standard or name.given_standard else "name-script"


def build(facts: DoseFacts, uvci: str) -> dict[str, Any]:
    """The payload of one dose; raises NoEuCertificate where the EU has no words for it."""
    if reason := why_not(facts):
        raise NoEuCertificate(reason)
    vaccine = codes.COVID_VACCINES[facts.vaccine_code]
    name = person_name(facts.name)
    written = {"fn": name.surname, "fnt": name.surname_standard, "gn": name.given, "gnt": name.given_standard}
    return {
        "ver": SCHEMA_VERSION,
        "nam": {key: value for key, value in written.items() if value},
        "dob": facts.birth_date.isoformat(),
        "v": [
            {
                "tg": codes.COVID_19,
                "vp": vaccine.prophylaxis,
                "mp": vaccine.product,
                "ma": vaccine.holder,
                "dn": facts.dose_number,
                "sd": facts.series_doses,
                "dt": facts.occurred_on.isoformat(),
                "co": facts.country,
                "is": facts.issuer[:80],
                "ci": uvci,
            }
        ],
    }
