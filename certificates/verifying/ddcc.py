"""WHO DDCC:VS: subclaim 3, and the flat pilot codes that put the same names directly at the top of the claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certificates.verifying.terms import compact, disease, dose, is_text

# Field names are the whole statement of a flat code, so enough of them must be there to call it one.
_FLAT_MARKS = ("hcid", "vaccine", "test", "meta")


def looks_flat(claims: Mapping[Any, Any]) -> bool:
    """True when WHO pilot fields stand directly at the top of the claims."""
    return isinstance(claims.get("name"), str) and any(mark in claims for mark in _FLAT_MARKS)


def recognised(content: object) -> bool:
    """True when the content has the fields a reader may rely on."""
    if not isinstance(content, Mapping) or not is_text(content.get("name")):
        return False
    return _coded(content.get("vaccine")) is not None or isinstance(content.get("test"), Mapping)


def read_facts(content: object) -> dict[str, Any]:
    """Name, birth date, and what was given or tested; only fields that are plain text or small numbers.

    A test is never shown as a vaccination, also when a code carries both words.
    """
    if not recognised(content) or not isinstance(content, Mapping):
        return {}
    test = content.get("test")
    if isinstance(test, Mapping):
        return compact(
            kind="test",
            name=content["name"],
            birth_date=content.get("birthDate"),
            test_type=_coded(test.get("type")),
            test_result=_coded(test.get("result")),
            date=test.get("date"),
            country=_coded(test.get("country")),
            certificate_issuer=test.get("centre"),
        )
    target = _coded(content.get("disease"))
    return compact(
        kind="vaccination",
        name=content["name"],
        birth_date=content.get("birthDate"),
        vaccine=_coded(content.get("vaccine")),
        manufacturer=_coded(content.get("manufacturer")),
        disease=disease(target) if target else None,
        date=content.get("date"),
        dose=dose(content.get("dose"), content.get("totalDoses", content.get("total_doses"))),
        lot=content.get("lot"),
        country=_coded(content.get("country")),
        valid_until=content.get("valid_until"),
        certificate_issuer=content.get("centre"),
    )


def _coded(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("display") or value.get("code")
    return value if isinstance(value, str) and is_text(value) else None
