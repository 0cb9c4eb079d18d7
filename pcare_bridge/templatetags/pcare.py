"""`{% delivery_state immunization %}` and `{% pcare_banner %}` for desk and citizen pages."""

from typing import Any

from django import template

from pcare_bridge import queries
from vaccination.models import Immunization

register = template.Library()


@register.inclusion_tag("pcare_bridge/_state.html")
def delivery_state(immunization: Immunization, audience: str = "staff") -> dict[str, Any]:
    """Tag with the state of one dose; `audience="citizen"` adds since when and one sentence, in their language."""
    return {"state": queries.state_of_row(immunization), "audience": audience}


@register.inclusion_tag("pcare_bridge/_banner.html")
def pcare_banner() -> dict[str, Any]:
    """During an outage: entry goes on as usual. Nothing otherwise."""
    is_down, since, waiting = queries.is_down_now()
    return {"is_down": is_down, "since": since, "waiting": waiting}
