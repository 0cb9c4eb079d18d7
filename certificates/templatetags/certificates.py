"""`{% certificate_state immunization %}`: the state of a proof as a status tag, for desk and citizen pages."""

from typing import Any

from django import template

from certificates import queries
from vaccination.models import Immunization

register = template.Library()


@register.inclusion_tag("certificates/_state.html")
def certificate_state(immunization: Immunization, link: bool = False) -> dict[str, Any]:
    """Status tag; with `link` also the way to the page, which only the family may open."""
    return {"state": queries.certificate_state(immunization), "link": link}
