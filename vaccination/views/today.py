"""The desk's first page: the list of the day, and the one box that takes ticket, code or NIK."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

import registration.services as registration
import scheduling.services as scheduling
from accounts.access import StaffRequest, staff_required
from core.models import ReadLog
from registration import nik as nik_rules
from registration.models import Citizen
from scheduling.models import Appointment
from stock.workplace import choose_facility, current_facility, facilities_of
from vaccination import queries
from vaccination.forms import NewCitizenForm
from vaccination.models import Visit
from vaccination.people import grant

ELSEWHERE = (("coverage.view", "/dinkes/"), ("stock.view", "/petugas/stok/"), ("booking.assist", "/petugas/kader/"))


@staff_required()
@never_cache
def today(request: StaffRequest) -> HttpResponse:
    """Today's list with counters; the fragment alone when the page refreshes itself."""
    territory = request.user.territory()
    if not territory.can("desk.check_in"):
        for capability, path in ELSEWHERE:
            if territory.can(capability):
                return redirect(path)
        raise Http404
    facility = current_facility(request)
    context = {"facility": facility, "day": queries.day_of(facility), "now": timezone.now()}
    if request.headers.get("X-Fragment") == "list":
        return render(request, "vaccination/_day.html", context)
    return render(request, "vaccination/today.html", context | {"facilities": facilities_of(request)})


@staff_required()
@require_POST
def switch_facility(request: StaffRequest) -> HttpResponse:
    """Work for another facility of the territory."""
    chosen = request.POST.get("facility", "")
    if not chosen.isascii() or not chosen.isdigit() or len(chosen) > 9:
        raise Http404
    choose_facility(request, int(chosen))
    return redirect("/petugas/stok/" if request.POST.get("next") == "stok" else "desk:today")


@staff_required("desk.check_in")
@never_cache
def find(request: StaffRequest) -> HttpResponse:
    """Ticket QR, ticket code, temporary number or NIK, by POST; a NIK never enters an address."""
    if request.method != "POST":
        return redirect("desk:today")
    text = request.POST.get("q", "").strip().replace("\x00", "")[:200]
    if not text:
        messages.error(request, "Pindai tiket, atau ketik kode tiket atau NIK.")
        return redirect("desk:today")
    facility = current_facility(request)
    appointment = scheduling.find_by_ticket(text)
    if appointment:
        if appointment.schedule.facility_id != facility.pk:
            messages.error(
                request,
                f"Tiket itu bukan untuk {facility.name}. Ketik NIK warga untuk melayani sebagai datang langsung.",
            )
            return redirect("desk:today")
        return redirect(_where(appointment))
    citizen = registration.find_by_temporary_code(text) or registration.find_by_nik(text)
    if citizen:
        grant(request, citizen)
        return redirect(_where_for(citizen, facility.pk))
    if nik_rules.looks_like(text):
        return _new_person(request, text)
    messages.error(request, "Tidak ditemukan. Periksa kode tiket (8 huruf dan angka) atau NIK (16 angka).")
    return redirect("desk:today")


def _where(appointment: Appointment) -> str:
    visit = Visit.objects.filter(appointment=appointment).first()
    return step_url(visit) if visit else reverse("desk:appointment", args=[appointment.public_id])


def _where_for(citizen: Citizen, facility_id: int) -> str:
    """The visit under way, else today's ticket, else the walk-in page."""
    day = timezone.localdate()
    visit = Visit.objects.filter(citizen=citizen, facility=facility_id, date=day).order_by("-arrived_at").first()
    if visit and visit.step in (Visit.Step.ARRIVED, Visit.Step.SCREENED, Visit.Step.VACCINATED):
        return step_url(visit)
    booked = Appointment.objects.filter(
        citizen=citizen, schedule__facility=facility_id, schedule__date=day, status=Appointment.Status.BOOKED
    ).first()
    if booked:
        return reverse("desk:appointment", args=[booked.public_id])
    return reverse("desk:walk_in", args=[citizen.public_id])


def step_url(visit: Visit) -> str:
    """The page of the next step of a visit."""
    match visit.step:
        case Visit.Step.ARRIVED:
            return reverse("desk:screening", args=[visit.public_id])
        case Visit.Step.SCREENED:
            return reverse("desk:dose", args=[visit.public_id])
        case Visit.Step.VACCINATED:
            return reverse("desk:given", args=[visit.public_id])
    return reverse("desk:citizen", args=[visit.citizen.public_id])


def _new_person(request: StaffRequest, text: str) -> HttpResponse:
    try:
        parsed = nik_rules.parse(text, today=timezone.localdate())
    except nik_rules.NikInvalid as error:
        messages.error(request, error.messages[0])
        return redirect("desk:today")
    form = NewCitizenForm(initial={"nik": parsed.digits, "birth_date": parsed.birth_date, "sex": parsed.sex})
    return render(request, "vaccination/new_citizen.html", {"form": form, "not_found": True})


@staff_required("desk.check_in")
@never_cache
def print_list(request: StaffRequest) -> HttpResponse:
    """The day on paper, for when the network is down; printing it opens these records, so each is logged."""
    facility = current_facility(request)
    day = queries.day_of(facility)
    rows = sorted(day.rows, key=lambda row: (row.at or timezone.now(), row.citizen.full_name))
    ReadLog.objects.bulk_create(
        ReadLog(user=request.user, citizen_id=pk, purpose="day_list", note=facility.name[:200])
        for pk in dict.fromkeys(row.citizen.pk for row in rows)
    )
    return render(request, "vaccination/print_list.html", {"facility": facility, "rows": rows, "now": timezone.now()})
