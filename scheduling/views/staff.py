"""Schedules for the health office (/dinkes/jadwal/) and, their own, for a facility (/petugas/jadwal/)."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from regions.models import Facility
from scheduling import capacity, errors, publishing, reoffers, reports
from scheduling.forms import CloseForm, KeepForm, RangeForm, ShrinkForm, StaffFilterForm, TemplateForm
from scheduling.models import Schedule, ScheduleTemplate, StockFit
from scheduling.queries import dose_labels
from scheduling.waiting import waitlist

PER_PAGE = 40
# Tickets named where doses are lacking; the rest is counted.
LISTED = 30
CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _list(request: StaffRequest, area: str) -> HttpResponse:
    facilities = Facility.objects.visible_to(request.user)
    form = StaffFilterForm(request.GET, facilities)
    rows = Schedule.objects.visible_to(request.user).select_related("facility", "vaccine", "programme")
    day = form.day()
    rows = rows.filter(date=day) if day else rows.filter(date__gte=timezone.localdate())
    if form.cleaned_data.get("fasilitas"):
        rows = rows.filter(facility=form.cleaned_data["fasilitas"])
    if form.cleaned_data.get("keadaan"):
        rows = rows.filter(state=form.cleaned_data["keadaan"])
    page = Paginator(rows.order_by("date", "open_time", "facility__name", "pk"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    # Counted for the rows of this page only.
    counted = {row.pk: row for row in reports.with_occupancy(Schedule.objects.filter(pk__in=[row.pk for row in page]))}
    short = set(StockFit.objects.filter(short__gt=0).values_list("facility_id", "vaccine_id"))
    context = {
        "form": form,
        "page_obj": page,
        "rows": [
            (
                row,
                counted[row.pk],
                reverse(f"schedules:{area}_detail", args=[row.pk]),
                (row.facility_id, row.vaccine_id) in short,
            )
            for row in page
        ],
        "area": area,
        "may_manage": request.user.territory().can("schedule.manage"),
    }
    return render(request, "scheduling/staff/list.html", context)


def _detail(request: StaffRequest, area: str, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    closing = reports.closing(schedule)
    sessions = reports.sessions(schedule)
    is_past = schedule.date < timezone.localdate()
    bound = None if is_past else capacity.bound(schedule)
    context = {
        "schedule": schedule,
        "bound": bound,
        "lacking": capacity.without_dose(schedule, min(bound.short, LISTED)) if bound and bound.short else [],
        "outcomes": reoffers.totals(reoffers.people(schedule)) if closing else [],
        "is_shrunk": schedule.state == Schedule.State.OPEN and schedule.slots.filter(places__pool="closed").exists(),
        "sessions": sessions,
        "dose_labels": dose_labels(schedule),
        "totals": {
            name: sum(getattr(row, name) for row in sessions)
            for name in ("booked", "arrived", "fulfilled", "free", "walk_in", "held", "unstocked", "total")
        },
        "closing": closing,
        "waiting_for": waitlist.waiting_for(schedule),
        "refresh": closing is not None and not closing.is_done,
        "area": area,
        "back": reverse(f"schedules:{area}_list"),
        "downloads": [
            (kind.upper(), reverse(f"schedules:{area}_download", args=[schedule.pk, kind])) for kind in ("xlsx", "csv")
        ],
        "with_names": _sees_names(request, schedule),
        "may_manage": request.user.territory().can("schedule.manage"),
        "may_stock": request.user.territory().can("stock.manage"),
        "is_past": is_past,
    }
    return render(request, "scheduling/staff/detail.html", context)


def _download(request: StaffRequest, area: str, schedule_id: int, kind: str) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    headings, rows, named = reports.day_list(schedule, with_names=_sees_names(request, schedule))
    name = f"jadwal-{schedule.facility.code}-{schedule.date:%Y%m%d}"
    for citizen_id in named:
        log_read(user=request.user, citizen_id=citizen_id, purpose="day_list", note=f"unduhan {name}")
    body = reports.to_csv(headings, rows) if kind == "csv" else reports.to_xlsx("Daftar", headings, rows)
    response = HttpResponse(body, content_type=CSV if kind == "csv" else XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@require_safe
@staff_required("schedule.view", "schedule.manage")
def dinkes_list(request: StaffRequest) -> HttpResponse:
    """All schedules of the city from today on, with occupancy."""
    return _list(request, "dinkes")


@require_safe
@staff_required("schedule.view", "schedule.manage")
def dinkes_detail(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """One schedule: sessions, closing and its progress, downloads."""
    return _detail(request, "dinkes", schedule_id)


@require_safe
@staff_required("schedule.view", "schedule.manage")
def dinkes_download(request: StaffRequest, schedule_id: int, kind: str) -> HttpResponse:
    """The list of a day, without names."""
    return _download(request, "dinkes", schedule_id, kind)


@require_safe
@staff_required("desk.view")
def petugas_list(request: StaffRequest) -> HttpResponse:
    """The facility's own schedules."""
    return _list(request, "petugas")


