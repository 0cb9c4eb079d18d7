"""WHO digital vaccination certificate (subclaim -6, proposed): the mapping of smart-icvp 0.3.0, and only that one.

Earlier drafts named the same things otherwise (`nt`, `id`, `dt`, `vx`, a version `v`); what this module does not
recognise is refused rather than guessed. A later draft gets a mapping of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certificates.verifying.terms import compact, disease, is_text

VERSION = "0.3.0"
MAX_ENTRIES = 20
_TOP = frozenset({"n", "dob", "s", "ntl", "nid", "ndt", "gn", "v"})
_ENTRY = frozenset({"vp", "dt", "bo", "is", "cn", "vls", "vle", "tg", "mp", "ma", "mid"})


def recognised(content: object) -> bool:
    """True when every required field is there, every field is one of this mapping, and all are short texts."""
    if not isinstance(content, Mapping) or not set(content) <= _TOP:
        return False
    entries = content.get("v")
    entries = [entries] if isinstance(entries, Mapping) else entries
    if not isinstance(entries, list | tuple) or not 0 < len(entries) <= MAX_ENTRIES:
        return False
    texts = all(is_text(content[name]) for name in content if name != "v")
    return texts and "n" in content and "dob" in content and all(map(_entry_recognised, entries))


def _entry_recognised(entry: object) -> bool:
    if not isinstance(entry, Mapping) or not set(entry) <= _ENTRY:
        return False
    required = {"vp", "dt", "bo"} <= set(entry) and ("is" in entry or "cn" in entry)
    return required and all(map(is_text, entry.values()))


def read_facts(content: object) -> dict[str, Any]:
    """Name, birth date and the newest dose; empty for what is not recognised."""
    if not recognised(content) or not isinstance(content, Mapping):
        return {}
    entries = content["v"]
    entries = [entries] if isinstance(entries, Mapping) else entries
    entry = max(entries, key=lambda item: item["dt"])
    return compact(
        kind="vaccination",
        name=content["n"],
        birth_date=content["dob"],
        disease=disease(entry["tg"]) if "tg" in entry else None,
        vaccine=entry["vp"],
        manufacturer=entry.get("ma"),
        date=entry["dt"],
        lot=entry["bo"],
        valid_from=entry.get("vls"),
        valid_until=entry.get("vle"),
        certificate_issuer=entry.get("is") or entry.get("cn"),
        doses_on_card=str(len(entries)) if len(entries) > 1 else None,
    )
