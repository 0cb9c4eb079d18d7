"""/dinkes/undian/: announce, watch, cancel, report. /petugas/undian/: a kader or the desk enters people."""

from datetime import timedelta
from typing import Any
from uuid import uuid5

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import StaffRequest, staff_required
from scheduling import errors, flow, reports
from scheduling.draws import notify as draw_notify
from scheduling.draws import queries as draw_queries
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.draws.forms import CancelDrawForm, DrawFilterForm, DrawForm, WishForm, next_full_hour
from scheduling.models import Draw, DrawEntry
from scheduling.people import People, channel_of, citizens_of, log_reads

PER_PAGE = 40
CHANNELS = {"web": "Daring", "desk": "Meja", "kader": "Kader"}
OUTSIDE = "Luar kota atau belum diisi"


@require_safe
@staff_required("schedule.view", "schedule.manage")
def office_list(request: StaffRequest) -> HttpResponse:
    """All draws, the newest first."""
    now = timezone.now()
    page = Paginator(Draw.objects.defer("seed").select_related("programme"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "rows": [(draw, draw.phase(now), draw_queries.taking_part(draw)) for draw in page],
        "may_manage": request.user.territory().can("schedule.manage"),
    }
    return render(request, "scheduling/draw_staff/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def announce(request: StaffRequest) -> HttpResponse:
    """Write a draw; from then on its seed's hash is public and its schedules cannot be booked."""
    now = timezone.now()
    drawable = draw_queries.drawable_schedules(now, request.user)
    search = DrawFilterForm(request.GET, drawable)  # the form is sent to its own address, so both see the same
    schedules = draw_queries.drawable_schedules(now, request.user, **search.wanted())
    start = next_full_hour(now + timedelta(hours=1))
    initial = {"buka": start, "tutup": start + timedelta(days=1), "sisa": start + timedelta(days=1, hours=2)}
    form = DrawForm(request.POST if request.method == "POST" else None, schedules=schedules, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        chosen = list(data["jadwal"])
        try:
            draw = draws.announce(
                title=data["judul"], programme=chosen[0].programme, schedule_ids=[one.pk for one in chosen],
                opens_at=data["buka"], closes_at=data["tutup"], rest_at=data["sisa"], weights=form.weights(),
                user=request.user,
            )  # fmt: skip
        except errors.BookingError as error:
            form.add_error("jadwal", error)
        else:
            messages.success(request, "Undian diumumkan. Sidik benihnya sudah tampil di halaman publik.")
            return redirect("schedules:draw", draw.pk)
    context = {"form": form, "search": search, "any": drawable.exists(), "found": schedules.exists()}
    return render(request, "scheduling/draw_staff/announce.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required("schedule.view", "schedule.manage")
def office_page(request: StaffRequest, draw_id: int) -> HttpResponse:
    """One draw: entries by channel and kecamatan, state, result."""
    draw = get_object_or_404(Draw.objects.select_related("programme", "created_by"), pk=draw_id)
    phase = draw.phase(timezone.now())
    counted = draw_queries.counts(draw)
    outcomes = dict(draw.entries.values_list("outcome").annotate(n=Count("pk")))
    context = {
        "draw": draw,
        "phase": phase,
        "draws_at": draw_run.draws_at(draw),
        "count": draw_queries.taking_part(draw),
        "prizes": draw_queries.prizes(draw),
        "weights": draw_weights.describe(draw.weights),
        "channels": [(CHANNELS.get(name, name), people, won) for name, people, won in counted["channel"]],
        "kecamatan": [(name or OUTSIDE, people, won) for name, people, won in counted["kecamatan"]],
        "won": outcomes.get(DrawEntry.Outcome.WON, 0),
        "lost": outcomes.get(DrawEntry.Outcome.LOST, 0),
        "ineligible": outcomes.get(DrawEntry.Outcome.INELIGIBLE, 0),
        "progress": _progress(draw, outcomes),
        "may_cancel": request.user.territory().can("schedule.manage") and phase in ("announced", "open"),
    }
    return render(request, "scheduling/draw_staff/page.html", context)


def _progress(draw: Draw, outcomes: dict[str, int]) -> tuple[str, int, int] | None:
    """What the worker is at, how many numbers are through and of how many; None when nothing is under way."""
    if draw.state == Draw.State.DRAWING:
        left = outcomes.get(DrawEntry.Outcome.WAITING, 0)
        return "Nomor sudah dilayani", draw.list_count - left, draw.list_count
    if draw.is_pending or not (left := draw_notify.untold(draw)):
        return None
    numbers = draw.entries.count()
    return "Nomor sudah diberi tahu", max(0, numbers - left), numbers


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def cancel(request: StaffRequest, draw_id: int) -> HttpResponse:
    """Call a draw off with a reason, while people may still enter."""
    draw = get_object_or_404(Draw, pk=draw_id)
    form = CancelDrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            draws.cancel(draw.pk, form.cleaned_data["alasan"])
        except errors.BookingError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Undian dibatalkan. Peserta diberi tahu lewat pesan.")
            return redirect("schedules:draw", draw.pk)
    context = {"draw": draw, "form": form, "count": draw_queries.taking_part(draw)}
    return render(request, "scheduling/draw_staff/cancel.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required("schedule.view", "schedule.manage")
def report(request: StaffRequest, draw_id: int) -> HttpResponse:
    """Counts per channel and kecamatan as a file; no person and no number in it."""
    draw = get_object_or_404(Draw.objects.defer("seed"), pk=draw_id)
    counted = draw_queries.counts(draw)
    rows = [["Melalui", CHANNELS.get(name, name), str(people), str(won)] for name, people, won in counted["channel"]]
    rows += [["Kecamatan", name or OUTSIDE, str(people), str(won)] for name, people, won in counted["kecamatan"]]
    body = reports.to_csv(["Kelompok", "Nama", "Orang ikut", "Dapat tempat"], rows)
    response = HttpResponse(body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="undian-{draw.pk}.csv"'
    return response


@require_safe
@staff_required("draw.enter")
def desk_list(request: StaffRequest) -> HttpResponse:
    """Draws that people can enter now or soon."""
    now = timezone.now()
    rows = [(draw, phase) for draw, phase in draw_queries.public_draws(now) if phase in ("open", "announced")]
    return render(request, "scheduling/draw_staff/desk_list.html", {"rows": rows})


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("draw.enter")
def desk_enter(request: StaffRequest, draw_id: int) -> HttpResponse:
    """Enter one person, or a family that wants places together; the same odds as from a phone at home."""
    draw = get_object_or_404(Draw.objects.select_related("programme"), pk=draw_id)
    is_open = draw.phase(timezone.now()) == "open"
    data = request.POST if request.method == "POST" else None
    people = People(data, prefix="orang")
    wish = WishForm(data, prizes=draw_queries.prizes(draw))
    entry: DrawEntry | None = None
    problem = ""
    if data is not None and people.is_valid() and wish.is_valid():
        citizens = citizens_of(people)
        log_reads(request, citizens, "draw", f"undian {draw.pk}")
        try:
            entry = draws.enter(
                draw_id=draw.pk, citizens=citizens, wishes=wish.wishes(), channel=channel_of(request),
                client_uuid=uuid5(flow.request_key(request), " ".join(str(one.public_id) for one in citizens)),
                user=request.user,
            )  # fmt: skip
        except errors.BookingError as error:
            problem = error.sentence
    context: dict[str, Any] = {
        "draw": draw, "is_open": is_open, "people": people, "wish": wish, "entry": entry, "problem_text": problem,
        "key": flow.request_key(request), "draws_at": draw_run.draws_at(draw),
    }  # fmt: skip
    has_errors = bool(problem) or (data is not None and entry is None)
    return render(request, "scheduling/draw_staff/enter.html", context, status=422 if has_errors else 200)