@require_safe
@staff_required("desk.view")
def petugas_detail(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """One schedule of the own facility."""
    return _detail(request, "petugas", schedule_id)


@require_safe
@staff_required("desk.view")
def petugas_download(request: StaffRequest, schedule_id: int, kind: str) -> HttpResponse:
    """The list of a day with names, each logged as read."""
    return _download(request, "petugas", schedule_id, kind)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def close(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """Close with a reason; everybody booked is told, progress is on the schedule's page."""
    schedule = _schedule(request, schedule_id)
    form = CloseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        publishing.close_schedule(schedule.pk, form.cleaned_data["alasan"], request.user)
        return redirect("schedules:dinkes_detail", schedule.pk)
    booked = schedule.appointments.filter(status="booked").count()
    context = {"schedule": schedule, "form": form, "booked": booked}
    return render(request, "scheduling/staff/close.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def shrink(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """Fewer places: first a preview of who stays and who is offered another place, then in one action."""
    schedule = _schedule(request, schedule_id)
    asked = request.POST if request.method == "POST" else request.GET
    form = ShrinkForm(asked if "alasan" in asked else None, list(schedule.slots.order_by("starts_at")))
    confirmed = KeepForm(request.POST)
    if request.method == "POST" and confirmed.is_valid():
        try:
            people = publishing.shrink_schedule(schedule.pk, confirmed.keep(), confirmed.cleaned_data["alasan"])
        except errors.BookingError as error:
            messages.error(request, error.messages[0])
        else:
            messages.success(request, f"Tempat dikurangi. {people} warga dicarikan tempat lain.")
        return redirect("schedules:dinkes_detail", schedule.pk)
    now = {cut.slot_id: cut.places for cut in reoffers.preview(schedule, {}).cuts}
    seen = reoffers.preview(schedule, form.keep(now)) if form.is_valid() else None
    context = {"schedule": schedule, "form": form, "preview": seen, "now_places": sum(now.values())}
    return render(request, "scheduling/staff/shrink.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required("schedule.view", "schedule.manage")
def displaced(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """Where the people of a closed or shrunk schedule were offered a place, and what they said; without names."""
    schedule = _schedule(request, schedule_id)
    people = reoffers.people(schedule)
    page = Paginator(people, PER_PAGE).get_page(request.GET.get("page"))
    context = {"schedule": schedule, "page_obj": page, "totals": reoffers.totals(people)}
    return render(request, "scheduling/staff/displaced.html", context)


@require_safe
@staff_required("schedule.view", "schedule.manage")
def displaced_csv(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """The same as a file."""
    schedule = _schedule(request, schedule_id)
    body = reports.to_csv(reoffers.HEADINGS, reoffers.table(reoffers.people(schedule)))
    response = HttpResponse(body, content_type=CSV)
    name = f"terdampak-{schedule.facility.code}-{schedule.date:%Y%m%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@staff_required("schedule.manage")
def reopen(request: StaffRequest, schedule_id: int) -> HttpResponse:
    """Open a closed or shrunk schedule again."""
    schedule = _schedule(request, schedule_id)
    try:
        publishing.reopen_schedule(schedule.pk)
    except errors.BookingError:
        messages.error(request, "Jadwal yang sudah lewat tidak dapat dibuka lagi.")
    else:
        messages.success(
            request, "Tempat dibuka lagi sebatas stok. Warga yang dibatalkan dan masih menunggu ditawari lebih dulu."
        )
    return redirect("schedules:dinkes_detail", schedule.pk)


@require_safe
@staff_required("schedule.manage")
def template_list(request: StaffRequest) -> HttpResponse:
    """Weekly patterns."""
    rows = _templates(request).order_by("-is_active", "facility__name", "name")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "rows": [(row, publishing.describe_weekdays(row.weekdays)) for row in page]}
    return render(request, "scheduling/staff/templates.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def edit_template(request: StaffRequest, template_id: int | None = None) -> HttpResponse:
    """Write or change one weekly pattern; published days stay as they are."""
    template = get_object_or_404(_templates(request), pk=template_id) if template_id is not None else None
    data = request.POST if request.method == "POST" else None
    form = TemplateForm(data, instance=template, facilities=Facility.objects.visible_to(request.user))
    if form.is_valid():
        saved = form.save()
        messages.success(request, "Pola mingguan tersimpan. Terbitkan untuk membuka pendaftaran.")
        return redirect("schedules:publish", saved.pk)
    context = {"form": form, "template": template}
    return render(request, "scheduling/staff/template.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("schedule.manage")
def delete_template(request: StaffRequest, template_id: int) -> HttpResponse:
    """Remove a pattern; what it published stays."""
    get_object_or_404(_templates(request), pk=template_id).delete()
    messages.success(request, "Pola dihapus. Jadwal yang sudah terbit tidak berubah.")
    return redirect("schedules:templates")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("schedule.manage")
def publish(request: StaffRequest, template_id: int) -> HttpResponse:
    """Preview which days a pattern would publish, then publish them; repeating skips what exists."""
    template = get_object_or_404(_templates(request), pk=template_id)
    tomorrow = timezone.localdate() + timedelta(days=1)
    asked = request.POST if request.method == "POST" else request.GET
    form = RangeForm(asked if "dari" in asked else {"dari": tomorrow, "sampai": tomorrow + timedelta(days=13)})
    planned = []
    if form.is_valid():
        first, last = form.cleaned_data["dari"], form.cleaned_data["sampai"]
        if request.method == "POST":
            done = publishing.publish_from_template(template, first, last, request.user)
            reasons = ", ".join(sorted({row.obstacle for row in done.skipped}))
            skipped = f", {len(done.skipped)} dilewati ({reasons})" if done.skipped else ""
            messages.success(request, f"{len(done.created)} jadwal terbit{skipped}.")
            link = reverse("schedules:dinkes_list")
            return HttpResponseRedirect(f"{link}?fasilitas={template.facility_id}")
        planned = publishing.plan(template, first, last)
    context = {
        "template": template,
        "weekdays": publishing.describe_weekdays(template.weekdays),
        "form": form,
        "planned": planned,
        "to_publish": [row for row in planned if not row.obstacle],
    }
    return render(request, "scheduling/staff/publish.html", context, status=422 if form.errors else 200)


def _schedule(request: StaffRequest, schedule_id: int) -> Schedule:
    rows = Schedule.objects.visible_to(request.user)
    return get_object_or_404(rows.select_related("facility", "vaccine", "programme", "closed_by"), pk=schedule_id)


def _templates(request: StaffRequest) -> Any:
    rows = ScheduleTemplate.objects.filter(facility__in=Facility.objects.visible_to(request.user))
    return rows.select_related("facility", "vaccine", "programme")


def _sees_names(request: StaffRequest, schedule: Schedule) -> bool:
    """Names are for who serves these people: desk staff of this very facility."""
    territory = request.user.territory()
    return territory.can("desk.check_in") and schedule.facility_id in territory.facility_ids
