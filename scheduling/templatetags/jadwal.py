"""How a dose is named on pages of this app."""

from django import template

register = template.Library()


@register.filter
def with_dose(vaccine: str, dose: str) -> str:
    """ "AstraZeneca" and "Booster 1" → "AstraZeneca · Booster 1"; "BCG" and "BCG" → "BCG"."""
    if not dose or not vaccine or dose.startswith(vaccine):
        return dose or vaccine
    return f"{vaccine} · {dose}"
