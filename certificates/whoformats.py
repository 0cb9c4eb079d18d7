"""WHO contents of the HC1 container: the flat DDCC pilot codes, DDCC:VS and the digital vaccination certificate.

The drafts change between versions; whatever is not recognised here is refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certificates import outcome

# Field names are the whole statement of a flat code, so enough of them must be there to call it one.
_FLAT_MARKS = ("name", "hcid", "vaccine", "test", "meta")


def looks_flat(claims: Mapping[Any, Any]) -> bool:
    """True when WHO pilot fields stand directly at the top of the claims."""
    return isinstance(claims.get("name"), str) and any(mark in claims for mark in _FLAT_MARKS[1:])


def recognised(format_name: str, content: object) -> bool:
    """True when the content has the fields a reader may rely on."""
    if not isinstance(content, Mapping):
        return False
    if format_name == outcome.WHO_DVC:
        entries = content.get("v")
        entries = [entries] if isinstance(entries, Mapping) else entries
        return (
            _is_text(content.get("n"))
            and isinstance(entries, list | tuple)
            and bool(entries)
            and all(isinstance(e, Mapping) and _is_text(e.get("vp")) and _is_text(e.get("dt")) for e in entries)
        )
    if not _is_text(content.get("name")):
        return False
    return isinstance(content.get("vaccine"), Mapping | str) or isinstance(content.get("test"), Mapping)


def read_facts(format_name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Name, birth date, and what was given or tested; only fields that are plain text or small numbers."""
    if not recognised(format_name, content):
        return {}
    if format_name == outcome.WHO_DVC:
        entries = content["v"]
        entry = entries if isinstance(entries, Mapping) else entries[0]
        return _compact(
            kind="vaccination",
            name=content["n"],
            birth_date=content.get("dob"),
            vaccine=entry["vp"],
            date=entry["dt"],
            lot=entry.get("bo"),
            certificate_issuer=entry.get("is"),
        )
    test = content.get("test")
    if isinstance(test, Mapping):
        return _compact(
            kind="test",
            name=content["name"],
            birth_date=content.get("birthDate"),
            test_type=_coded(test.get("type")),
            test_result=_coded(test.get("result")),
            date=test.get("date"),
            country=_coded(test.get("country")),
            certificate_issuer=test.get("centre"),
        )
    return _compact(
        kind="vaccination",
        name=content["name"],
        birth_date=content.get("birthDate"),
        vaccine=_coded(content.get("vaccine")),
        disease=_coded(content.get("disease")),
        date=content.get("date"),
        dose=_dose(content.get("dose"), content.get("totalDoses", content.get("total_doses"))),
        lot=content.get("lot"),
        country=_coded(content.get("country")),
        certificate_issuer=content.get("centre"),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 500


def _coded(value: object) -> object:
    if isinstance(value, Mapping):
        return value.get("display") or value.get("code")
    return value


def _dose(number: object, total: object) -> str:
    parts = [str(part) for part in (number, total) if type(part) is int and 0 < part < 1000]
    return "/".join(parts)


def _compact(**fields: object) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if _is_text(value)}
