"""`{% certificate_state immunization %}`: the state of a proof as a status tag, for desk and citizen pages."""

from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from certificates import queries
from vaccination.models import Immunization

register = template.Library()


@register.filter
def breakable(text: str) -> str:
    """A long code that may break over lines on a narrow screen, every eight characters."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((text[i : i + 8],) for i in range(0, len(text), 8)))


@register.inclusion_tag("certificates/_state.html")
def certificate_state(immunization: Immunization, link: bool = False) -> dict[str, Any]:
    """Status tag; with `link` also the way to the page, which only the family may open."""
    return {"state": queries.certificate_state(immunization), "link": link}
