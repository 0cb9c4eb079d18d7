"""/undian/: draws in public, from snapshots; /janji/undian/: a family takes part, sees its number, withdraws."""

from contextlib import suppress
from typing import Any
from uuid import uuid5

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from core.snapshot import Snapshot, snapshot_response
from registration.models import Citizen
from registration.queries import family
from registration.session import CitizenRequest, citizen_form, citizen_required
from scheduling import booking, errors, flow
from scheduling.draws import files as draw_files
from scheduling.draws import queries as draw_queries
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.draws.forms import EntryForm
from scheduling.models import Draw, DrawEntry

PER_PAGE = 100
CSV = "text/csv; charset=utf-8"


def _build_list(request: HttpRequest) -> bytes:
    rows = draw_queries.public_draws(timezone.now())
    return render_to_string("scheduling/draw/list.html", {"rows": rows, "page_path": request.path}).encode()


def _build_page(request: HttpRequest) -> bytes:
    draw = _draw(request)
    asked = QueryDict(request.META.get("QUERY_STRING", ""))
    number = asked.get("nomor", "").strip()[:20]
    context: dict[str, Any] = {
        "draw": draw,
        "phase": draw.phase(timezone.now()),
        "draws_at": draw_run.draws_at(draw),
        "prizes": draw_queries.prizes(draw),
        "weights": draw_weights.describe(draw.weights),
        "count": draw_queries.taking_part(draw),
        "page_path": request.path,
    }
    if draw.state == Draw.State.DRAWN:
        page = Paginator(draw_queries.results(draw, number), PER_PAGE).get_page(asked.get("halaman"))
        context |= {
            "number": number,
            "page": page,
            "won": draw.entries.filter(outcome=DrawEntry.Outcome.WON).count(),
            "previous": f"?halaman={page.number - 1}#hasil" if page.has_previous() else "",
            "next": f"?halaman={page.number + 1}#hasil" if page.has_next() else "",
        }
    return render_to_string("scheduling/draw/page.html", context).encode()


def _build_participants(request: HttpRequest) -> bytes:
    draw = _draw(request)
    if not draw.list_hash:
        raise Http404
    return draw_files.participants_file(draw_run.tickets_of(draw))


def _build_result(request: HttpRequest) -> bytes:
    draw = _draw(request)
    if draw.state != Draw.State.DRAWN:
        raise Http404
    return draw_files.result_file(draw_run.results_of(draw))


DRAWS = Snapshot("draws", _build_list)
DRAW = Snapshot("draw", _build_page)
PARTICIPANTS = Snapshot("draw-participants", _build_participants, max_age=5, content_type=CSV, max_variants=8)
RESULT = Snapshot("draw-result", _build_result, max_age=5, content_type=CSV, max_variants=8)


@require_safe
def draw_list(request: HttpRequest) -> HttpResponse:
    """All draws, those open for entering first."""
    return snapshot_response(request, DRAWS)


@require_safe
def draw_page(request: HttpRequest, draw_id: int) -> HttpResponse:
    """One draw: window, places, extra tickets, hashes; afterwards the seed, the result, and how to repeat it."""
    return snapshot_response(request, DRAW)


@require_safe
def participants(request: HttpRequest, draw_id: int) -> HttpResponse:
    """The frozen list, byte for byte what its hash was made of; 404 before."""
    return snapshot_response(request, PARTICIPANTS)


@require_safe
def result(request: HttpRequest, draw_id: int) -> HttpResponse:
    """The result in drawn order; 404 before."""
    return snapshot_response(request, RESULT)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def enter(request: CitizenRequest, draw_id: int) -> HttpResponse:
    """Tick who takes part, name the wished schedules, get a number; sent twice it is one number."""
    draw = get_object_or_404(Draw.objects.select_related("programme"), pk=draw_id)
    is_open = draw.phase(timezone.now()) == "open"
    members = family(request.citizen_account)
    mine = draw_queries.of_family(request.citizen_account, draw)
    rows = _rows(draw, members, mine) if is_open else []
    form = EntryForm(
        request.POST if request.method == "POST" else None,
        members=[row["citizen"] for row in rows if row["free"]],
        prizes=draw_queries.prizes(draw) if is_open else [],
    )
    problem = ""
    if request.method == "POST" and not is_open:
        problem = " ".join(draws.DrawNotOpen(draw, timezone.now()).messages)
    elif request.method == "POST" and form.is_valid():
        try:
            _enter(request, draw, form)
            return HttpResponseRedirect(f"{request.path}?baru=1")
        except errors.BookingError as error:
            problem = " ".join(error.messages)
            mine = draw_queries.of_family(request.citizen_account, draw)
    context = {
        "draw": draw,
        "phase": draw.phase(timezone.now()),
        "draws_at": draw_run.draws_at(draw),
        "mine": mine,
        "rows": rows,
        "form": form,
        "has_family": bool(members),
        "is_new": "baru" in request.GET,
        "has_left": "mundur" in request.GET,
        "key": flow.request_key(request),
        "problem_text": problem,
    }
    status = 409 if problem else 422 if form.errors else 200
    return render(request, "scheduling/draw/enter.html", context, status=status)


@citizen_form(lambda draw_id: reverse("scheduling:draw_enter", args=[draw_id]))
def withdraw(request: CitizenRequest, draw_id: int) -> HttpResponse:
    """Give a number back while the window is open."""
    number = request.POST.get("nomor", "")
    mine = draw_queries.of_family(request.citizen_account, get_object_or_404(Draw, pk=draw_id))
    entry = next((one.entry for one in mine if one.entry.ticket == number), None)
    if entry is None:
        raise Http404
    back = reverse("scheduling:draw_enter", args=[draw_id])
    with suppress(draws.DrawNotOpen):  # the page itself says that the window is closed
        draws.withdraw(entry.pk)
        back = flow.with_query(back, mundur=1)
    return HttpResponseRedirect(back)


def _draw(request: HttpRequest) -> Draw:
    assert request.resolver_match
    return get_object_or_404(
        Draw.objects.select_related("programme"), pk=request.resolver_match.kwargs["draw_id"]
    )  # fmt: skip


def _rows(draw: Draw, members: list[Citizen], mine: list[draw_queries.Mine]) -> list[dict[str, Any]]:
    """Each person of the family with what stands in the way, if anything."""
    entered = {member.citizen_id for one in mine for member in one.entry.members.all()}
    rows = []
    for fit in draws.fits(draw, members):
        appointment = booking.active_appointment(fit.citizen, draw.programme_id)
        free = fit.citizen.pk not in entered and appointment is None and bool(fit.allowed)
        rows.append(
            {
                "citizen": fit.citizen,
                "entered": fit.citizen.pk in entered,
                "appointment": appointment,
                "refusal": fit.refusal,
                "free": free,
            }
        )
    return rows


@transaction.atomic
def _enter(request: CitizenRequest, draw: Draw, form: EntryForm) -> None:
    """One number for all, or one each; all of them or none."""
    key, people = flow.request_key(request), form.people()
    groups = [people] if form.cleaned_data.get("bersama") else [[one] for one in people]
    for group in groups:
        draws.enter(
            draw_id=draw.pk,
            citizens=group,
            wishes=form.wishes(),
            client_uuid=uuid5(key, " ".join(str(one.public_id) for one in group)),
        )
