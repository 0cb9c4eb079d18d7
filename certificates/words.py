"""Verdicts and facts in plain words, in the language of the page."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from certificates.verifying import verdicts as outcome
from certificates.verifying.verdicts import Outcome

Words = tuple[str, str, str]
UNKNOWN_CONTENT = "unknown-content"


def of(result: Outcome) -> Words:
    """Kind of notice, title and one sentence for a verdict."""
    table = all_words()
    if result.verdict == outcome.VALID and result.facts.get("kind") == "unknown":
        return table[UNKNOWN_CONTENT]
    return table[result.verdict]


def all_words() -> dict[str, Words]:
    """The words of every verdict."""
    broken = (
        "error",
        _("Kode tidak terbaca"),
        _("Kode tidak lengkap atau rusak. Pindai ulang, atau salin seluruh teksnya."),
    )
    table: dict[str, Words] = dict.fromkeys(outcome.VERDICTS, broken)
    table |= {
        outcome.VALID: ("ok", _("Sah"), _("Tanda tangan digital sah dan isinya tidak diubah.")),
        outcome.BAD_SIGNATURE: (
            "error",
            _("Tidak sah"),
            _("Tanda tangan tidak cocok: isi kode diubah atau dipalsukan."),
        ),
        outcome.UNKNOWN_KEY: (
            "warn",
            _("Penerbit tidak dikenal"),
            _("Kode ini tidak ditandatangani dengan kunci kami. Keasliannya tidak dapat dipastikan di sini."),
        ),
        outcome.REVOKED: (
            "error",
            _("Dicabut"),
            _("Sertifikat ini pernah sah, tetapi sudah dicabut penerbitnya. Minta sertifikat yang baru."),
        ),
        outcome.EXPIRED: ("warn", _("Kedaluwarsa"), _("Tanda tangan sah, tetapi masa berlakunya sudah habis.")),
        outcome.NOT_YET_VALID: ("warn", _("Belum berlaku"), _("Tanda tangan sah, tetapi belum mulai berlaku.")),
        outcome.WRONG_KEY_USAGE: (
            "error",
            _("Tidak sah"),
            _("Kunci penerbit ini tidak berhak menandatangani jenis sertifikat ini."),
        ),
        outcome.BAD_SCHEMA: (
            "error",
            _("Tidak sah"),
            _("Tanda tangan sah, tetapi isinya tidak mengikuti aturan formatnya."),
        ),
        outcome.BAD_VALUESET: (
            "warn",
            _("Sah, dengan catatan"),
            _("Tanda tangan sah, tetapi ada kode vaksin yang tidak ada di daftar resmi."),
        ),
        outcome.BAD_PREFIX: (
            "error",
            _("Kode tidak terbaca"),
            _("Ini bukan kode sertifikat yang kami kenal. Kode diawali HC1: atau shc:/."),
        ),
        UNKNOWN_CONTENT: (
            "warn",
            _("Tanda tangan sah, isi tidak dikenal"),
            _("Isi kode ini bukan bukti vaksinasi yang kami kenal."),
        ),
    }
    return table


def fact_labels() -> list[tuple[str, str]]:
    """Facts in reading order with their labels."""
    return [
        ("name", _("Nama")),
        ("birth_date", _("Tanggal lahir")),
        ("disease", _("Penyakit")),
        ("vaccine", _("Vaksin")),
        ("dose", _("Dosis")),
        ("test_result", _("Hasil tes")),
        ("date", _("Tanggal")),
        ("lot", _("Nomor batch")),
        ("country", _("Negara")),
        ("certificate_issuer", _("Diterbitkan oleh")),
        ("uvci", _("Nomor sertifikat")),
    ]


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
    shown = facts | {name: _day(facts.get(name, "")) for name in ("birth_date", "date")}
    if facts.get("country") == "ID":
        shown["country"] = "Indonesia"
    lines = [(_("Jenis"), kinds.get(facts.get("kind", ""), ""))]
    lines += [(label, str(shown.get(name, ""))) for name, label in fact_labels()]
    return [(label, value) for label, value in lines if value]


def _day(text: str) -> str:
    """A full date in words; anything else (a year, a moment) as the code has it."""
    try:
        return date_format(date.fromisoformat(text), "j F Y")
    except ValueError:
        return text
