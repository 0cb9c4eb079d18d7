"""The certificate as PDF (PDF/A-2a and PDF/UA-1), by one typst compiler kept per process."""

from __future__ import annotations

import json
import threading
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import typst
from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

from certificates.models import Certificate

SOURCE = Path(__file__).parent / "typst" / "certificate.typ"
# The file goes through hands and shops: its name says nothing about a person.
FILE_NAME = "sertifikat-vaksinasi.pdf"
STANDARDS = ["a-2a", "ua-1"]
_compiling = threading.Lock()

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
EU_NOTE = {
    "not-covid": (
        "Kode Uni Eropa hanya ada untuk vaksin COVID-19; kartu SMART di atas membuktikan vaksinasi ini.",
        "The EU code exists for COVID-19 vaccines only; the SMART card above proves this vaccination.",
    ),
    "no-eu-code": (
        "Vaksin ini tidak mempunyai kode produk Uni Eropa, jadi kode HC1 tidak diterbitkan.",
        "This vaccine has no EU product code, so no HC1 code is issued.",
    ),
    "name-script": (
        "Nama tidak dapat dialihaksarakan menurut ICAO 9303, jadi kode HC1 tidak diterbitkan.",
        "The name cannot be transliterated by ICAO 9303, so no HC1 code is issued.",
    ),
    "birth-year": (
        "Tahun lahir di luar batas kode Uni Eropa, jadi kode HC1 tidak diterbitkan.",
        "The year of birth is outside the range of the EU code, so no HC1 code is issued.",
    ),
}


@lru_cache(maxsize=2)
def _compiler(*, system_fonts: bool = False) -> typst.Compiler:
    """Only the fonts inside the wheel: the same file on every machine. System fonts are for rare scripts."""
    return typst.Compiler(str(SOURCE), root=str(SOURCE.parent), ignore_system_fonts=not system_fonts)


def render(certificate: Certificate) -> bytes:
    """A4 page and wallet card of one certificate."""
    return _compile(certificate, "pdf")[0]


def render_pages(certificate: Certificate, *, dots_per_inch: float) -> list[bytes]:
    """The same pages as PNG pictures."""
    return _compile(certificate, "png", ppi=dots_per_inch)


def _compile(certificate: Certificate, kind: Literal["pdf", "png"], **options: Any) -> list[bytes]:
    inputs = {"data": json.dumps(page_data(certificate), ensure_ascii=False)}
    if kind == "pdf":
        options |= {"pdf_standards": STANDARDS, "timestamp": int(certificate.issued_at.timestamp())}
    with _compiling:
        try:
            made = _compiler().compile(format=kind, sys_inputs=inputs, **options)
        except typst.TypstError:
            # PDF/A refuses a letter the font does not have (a Chinese name, say); a plain PDF is better than none.
            options.pop("pdf_standards", None)
            made = _compiler(system_fonts=True).compile(format=kind, sys_inputs=inputs, **options)
    pages = made if isinstance(made, list) else [made]
    return [page for page in pages if page]


def page_data(certificate: Certificate) -> dict[str, Any]:
    """Everything the page prints; texts of both languages side by side."""
    facts = certificate.facts
    born, given = (date.fromisoformat(facts[name]) for name in ("birth_date", "occurred_on"))
    issued, expires = (timezone.localdate(moment) for moment in (certificate.issued_at, certificate.expires_at))
    short_day = _row("Tanggal", "Date", _both(given))
    name = _row("Nama", "Name", facts["name"])
    birth = _row("Tanggal lahir", "Date of birth", _both(born))
    vaccine = _row("Vaksin", "Vaccine", facts["vaccine_name"])
    dose = _row("Dosis", "Dose", f"{facts['dose_number']}/{facts['series_doses']} ({facts['dose_label']})")
    day = _row("Tanggal vaksinasi", "Date of vaccination", _both(given))
    rows = [
        name,
        birth,
        _row("Penyakit", "Disease", facts["disease"]),
        vaccine,
        _row("Produsen", "Manufacturer", facts["manufacturer"]),
        dose,
        day,
        _row("Nomor batch", "Batch number", facts["lot_number"]),
        _row("Tempat", "Administered at", facts["facility_name"]),
        _row("Terbit – berlaku sampai", "Issued – valid until", f"{_both(issued)} – {_both(expires)}"),
    ]
    note_id, note_en = EU_NOTE.get(certificate.eu_reason, ("", ""))
    with translation.override(settings.LANGUAGE_CODE):
        verify_url = settings.PUBLIC_BASE_URL.rstrip("/") + reverse("certificates:verify")
    return {
        "issuer": facts["issuer"],
        "uvci": certificate.uvci,
        "verify_url": verify_url,
        "specimen": settings.DEMO,
        "rows": [row for row in rows if row["value"]],
        "card": [name, birth, vaccine, dose, short_day],
        "hc1_svg": certificate.hc1_svg,
        "shc_svg": certificate.shc_svg,
        "note_id": note_id,
        "note_en": note_en,
    }


def _row(label_id: str, label_en: str, value: str) -> dict[str, str]:
    return {"id": label_id, "en": label_en, "value": value}


def _both(day: date) -> str:
    """One date for both languages: the month once where they agree, else the English name beside the Indonesian."""
    names = [MONTHS[language].split()[day.month - 1] for language in ("id", "en")]
    month = names[0] if names[0] == names[1] else f"{names[0]} / {names[1]}"
    return f"{day.day} {month} {day.year}"
