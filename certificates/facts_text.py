"""Facts of a verified code as labelled lines, in the language of the page."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _


def readable_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and value in reading order; empty for a content that is not known."""
    if not facts or facts.get("kind") == "unknown":
        return []
    kinds = {
        "vaccination": _("Vaksinasi"),
        "test": _("Hasil tes, bukan vaksinasi"),
        "recovery": _("Surat sembuh, bukan vaksinasi"),
        "other": _("Bukan vaksinasi"),
    }
    lines = [
        (_("Jenis"), kinds.get(facts.get("kind", ""), "")),
        (_("Nama"), facts.get("name", "")),
        (_("Tanggal lahir"), _day(facts.get("birth_date", ""))),
        (_("Penyakit"), facts.get("disease", "")),
        (_("Vaksin"), facts.get("vaccine", "")),
        (_("Dosis"), facts.get("dose", "")),
        (_("Hasil tes"), facts.get("test_result", "")),
        (_("Tanggal"), _day(facts.get("date", ""))),
        (_("Nomor batch"), facts.get("lot", "")),
        (_("Negara"), "Indonesia" if facts.get("country") == "ID" else facts.get("country", "")),
        (_("Diterbitkan oleh"), facts.get("certificate_issuer", "")),
        (_("Nomor sertifikat"), facts.get("uvci", "")),
    ]
    return [(label, str(value)) for label, value in lines if value]


def _day(text: str) -> str:
    """A full date in words; anything else (a year, a moment) as the code has it."""
    try:
        return date_format(date.fromisoformat(text), "j F Y")
    except ValueError:
        return text
