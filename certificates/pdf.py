"""The certificate as PDF (PDF/A-2a and PDF/UA-1), by typst compilers kept per process."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

from certificates import qr
from certificates.models import Certificate
from certificates.queries import without_eu_code

SOURCES = Path(__file__).parent / "typst"
# The file goes through hands and shops: its name says nothing about a person.
FILE_NAME = "sertifikat-vaksinasi.pdf"
STANDARDS = ["a-2a", "ua-1"]
_compiling = threading.Lock()

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
# Title of the HC1 code and who reads it, in both languages.
HC1_WORDS = {
    False: ("EU DCC (HC1)", "Dibaca pembaca sertifikat Uni Eropa dan WHO.", "For readers of EU and WHO certificates."),
    True: ("WHO DVC (HC1)", "Dibaca pembaca sertifikat WHO.", "For readers of WHO certificates."),
}


@lru_cache(maxsize=6)
def _compiler(name: str, *, system_fonts: bool = False) -> typst.Compiler:
    """Only the fonts inside the wheel: the same file on every machine. System fonts are for rare scripts."""
    return typst.Compiler(str(SOURCES / f"{name}.typ"), root=str(SOURCES), ignore_system_fonts=not system_fonts)


def render(certificate: Certificate) -> bytes:
    """A4 page and wallet card of one certificate."""
    data = page_data(certificate)
    codes = {name: qr.pixels(data[name]) for name in ("hc1_svg", "shc_svg")}
    return compile_pages("certificate", data | codes, made_at=certificate.issued_at)


def compile_pages(name: str, data: dict[str, Any], *, made_at: datetime) -> bytes:
    """Set `data` by the source `name` as one PDF (PDF/A-2a, PDF/UA-1).

    PDF/A refuses a letter its font does not have (a Chinese name, say): then the fonts of the machine are tried, and
    where they lack it too a plain PDF is better than none.
    """
    with _compiling:
        try:
            return _set(name, data, made_at, pdf_standards=STANDARDS)
        except typst.TypstError:
            try:
                return _set(name, data, made_at, system_fonts=True, pdf_standards=STANDARDS)
            except typst.TypstError:
                return _set(name, data, made_at, system_fonts=True)


def _set(
    name: str, data: dict[str, Any], made_at: datetime, *, system_fonts: bool = False, **standards: list[str]
) -> bytes:
    compiler: Any = _compiler(name, system_fonts=system_fonts)
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    made: bytes = compiler.compile(format="pdf", sys_inputs=inputs, timestamp=int(made_at.timestamp()), **standards)
    return made


def page_data(certificate: Certificate) -> dict[str, Any]:
    """Everything the page prints; texts of both languages side by side."""
    facts = certificate.facts
    issued, expires = (timezone.localdate(moment) for moment in (certificate.issued_at, certificate.expires_at))
    short_day = row("Tanggal", "Date", both(certificate.given))
    name = row("Nama", "Name", facts["name"])
    birth = row("Tanggal lahir", "Date of birth", both(certificate.born))
    vaccine = row("Vaksin", "Vaccine", facts["vaccine_name"])
    dose = row("Dosis", "Dose", f"{facts['dose_number']}/{facts['series_doses']} ({facts['dose_label']})")
    day = row("Tanggal vaksinasi", "Date of vaccination", both(certificate.given))
    rows = [
        name,
        birth,
        row("Penyakit", "Disease", facts["disease"]),
        vaccine,
        row("Produsen", "Manufacturer", facts["manufacturer"]),
        dose,
        day,
        row("Nomor batch", "Batch number", facts["lot_number"]),
        row("Tempat", "Administered at", facts["facility_name"]),
        row("Terbit – berlaku sampai", "Issued – valid until", f"{both(issued)} – {both(expires)}"),
    ]
    hc1_svg, shc_svg = qr.pictures(certificate)
    hc1_title, hc1_id, hc1_en = HC1_WORDS[certificate.is_dvc]
    with translation.override("en"):
        note_en = without_eu_code(certificate)
    with translation.override(settings.LANGUAGE_CODE):
        note_id = without_eu_code(certificate)
        verify_url = settings.PUBLIC_BASE_URL + reverse("certificates:verify")
    return {
        "issuer": facts["issuer"],
        "uvci": certificate.uvci,
        "verify_url": verify_url,
        "specimen": settings.DEMO,
        "rows": [row for row in rows if row["value"]],
        "card": [name, birth, vaccine, dose, short_day],
        "hc1_svg": hc1_svg,
        "shc_svg": shc_svg,
        "hc1_title": hc1_title,
        "hc1_id": hc1_id,
        "hc1_en": hc1_en,
        "note_id": note_id,
        "note_en": note_en,
    }


def row(label_id: str, label_en: str, value: str) -> dict[str, str]:
    """One line of a table with its label in both languages."""
    return {"id": label_id, "en": label_en, "value": value}


def both(day: date) -> str:
    """One date for both languages: the month once where they agree, else the English name beside the Indonesian."""
    names = [MONTHS[language].split()[day.month - 1] for language in ("id", "en")]
    month = names[0] if names[0] == names[1] else f"{names[0]} / {names[1]}"
    return f"{day.day} {month} {day.year}"
