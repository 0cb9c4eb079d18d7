"""Indonesian formats in templates (RULES X-1 to X-4, N-10)."""

from datetime import date, datetime, time
from decimal import Decimal

from django import template
from django.utils import timezone, translation

from core import formats

register = template.Library()


@register.filter
def angka(value: int | None) -> str:
    """503875 → 503.875 (English: 503,875)."""
    return "–" if value is None else formats.number(value, translation.get_language())


@register.filter
def persen(value: Decimal | float | None) -> str:
    """36.2096 → 36,21 % (English: 36.21%)."""
    return "–" if value is None else formats.percent(Decimal(str(value)), language=translation.get_language())


@register.filter
def tanggal(value: date | datetime | None) -> str:
    """Senin, 24 Januari 2023 (English: Monday, 24 January 2023)."""
    return "" if not value else formats.long_date(_local_date(value), translation.get_language())


@register.filter
def tanggal_pendek(value: date | datetime | None) -> str:
    """24-01-2023."""
    return "" if not value else f"{_local_date(value):%d-%m-%Y}"


@register.filter
def jam(value: datetime | time | None) -> str:
    """08.00; the page says WIB once."""
    if not value:
        return ""
    return f"{timezone.localtime(value) if isinstance(value, datetime) else value:%H.%M}"


@register.filter
def lalu(value: datetime | None) -> str:
    """ "3 menit lalu" / "3 minutes ago"."""
    return "" if not value else formats.time_ago(value, timezone.now())


@register.filter
def nik_masked(value: str | None) -> str:
    """337405******0003 (RULES N-10)."""
    return formats.mask_nik(value or "")


@register.filter
def phone_masked(value: str | None) -> str:
    """+62812****7890."""
    return formats.mask_phone(value or "")


def _local_date(value: date | datetime) -> date:
    return timezone.localdate(value) if isinstance(value, datetime) else value
