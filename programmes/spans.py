"""Lengths of time as vaccination rules write them: "28 d", "8 w", "6 mo", "18 y", "11 mo 29 d"."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_PART = re.compile(r"(\d+(?:\.5)?)\s*(d|w|mo|y)")
_WHOLE = re.compile(r"\s*(\d+(\.5)?\s*(d|w|mo|y)\s*)+")


@dataclass(frozen=True, slots=True)
class Span:
    """Calendar months plus exact days; `written` keeps the wording of the rule for texts."""

    months: int = 0
    days: int = 0
    written: str = ""

    @classmethod
    @lru_cache(maxsize=1024)  # the same few dozen, asked for by every booking
    def parse(cls, text: str) -> "Span | None":
        """Read a span; empty text is None. Raises ValueError for anything else.

        Half a month counts as 15 days.
        """
        if not text.strip():
            return None
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"bukan rentang waktu: {text!r} (contoh: 28 d, 8 w, 6 mo, 18 y)")
        months = days = 0
        for amount, unit in _PART.findall(text):
            whole, half = int(float(amount)), amount.endswith(".5")
            if half and unit != "mo":
                raise ValueError(f"setengah hanya untuk bulan: {text!r}")
            if unit in ("d", "w"):
                days += whole * (7 if unit == "w" else 1)
            else:
                months += whole * (12 if unit == "y" else 1)
                days += 15 if half else 0
        return cls(months, days, " ".join(text.split()))

    def after(self, start: date) -> date:
        """`start` plus this span: months first, clamped to the end of a shorter month, then days (RULES E-8)."""
        year, month0 = divmod(start.year * 12 + start.month - 1 + self.months, 12)
        last = 28 if start.day <= 28 else calendar.monthrange(year, month0 + 1)[1]
        return date(year, month0 + 1, min(start.day, last)) + timedelta(days=self.days)

    def __str__(self) -> str:
        """The span in words of the active language ("6 bulan", "8 minggu")."""
        words = {
            "d": lambda n: ngettext("%(n)d hari", "%(n)d hari", n),
            "w": lambda n: ngettext("%(n)d minggu", "%(n)d minggu", n),
            "mo": lambda n: ngettext("%(n)d bulan", "%(n)d bulan", n),
            "y": lambda n: ngettext("%(n)d tahun", "%(n)d tahun", n),
        }
        parts = []
        for amount, unit in _PART.findall(self.written or f"{self.months} mo {self.days} d"):
            whole = int(float(amount))
            parts.append(words[unit](whole) % {"n": whole})
            if amount.endswith(".5"):
                parts.append(_("15 hari"))
        return " ".join(parts)
