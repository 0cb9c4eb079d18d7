"""The family's draws on pages that are about something else."""

from typing import Any

from django import template

from scheduling.draws import queries as draw_queries

register = template.Library()


@register.inclusion_tag("scheduling/draw/_my_draws.html", takes_context=True)
def my_draws(context: dict[str, Any]) -> dict[str, Any]:
    """Numbers of the signed-in family, nothing for nobody; two queries, more while a number still waits."""
    request = context["request"]
    return {
        "mine": draw_queries.of_family(request.citizen_account),
        "csrf_token": context.get("csrf_token"),
        "request": request,
    }
