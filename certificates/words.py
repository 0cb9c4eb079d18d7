"""Verdicts and facts in plain words, in the language of the page."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from certificates.verifying import verdicts as outcome
from certificates.verifying.divoc import ROLES_NOT_SIGNED
from certificates.verifying.verdicts import Outcome

Words = tuple[str, str, str]
UNKNOWN_CONTENT = "unknown-content"
OWN_LISTED = "own-listed"


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
            _("Penerbit kode ini tidak ada di daftar kunci kami. Keasliannya tidak dapat dipastikan di sini."),
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
            _("Ini bukan kode sertifikat yang kami kenal. Salin seluruh teks yang dibaca pemindai."),
        ),
        UNKNOWN_CONTENT: (
            "warn",
            _("Tanda tangan sah, isi tidak dikenal"),
            _("Isi kode ini bukan bukti vaksinasi yang kami kenal."),
        ),
    }
    return table


def trust_sentences() -> dict[str, str]:
    """On whose word a signature counts, one sentence for each kind; `{list}` stands for the name of a list."""
    return {
        outcome.OWN: _("Ditandatangani dengan kunci portal ini. Penerbit ini belum tercantum di daftar internasional."),
        OWN_LISTED: _("Ditandatangani dengan kunci portal ini, yang juga tercantum di daftar: {list}."),
        outcome.NATIONAL: _("Penerbit ini tercantum di daftar nasional: {list}."),
        outcome.INTERNATIONAL: _("Penerbit ini tercantum di daftar internasional: {list}."),
        outcome.GIVEN: _("Diperiksa dengan kunci yang diberikan, bukan dengan daftar kami."),
        outcome.UNLISTED: _(
            "Tanda tangan cocok dengan sertifikat di dalam kode, tetapi penerbitnya tidak ada di daftar mana pun. "
            "Siapa pun dapat membuat kode seperti ini."
        ),
    }


def trust_of(result: Outcome) -> str:
    """The sentence about trust that belongs to this answer; empty where no signature was found good."""
    if not result.trust:
        return ""
    kind = OWN_LISTED if result.trust == outcome.OWN and result.list_name else result.trust
    return trust_sentences()[kind].replace("{list}", result.list_name)


def note_sentences() -> dict[str, str]:
    """What a good signature does not say by itself."""
    return {
        outcome.REVOCATION_NOT_CHECKED: _("Pencabutan oleh penerbitnya tidak dapat diperiksa di sini."),
        ROLES_NOT_SIGNED: _(
            "Pada format ini tanda tangan melindungi isinya, tetapi tidak membedakan mana vaksin, produsen, dan batch. "
            "Dosis dan tanggal ditampilkan menurut bacaan yang paling hati-hati."
        ),
    }


def notes_of(result: Outcome) -> list[str]:
    """The notes of this answer in words."""
    table = note_sentences()
    return [table[note] for note in result.notes]


def in_words(result: Outcome, language: str) -> dict[str, Any]:
    """The whole answer in one language, whatever the language of the request: for partners."""
    with override(language):
        kind, title, text = of(result)
        return {
            "kind": kind,
            "title": title,
            "text": text,
            "trust": trust_of(result),
            "notes": notes_of(result),
            "facts": [{"name": label, "value": value} for label, value in readable_facts(result.facts)],
        }


def fact_labels() -> list[tuple[str, str]]:
    """Facts in reading order with their labels."""
    return [
        ("name", _("Nama")),
        ("birth_date", _("Tanggal lahir")),
        ("age", _("Umur saat vaksinasi")),
        ("disease", _("Penyakit")),
        ("vaccine", _("Vaksin")),
        ("manufacturer", _("Produsen")),
        ("dose", _("Dosis")),
        ("doses_on_card", _("Dosis pada kode ini")),
        ("test_type", _("Jenis tes")),
        ("test_result", _("Hasil tes")),
        ("date", _("Tanggal")),
        ("valid_from", _("Berlaku sejak")),
        ("valid_until", _("Berlaku sampai")),
        ("lot", _("Nomor batch")),
        ("country", _("Negara")),
        ("certificate_issuer", _("Diterbitkan oleh")),
        ("uvci", _("Nomor sertifikat")),
    ]


def kinds() -> dict[str, str]:
    """What a code is about; anything but the first is no vaccination."""
    return {
        "vaccination": _("Vaksinasi"),
        "test": _("Hasil tes, bukan vaksinasi"),
        "recovery": _("Surat sembuh, bukan vaksinasi"),
        "other": _("Bukan vaksinasi"),
    }


def codes_in_words() -> dict[str, dict[str, str]]:
    """Codes of the EU value sets for tests (LOINC, SNOMED CT) by fact; a code that is not here stays as it is."""
    return {
        "test_type": {"LP6464-4": _("Tes PCR (NAAT)"), "LP217198-3": _("Tes cepat antigen")},
        "test_result": {"260415000": _("Negatif (tidak terdeteksi)"), "260373001": _("Positif (terdeteksi)")},
    }


def readable_facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and value in reading order; empty for a content that is not known."""
    if not facts or facts.get("kind") == "unknown":
        return []
    days = ("birth_date", "date", "valid_from", "valid_until")
    shown = facts | {name: _day(str(facts.get(name, ""))) for name in days}
    for name, known in codes_in_words().items():
        shown[name] = known.get(str(facts.get(name, "")), facts.get(name, ""))
    if facts.get("country") in {"ID", "IDN"}:
        shown["country"] = "Indonesia"
    lines = [(_("Jenis"), kinds().get(facts.get("kind", ""), ""))]
    lines += [(label, str(shown.get(name, ""))) for name, label in fact_labels()]
    return [(label, value) for label, value in lines if value]


def _day(text: str) -> str:
    """A full date in words; anything else (a year, a moment) as the code has it."""
    try:
        return date_format(date.fromisoformat(text), "j F Y")
    except ValueError:
        return text
