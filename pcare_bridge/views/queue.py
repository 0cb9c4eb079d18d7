"""`/dinkes/pcare/`: the live queue, search, one delivery with its log, and what a person may do about it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from pcare_bridge import outlook, queries, services
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.forms import FilterForm, HandOverForm, NikForm, ReportForm, SwitchForm
from pcare_bridge.models import MENDABLE_STATES, OPEN_STATES, SERVICE_NAMES, Delivery, DeliveryQuerySet

PAGE = 50


@require_GET
@staff_required("pcare.view")
def queue(request: StaffRequest) -> HttpResponse:
    """State of the service, the queue by state and cause, and the list; the live part alone for the page's script."""
    context = _overview(request)
    if request.headers.get("X-Fragment") == "live":
        return render(request, "pcare_bridge/_live.html", context)
    form = FilterForm(request.GET, request.user)
    rows = _filtered(form, Delivery.objects.visible_to(request.user))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return render(request, "pcare_bridge/queue.html", context | {"form": form, "nik_form": NikForm(), "page": page})


def _overview(request: StaffRequest) -> dict[str, Any]:
    bars, states = outlook.rate(), outlook.service_states()
    return {
        "services": states,
        "clock_off": [state.name for state in states if state.clock_is_off],
        "states": queries.by_state(request.user),
        "classes": queries.by_class(request.user),
        "troubles": queries.troubles(request.user),
        "may_manage": request.user.territory().can("pcare.manage"),
        "bars": bars,
        "any_sent": any(bar.count for bar in bars),
        "runs": queries.retry_runs(request.user),
        "late": queries.late(request.user, 50),
        "switches": queries.stopped_profiles(request.user),
        "switch_form": SwitchForm(None, request.user),
    }


def _filtered(form: FilterForm, rows: DeliveryQuerySet) -> DeliveryQuerySet:
    form.is_valid()
    wanted = form.cleaned_data
    if wanted.get("keadaan"):
        rows = rows.filter(state=wanted["keadaan"])
    elif not any(wanted.values()):
        # Without a wish: what still needs something; millions of finished rows are found by search.
        rows = rows.filter(state__in=[*OPEN_STATES, Delivery.REFUSED])
    if wanted.get("galat"):
        rows = rows.filter(error_class=wanted["galat"])
    if wanted.get("fasilitas"):
        rows = rows.filter(facility=wanted["fasilitas"])
    if wanted.get("nomor"):
        number = wanted["nomor"]
        rows = rows.filter(upstream_number__iexact=number) | rows.filter(immunization__lot_number__iexact=number)
    return rows.select_related("immunization__vaccine", "facility", "assigned_to").order_by("-created_at")


@require_POST
@staff_required("pcare.view")
def search(request: StaffRequest) -> HttpResponse:
    """Deliveries of the person with a NIK; the opening is logged and shown to that person."""
    form = NikForm(request.POST)
    rows: list[Delivery] = []
    if form.is_valid():
        rows = queries.of_person(request.user, form.cleaned_data["nik"])
        if rows:
            log_read(user=request.user, citizen_id=rows[0].immunization.citizen_id, purpose="pcare")
        else:
            form.add_error("nik", "Tidak ada kiriman untuk NIK ini di wilayah Anda.")
    return render(request, "pcare_bridge/search.html", {"nik_form": form, "rows": rows})


