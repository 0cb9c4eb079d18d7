"""Draws on pages that are about something else: those to enter, and the family's own."""

from typing import Any

from django import template
from django.utils import timezone

from scheduling import queries
from scheduling.draws import queries as draw_queries

SHOWN = 3
register = template.Library()


@register.inclusion_tag("scheduling/draw/_announced.html")
def announced_draws(programme: str = "") -> dict[str, Any]:
    """Draws that can be entered now or soon, from the shared overview: no query of their own while it is fresh."""
    rows = queries.overview(queries.Filters(programme=programme))
    return {"draws": queries.announced_draws(rows, timezone.now())[:SHOWN]}


@register.inclusion_tag("scheduling/draw/_my_draws.html", takes_context=True)
def my_draws(context: dict[str, Any]) -> dict[str, Any]:
    """Numbers of the signed-in family, nothing for nobody; two queries, more while a number still waits."""
    request = context["request"]
    return {
        "mine": draw_queries.of_family(request.citizen_account),
        "csrf_token": context.get("csrf_token"),
        "request": request,
    }
