"""How figures, dates and identifiers are written on a page (RULES section 15)."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

DAYS = {
    "id": ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}
MONTHS = {
    "id": [
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}


def number(value: int, language: str | None = "id") -> str:
    """Group thousands with points: 503.875; on English pages, where that reads as five hundred, with commas."""
    return f"{value:,}" if _english(language) else f"{value:,}".replace(",", ".")


def percent(value: Decimal, places: int = 2, language: str | None = "id") -> str:
    """Round half up and write with a comma: 36,21 % (RULES RP-1); English 36.21%."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded}%" if _english(language) else f"{rounded}".replace(".", ",") + " %"


def long_date(day: date, language: str | None = "id") -> str:
    """Senin, 24 Januari 2023."""
    key = "en" if _english(language) else "id"
    return f"{DAYS[key][day.weekday()]}, {day.day} {MONTHS[key][day.month - 1]} {day.year}"


def time_ago(then: datetime, now: datetime) -> str:
    """Say an age in one unit; a moment in the future reads as now."""
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < 60:
        return _("baru saja")
    if seconds < 3600:
        return ngettext("%d menit lalu", "%d menit lalu", seconds // 60) % (seconds // 60)
    if seconds < 86400:
        return ngettext("%d jam lalu", "%d jam lalu", seconds // 3600) % (seconds // 3600)
    return ngettext("%d hari lalu", "%d hari lalu", seconds // 86400) % (seconds // 86400)


def mask_nik(nik: str) -> str:
    """Keep six digits in front and four behind."""
    return f"{nik[:6]}******{nik[-4:]}" if len(nik) == 16 else "*" * len(nik)


def mask_phone(phone: str) -> str:
    """Keep the prefix and the last four digits."""
    return f"{phone[:6]}****{phone[-4:]}" if len(phone) > 10 else "*" * len(phone)


def _english(language: str | None) -> bool:
    return (language or "id").startswith("en")