@require_GET
@staff_required("pcare.view")
def detail(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """One delivery: whose dose, what PCare said, every try."""
    delivery = _visible(request, delivery_id)
    log_read(user=request.user, citizen_id=delivery.immunization.citizen_id, purpose="pcare")
    return _detail_page(request, delivery)


def _detail_page(request: StaffRequest, delivery: Delivery, **forms: Any) -> HttpResponse:
    invalid = any(form.errors for form in forms.values())
    error = ERROR_CLASSES.get(delivery.error_class)
    context = {
        "delivery": delivery,
        "error": error.about(delivery.service_name) if error else None,
        "attempts": delivery.attempt_log.select_related("actor")[:200],
        "may_manage": request.user.territory().can("pcare.manage"),
        "is_open": delivery.state in MENDABLE_STATES,
        "hand_over_form": HandOverForm(None, delivery),
        "report_form": ReportForm(),
    }
    return render(request, "pcare_bridge/detail.html", context | forms, status=422 if invalid else 200)


def _visible(request: StaffRequest, delivery_id: UUID) -> Delivery:
    rows = Delivery.objects.visible_to(request.user).select_related(
        "immunization__citizen", "immunization__vaccine", "facility", "assigned_to"
    )
    return get_object_or_404(rows, pk=delivery_id)


@require_POST
@staff_required("pcare.manage")
def retry(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """Send one delivery again now."""
    delivery = _visible(request, delivery_id)
    if services.retry(Delivery.objects.filter(pk=delivery.pk), request.user):
        messages.success(request, "Dikirim ulang. Hasilnya tampak di sini dalam beberapa saat.")
    else:
        messages.warning(request, "Kiriman ini sedang atau sudah dikirim, jadi tidak diulang.")
    return redirect("pcare:detail", delivery_id=delivery.pk)


@require_POST
@staff_required("pcare.manage")
def retry_class(request: StaffRequest) -> HttpResponse:
    """Send everything of one cause at one service again; the page then shows how far that is."""
    key, service = request.POST.get("galat", ""), request.POST.get("layanan", "pcare")
    if key not in ERROR_CLASSES or service not in SERVICE_NAMES:
        messages.error(request, "Pilih dulu sebab yang akan dikirim ulang.")
        return redirect("pcare:queue")
    count = services.retry_class(key, service, request.user)
    title = ERROR_CLASSES[key].about(SERVICE_NAMES[service]).title
    messages.success(
        request, f"{count} kiriman “{title}” dikirim ulang. Kemajuannya tampak di bawah; halaman ini boleh ditutup."
    )
    return redirect("pcare:queue")


@require_POST
@staff_required("pcare.manage")
def hand_over(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """Give a delivery to a person, with a note."""
    delivery = _visible(request, delivery_id)
    form = HandOverForm(request.POST, delivery)
    if form.is_valid():
        try:
            services.hand_over(delivery.pk, to=form.cleaned_data["to"], note=form.cleaned_data["note"], by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
    if form.errors:
        return _detail_page(request, delivery, hand_over_form=form)
    messages.success(request, f"Diserahkan kepada {form.cleaned_data['to']}.")
    return redirect("pcare:detail", delivery_id=delivery.pk)


@require_POST
@staff_required("pcare.manage")
def mark_reported(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """The dose was reported on paper or by hand; it leaves the queue with the reason."""
    delivery = _visible(request, delivery_id)
    form = ReportForm(request.POST)
    if form.is_valid():
        try:
            services.mark_reported(delivery.pk, note=form.cleaned_data["evidence"], by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
    if form.errors:
        return _detail_page(request, delivery, report_form=form)
    messages.success(request, "Ditandai sudah dilaporkan di luar portal.")
    return redirect("pcare:detail", delivery_id=delivery.pk)


@require_POST
@staff_required("pcare.manage")
def stop(request: StaffRequest) -> HttpResponse:
    """Stop all sending to one service with a reason, or let it go on."""
    reason = request.POST.get("alasan", "").strip()[:150]
    service = request.POST.get("layanan", "pcare")
    name = SERVICE_NAMES.get(service)
    if name is None:
        messages.error(request, "Pilih layanan yang dihentikan.")
    elif request.POST.get("lanjutkan"):
        services.go_on(service)
        messages.success(request, f"Pengiriman ke {name} berjalan lagi.")
    elif reason:
        services.stop(f"{reason} ({request.user})"[:200], service)
        messages.success(request, f"Pengiriman ke {name} dihentikan. Dosis tetap dicatat dan menunggu.")
    else:
        messages.error(request, "Tulis alasan menghentikan pengiriman.")
    return redirect("pcare:queue")


@require_POST
@staff_required("pcare.manage")
def switch(request: StaffRequest) -> HttpResponse:
    """Stop one profile at a facility or everywhere, or let it go on."""
    if request.POST.get("lanjutkan"):
        found = [row for row in queries.stopped_profiles(request.user) if str(row.pk) == request.POST["lanjutkan"]]
        for row in found:
            services.release_profile(row)
            messages.success(request, f"{row.label} berjalan lagi.")
        return redirect("pcare:queue")
    form = SwitchForm(request.POST, request.user)
    if form.is_valid():
        data = form.cleaned_data
        row = services.stop_profile(data["profil"], data["di"], data["alasan"], request.user)
        messages.success(request, f"{row.label} dihentikan. Dosis tetap dicatat dan menunggu.")
    else:
        messages.error(request, "Pilih cara kirim dan tulis alasan menghentikannya.")
    return redirect("pcare:queue")
