"""EU Digital COVID Certificate payload (schema 1.3.3): check it, read its facts.

Schema and value sets are two kinds of conformance with two verdicts, so they are two functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from certificates import codes
from certificates.verifying.cbor import MAPS

_VERSION = re.compile(r"\d+.\d+.\d+", re.ASCII)
_BIRTH = re.compile(r"((19|20)\d\d(-\d\d){0,2})?", re.ASCII)
_STANDARD_NAME = re.compile(r"[A-Z<]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{1,10}")


def kind(payload: object) -> str:
    """`v`, `t` or `r`; empty when there is not exactly one of them."""
    if not isinstance(payload, MAPS):
        return ""
    present = [key for key in ("v", "t", "r") if key in payload]
    return present[0] if len(present) == 1 else ""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 80


def _standard_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 80 and bool(_STANDARD_NAME.fullmatch(value))


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _day(value: object) -> bool:
    if not (isinstance(value, str) and _DATE.fullmatch(value)):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _moment(value: object) -> bool:
    return isinstance(value, str) and bool(_DATE_TIME.fullmatch(value)) and _day(value[:10])


def _country(value: object) -> bool:
    return isinstance(value, str) and bool(_COUNTRY.search(value))


_ENTRY: dict[str, tuple[dict[str, Callable[[object], bool]], dict[str, Callable[[object], bool]]]] = {
    "v": (
        {
            **dict.fromkeys(("tg", "vp", "mp", "ma"), _text),
            **dict.fromkeys(("dn", "sd"), _count),
            "dt": _day,
            "co": _country,
            "is": _short,
            "ci": _short,
        },
        {},
    ),
    "t": (
        {"tg": _text, "tt": _text, "sc": _moment, "tr": _text, "co": _country, "is": _short, "ci": _short},
        {"nm": _short, "ma": _text, "tc": _short},
    ),
    "r": (
        {"tg": _text, "fr": _day, "co": _country, "is": _short, "df": _day, "du": _day, "ci": _short},
        {},
    ),
}


def schema_errors(payload: object) -> list[str]:
    """Paths that break the schema; empty when it holds."""
    if not isinstance(payload, MAPS):
        return ["/"]
    errors = []
    if not (isinstance(payload.get("ver"), str) and _VERSION.fullmatch(payload["ver"])):
        errors.append("/ver")
    if not (isinstance(payload.get("dob"), str) and _BIRTH.fullmatch(payload["dob"])):
        errors.append("/dob")
    errors += _name_errors(payload.get("nam"))
    group = kind(payload)
    if not group:
        return [*errors, "/v|t|r"]
    entries = payload[group]
    if not isinstance(entries, list | tuple) or len(entries) != 1 or not isinstance(entries[0], MAPS):
        return [*errors, f"/{group}"]
    required, optional = _ENTRY[group]
    entry = entries[0]
    errors += [f"/{group}/0/{key}" for key, check in required.items() if key not in entry or not check(entry[key])]
    errors += [f"/{group}/0/{key}" for key, check in optional.items() if key in entry and not check(entry[key])]
    return errors


def _name_errors(name: object) -> list[str]:
    if not isinstance(name, MAPS) or not ("fnt" in name or "gnt" in name):
        return ["/nam"]
    errors = [f"/nam/{key}" for key in ("fn", "gn") if key in name and not _short(name[key])]
    return errors + [f"/nam/{key}" for key in ("fnt", "gnt") if key in name and not _standard_name(name[key])]


def valueset_errors(payload: Mapping[str, Any]) -> list[str]:
    """Fields of a schema-conformant payload whose code is in no published list."""
    group = kind(payload)
    entry = payload[group][0]
    lists = {"tg": codes.EU_DISEASES}
    if group == "v":
        lists |= {"vp": codes.EU_PROPHYLAXES, "mp": codes.EU_PRODUCTS, "ma": codes.EU_HOLDERS}
    return [f"/{group}/0/{field}" for field, known in lists.items() if entry[field] not in known]


def read_facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a person at the door needs to see; call only on a schema-conformant payload."""
    group = kind(payload)
    name, entry = payload["nam"], payload[group][0]
    given, surname = name.get("gn") or name.get("gnt", ""), name.get("fn") or name.get("fnt", "")
    facts = {
        "kind": {"v": "vaccination", "t": "test", "r": "recovery"}[group],
        "name": " ".join(part for part in (given, surname) if part),
        "birth_date": payload["dob"],
        "disease": "COVID-19" if entry["tg"] == codes.COVID_19 else entry["tg"],
        "country": entry["co"],
        "certificate_issuer": entry["is"],
        "uvci": entry["ci"],
    }
    if group == "v":
        facts |= {
            "vaccine": codes.brand_of(entry["mp"]),
            "product": entry["mp"],
            "manufacturer": codes.holder_of(entry["ma"]),
            "dose": f"{_number(entry['dn'])}/{_number(entry['sd'])}",
            "date": entry["dt"],
        }
    elif group == "t":
        facts |= {"test_type": entry["tt"], "test_result": entry["tr"], "date": entry["sc"]}
    else:
        facts |= {"date": entry["fr"], "valid_from": entry["df"], "valid_until": entry["du"]}
    return facts


def _number(value: int) -> str:
    # Python refuses to print integers of thousands of digits; a hostile code must not reach that error.
    return str(value) if value < 1000 else ">999"
