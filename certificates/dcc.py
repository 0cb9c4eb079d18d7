"""EU Digital COVID Certificate payload (schema 1.3.3) as we write it; `verifying.dcc` reads and checks it."""

from __future__ import annotations

from functools import lru_cache

from certificates import codes
from certificates.facts import DoseFacts
from certificates.frames import cbor_frame, cbor_number, cbor_text, slot
from certificates.names import person_name

SCHEMA_VERSION = "1.3.0"  # what readers in the field know; 1.3.3 differs only in value-set references
_NAME_KEYS = ("fn", "gn", "fnt", "gnt")  # in the order of PersonName


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


def build(facts: DoseFacts, uvci: str) -> bytes:
    """The payload of one dose as CBOR; raises NoEuCertificate where the EU has no words for it."""
    if reason := why_not(facts):
        raise NoEuCertificate(reason)
    name, text = person_name(facts.name), cbor_text
    frame = _frame(facts.vaccine_code, facts.country, facts.issuer, tuple(map(bool, name)))
    return frame % {
        b"fn": text(name.surname),
        b"gn": text(name.given),
        b"fnt": text(name.surname_standard),
        b"gnt": text(name.given_standard),
        b"dob": text(facts.birth_date.isoformat()),
        b"dn": cbor_number(facts.dose_number),
        b"sd": cbor_number(facts.series_doses),
        b"dt": text(facts.occurred_on.isoformat()),
        b"ci": text(uvci),
    }


@lru_cache(maxsize=128)
def _frame(vaccine_code: str, country: str, issuer: str, parts: tuple[bool, ...]) -> bytes:
    """The payloads of this product with slots for what differs; `parts` says which parts of a name there are."""
    vaccine = codes.COVID_VACCINES[vaccine_code]
    return cbor_frame(
        {
            "ver": SCHEMA_VERSION,
            "nam": {key: slot(key) for key, present in zip(_NAME_KEYS, parts, strict=True) if present},
            "dob": slot("dob"),
            "v": [
                {
                    "tg": codes.COVID_19,
                    "vp": vaccine.prophylaxis,
                    "mp": vaccine.product,
                    "ma": vaccine.holder,
                    "dn": slot("dn"),
                    "sd": slot("sd"),
                    "dt": slot("dt"),
                    "co": country,
                    "is": issuer[:80],
                    "ci": slot("ci"),
                }
            ],
        }
    )
