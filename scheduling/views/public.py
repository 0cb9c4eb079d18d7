"""/jadwal/: what is on, for everybody, from snapshots; no cookie, no query while fresh."""

from copy import copy
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.snapshot import Snapshot, snapshot_response
from regions.models import Kecamatan
from registration.queries import home_kecamatan
from registration.session import VisitorRequest
from scheduling import queries
from scheduling.forms import FilterForm

PER_PAGE = 24


def _build_list(request: HttpRequest) -> bytes:
    asked = QueryDict(request.META.get("QUERY_STRING", ""))
    everything = queries.overview()
    form = FilterForm(asked, everything)
    filters = form.filters()
    rows = queries.overview(filters)
    page = Paginator(rows, PER_PAGE).get_page(asked.get("halaman"))
    distance = queries.distances_from(filters.near or filters.kecamatan)
    context = {
        "form": form,
        "page": page,
        "rows": [(row, distance.get(row.schedule.facility.kecamatan_id)) for row in page],
        "total": len(rows),
        "open": sum(row.state == queries.OPEN for row in rows),
        "places": sum(row.places_left for row in rows),
        "next_release": queries.next_release(rows),
        "any_filter": any(asked.get(name) for name in form.fields),
        "previous": _page_link(asked, page.number - 1) if page.has_previous() else "",
        "next": _page_link(asked, page.number + 1) if page.has_next() else "",
        "near_by": _nearest(filters.kecamatan, distance, everything) if filters.kecamatan else [],
        "page_path": request.path,
    }
    return render_to_string("scheduling/list.html", context).encode()


def _build_detail(request: HttpRequest) -> bytes:
    assert request.resolver_match
    row = queries.row_of(request.resolver_match.kwargs["schedule_id"])
    if row is None:
        raise Http404
    context: dict[str, Any] = {
        "row": row,
        "slots": [slot for slot in queries.slots_of(row.schedule.pk) if not slot.over],
        "alternatives": [] if row.state == queries.OPEN else queries.alternatives(row.schedule),
        "page_path": request.path,
    }
    return render_to_string("scheduling/detail.html", context).encode()


SCHEDULES = Snapshot("schedules", _build_list)
SCHEDULE = Snapshot("schedule", _build_detail)


@require_safe
def schedule_list(request: VisitorRequest) -> HttpResponse:
    """All schedules with filters, free ones first; for a signed-in person the nearest first."""
    if "warga" in request.GET and (citizen_id := _uuid(request.GET["warga"])):
        # From the family page: what this person may have is private, so it is not a question for the public list.
        return HttpResponseRedirect(reverse("scheduling:new_for", args=[citizen_id]))
    near = _near_home(request)
    if near is None:
        return snapshot_response(request, SCHEDULES)
    response = snapshot_response(near, SCHEDULES)
    response.headers["Cache-Control"] = "private, max-age=1"  # ordered for one family: not for a shared cache
    return response


@require_safe
def schedule_detail(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """One schedule with its sessions and the places left in each."""
    return snapshot_response(request, SCHEDULE)


def _near_home(request: VisitorRequest) -> HttpRequest | None:
    """The same request as if the family's kecamatan had been asked for; None when nobody is signed in or it was."""
    if {"dekat", "kecamatan"} & set(request.GET) or not request.citizen_account:
        return None
    home = home_kecamatan(request.citizen_account)
    if not home:
        return None
    asked = request.GET.copy()
    asked["dekat"] = home
    near = copy(request)
    near.META = request.META | {"QUERY_STRING": asked.urlencode()}
    return near


def _uuid(raw: str) -> UUID | None:
    try:
        return UUID(raw)
    except ValueError:
        return None


def _page_link(asked: QueryDict, number: int) -> str:
    link = asked.copy()
    link["halaman"] = str(number)
    return "?" + link.urlencode()


def _nearest(kecamatan: str, distance: dict[str, float], rows: list[queries.Row]) -> list[tuple[Kecamatan, int]]:
    """The nearest other kecamatan that have places left, with how many."""
    left: dict[str, int] = {}
    names: dict[str, Kecamatan] = {}
    for row in rows:
        place = row.schedule.facility.kecamatan
        if row.places_left and place.code != kecamatan:
            left[place.code] = left.get(place.code, 0) + row.places_left
            names[place.code] = place
    return [(names[code], left[code]) for code in sorted(left, key=lambda code: distance.get(code, 999.0))[:3]]
