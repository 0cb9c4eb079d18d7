"""`{% certificate_state immunization %}`: the state of a proof as a status tag, for desk and citizen pages."""

from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from certificates import queries
from programmes.reasons import local_label
from vaccination.models import Immunization

register = template.Library()


register.filter("dose_name", local_label)  # "Dosis 2" is "Dose 2" on an English page


@register.filter
def breakable(text: str) -> str:
    """A long code that may break over lines on a narrow screen, every eight characters."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((text[i : i + 8],) for i in range(0, len(text), 8)))


@register.inclusion_tag("certificates/_state.html")
def certificate_state(immunization: Immunization, link: bool = False, staff: bool = False) -> dict[str, Any]:
    """Status tag; with `link` the way to the page that only the family may open, with `staff` the desk's print-out."""
    return {
        "state": queries.certificate_state(immunization),
        "immunization": immunization,
        "link": link,
        "staff": staff,
    }
