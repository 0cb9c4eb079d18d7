"""Structure of a NIK: what is refused, what is only a warning for the desk (RULES N-1 to N-5). Pure, no database.

A NIK never follows a move or a corrected birth date, so a difference is a question for the desk and never a refusal.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Kemendagri province codes. A prefix outside them, or a kecamatan of Semarang that does not exist, is a warning.
PROVINCES = frozenset(
    str(code)
    for codes in (
        range(11, 20),
        [21],
        range(31, 37),
        range(51, 54),
        range(61, 66),
        range(71, 77),
        [81, 82],
        range(91, 97),
    )
    for code in codes
)
SEMARANG = "3374"
SEMARANG_KECAMATAN = range(1, 17)

LENGTH, DAY, MONTH, DATE, SERIAL, DUMMY = "length", "day", "month", "date", "serial", "dummy"
REGION, SEX, BIRTH_DATE = "region", "sex", "birth_date"

REFUSALS: dict[str, Any] = {
    LENGTH: _("NIK belum sesuai. Mohon periksa kembali 16 angka."),
    DAY: _("NIK belum sesuai: angka ke-7 dan ke-8 bukan tanggal lahir. Mohon periksa kembali."),
    MONTH: _("NIK belum sesuai: angka ke-9 dan ke-10 bukan bulan lahir. Mohon periksa kembali."),
    DATE: _("NIK belum sesuai: tanggal lahir di dalamnya tidak ada di kalender. Mohon periksa kembali."),
    SERIAL: _("NIK belum sesuai: empat angka terakhir tidak boleh 0000. Mohon periksa kembali."),
    DUMMY: _("NIK belum sesuai: semua angkanya sama. Mohon isi NIK seperti pada KTP, KK, atau KIA."),
}
WARNINGS: dict[str, Any] = {
    REGION: _("Kode wilayah pada NIK tidak kami kenal."),
    SEX: _("Jenis kelamin berbeda dari yang tersirat pada NIK."),
    BIRTH_DATE: _("Tanggal lahir berbeda dari yang tersirat pada NIK."),
}


class NikInvalid(ValidationError):
    """The text cannot be a NIK; `code` is one of REFUSALS."""

    def __init__(self, code: str) -> None:
        super().__init__(REFUSALS[code], code=f"nik_{code}")


@dataclass(frozen=True)
class Nik:
    """A well-formed NIK and what its digits suggest."""

    digits: str
    sex: str
    birth_dates: tuple[date, ...]

    @property
    def birth_date(self) -> date | None:
        """The birth date when only one century fits, else None: then the person must be asked (N-4)."""
        return self.birth_dates[0] if len(self.birth_dates) == 1 else None

    def warnings(self, *, birth_date: date | None = None, sex: str | None = None) -> list[str]:
        """Codes of WARNINGS for what the person told us; an empty list when all agrees."""
        found = []
        if not _known_region(self.digits):
            found.append(REGION)
        if sex and sex != self.sex:
            found.append(SEX)
        if birth_date and birth_date not in self.birth_dates:
            found.append(BIRTH_DATE)
        return found


def clean(text: str) -> str:
    """Drop the spaces, points and hyphens people type between groups of digits."""
    return re.sub(r"[\s.\-]", "", text or "")


def parse(text: str, *, today: date) -> Nik:
    """Return the NIK in `text`; raises NikInvalid with the first reason found."""
    digits = clean(text)
    if not re.fullmatch(r"[0-9]{16}", digits):
        raise NikInvalid(LENGTH)
    if len(set(digits)) == 1:
        raise NikInvalid(DUMMY)
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    sex = "L"
    if day > 40:  # 40 is added to the day of birth of women
        day, sex = day - 40, "P"
    if not 1 <= day <= 31:
        raise NikInvalid(DAY)
    if not 1 <= month <= 12:
        raise NikInvalid(MONTH)
    candidates = [born for century in (1900, 2000) if (born := _date(century + year, month, day)) and born <= today]
    if not candidates:
        raise NikInvalid(DATE)
    if digits[12:] == "0000":
        raise NikInvalid(SERIAL)
    return Nik(digits=digits, sex=sex, birth_dates=tuple(candidates))


def looks_like(text: str) -> bool:
    """True for sixteen digits: such a text must never serve as a temporary number (RULES N-8)."""
    return re.fullmatch(r"[0-9]{16}", clean(text)) is not None


def describe(codes: list[str]) -> list[str]:
    """The stored warning codes in words; unknown codes are left out."""
    return [str(WARNINGS[code]) for code in codes if code in WARNINGS]


def _known_region(digits: str) -> bool:
    if digits[:2] not in PROVINCES:
        return False
    return not digits.startswith(SEMARANG) or int(digits[4:6]) in SEMARANG_KECAMATAN


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
