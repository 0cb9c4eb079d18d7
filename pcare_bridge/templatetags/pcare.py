"""`{% delivery_state immunization %}` and `{% pcare_banner %}` for desk and citizen pages."""

from typing import Any

from django import template
from django.template import RequestContext

from pcare_bridge import gather, outlook, queries, repair
from vaccination.models import Immunization, Visit

register = template.Library()


@register.inclusion_tag("pcare_bridge/_state.html")
def delivery_state(immunization: Immunization, audience: str = "staff") -> dict[str, Any]:
    """Tag with the state of one dose; `audience="citizen"` adds since when and one sentence, in their language."""
    return {"state": queries.state_of_row(immunization), "audience": audience}


@register.inclusion_tag("pcare_bridge/_banner.html")
def pcare_banner() -> dict[str, Any]:
    """During an outage: entry goes on as usual. Nothing otherwise."""
    return {"outages": outlook.outages()}


@register.inclusion_tag("pcare_bridge/_tasks.html", takes_context=True)
def pcare_tasks(context: RequestContext) -> dict[str, Any]:
    """Refused deliveries that the health office handed to whoever is signed in; nothing when there are none."""
    user = context["request"].user
    return {"tasks": queries.handed_to(user), "late": queries.late(user, 20)}


@register.inclusion_tag("pcare_bridge/_missing.html")
def pcare_missing(visit: Visit) -> dict[str, Any]:
    """What the national services will ask for and this person or facility lacks, while there is time to get it."""
    found = gather.missing_before_dose(visit)
    wrong = [name for name, _label in found if repair.PLACES[name.lower()].kind == repair.PERSON]
    return {"missing": [label for _name, label in found], "visit": visit, "can_complete": bool(wrong)}
