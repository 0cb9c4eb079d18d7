"""/janji/: tickets of the family, moving and cancelling in two taps."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from registration.queries import family
from registration.session import CitizenRequest, citizen_required
from scheduling import booking, eligibility, errors, flow, ics, queries, tickets
from scheduling.forms import CancelForm
from scheduling.models import Appointment, Schedule
from scheduling.views.waiting import waiting_of

PAST_SHOWN = 20
SCHEDULES_TO_MOVE_TO = 6


@require_safe
@citizen_required
def appointment_list(request: CitizenRequest) -> HttpResponse:
    """Active appointments by date, then the past ones."""
    rows = _of_family(request).select_related("programme")
    active = list(rows.filter(status__in=Appointment.ACTIVE).order_by("slot__starts_at"))
    context = {
        "active": active,
        "together": _booked_together(active),
        "past": rows.exclude(status__in=Appointment.ACTIVE).order_by("-slot__starts_at")[:PAST_SHOWN],
        "has_family": bool(family(request.citizen_account)),
        **waiting_of(request),
    }
    return render(request, "scheduling/appointments.html", context)


@require_safe
@citizen_required
def ticket(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """The ticket: code, QR, place, time, what to bring; made for a phone screen and for A6 paper."""
    appointment = _appointment(request, public_id)
    context = {
        "appointment": appointment,
        "is_new": "baru" in request.GET and appointment.is_active,
        "dose_label": queries.dose_label(appointment.programme_id, appointment.dose_code),
        "qr": tickets.qr_image(tickets.scan_text(appointment.code, appointment.public_id)),
        "is_minor": _age_years(appointment) < 17,
        "can_change": appointment.status == Appointment.Status.BOOKED,
        "is_today": appointment.schedule.date == timezone.localdate(),
    }
    return render(request, "scheduling/ticket.html", context)


@require_safe
@citizen_required
def calendar_entry(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """The appointment as an .ics file; opening it again after a move updates the entry."""
    appointment = _appointment(request, public_id)
    response = HttpResponse(ics.render(appointment), content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="vaksinasi-{appointment.code}.ics"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def move(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Sessions to move to, one button each; the old place is free at once, code and link stay."""
    appointment = _appointment(request, public_id)
    problem: errors.BookingError | None = None
    if request.method == "POST":
        raw = request.POST.get("sesi", "")
        slot_id = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else 0
        if queries.slot_with_schedule(slot_id) is None:
            return HttpResponseRedirect(request.path)
        try:
            booking.move(appointment.pk, slot_id)
            return HttpResponseRedirect(flow.with_query(_link(appointment), baru="pindah"))
        except errors.BookingError as error:
            problem = error
            queries.forget()
            appointment = _appointment(request, public_id)
    context = {
        "appointment": appointment,
        "problem_text": problem.sentence if problem else "",
        "offers": _offers(appointment) if appointment.status == Appointment.Status.BOOKED else [],
    }
    return render(request, "scheduling/move.html", context, status=409 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def cancel(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Ask once, then cancel; sent twice it is cancelled once."""
    appointment = _appointment(request, public_id)
    form = CancelForm(request.POST if request.method == "POST" else None)
    problem = ""
    if request.method == "POST" and form.is_valid():
        try:
            booking.cancel(appointment.pk, reason=form.cleaned_data["alasan"])
            return HttpResponseRedirect(_link(appointment))
        except errors.BookingError as error:
            problem = error.sentence
            appointment = _appointment(request, public_id)
    context = {"appointment": appointment, "form": form, "problem_text": problem}
    return render(request, "scheduling/cancel.html", context, status=409 if problem else 200)


def _booked_together(active: list[Appointment]) -> list[list[Appointment]]:
    """Groups of appointments that one booking made for several people and that still stand together."""
    groups: dict[tuple[Any, ...], list[Appointment]] = {}
    for one in active:
        groups.setdefault((one.booked_at, one.programme_id, one.schedule_id, one.status), []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _of_family(request: CitizenRequest) -> Any:
    return Appointment.objects.filter(citizen__account=request.citizen_account).select_related(
        "citizen", "slot", "schedule__facility__kecamatan", "schedule__vaccine"
    )


def _appointment(request: CitizenRequest, public_id: UUID) -> Appointment:
    return get_object_or_404(_of_family(request).select_related("programme"), public_id=public_id)


def _link(appointment: Appointment) -> str:
    return reverse("scheduling:ticket", args=[appointment.public_id])


def _offers(appointment: Appointment) -> list[tuple[queries.Row, list[queries.SlotRow], str]]:
    """Sessions this person may move to: the same schedule first, then the same place, then near and soon.

    With each, what a birthday until then decides.
    """
    case = eligibility.Case.of(appointment.citizen)

    def allowed(other: Schedule) -> bool:
        return case.for_offer(other.programme_id, other.vaccine_id, other.dose_codes, other.date).eligible

    own = queries.row_of(appointment.schedule_id)
    rows = [own] if own and own.state == queries.OPEN else []
    rows += queries.alternatives(appointment.schedule, wanted=allowed, limit=SCHEDULES_TO_MOVE_TO)
    slots = queries.slots_of_each([row.schedule.pk for row in rows])
    offers = []
    for row in rows:
        free = [
            slot
            for slot in slots.get(row.schedule.pk, [])
            if slot.places_left and not slot.over and slot.id != appointment.slot_id
        ]
        if free:
            offers.append((row, free, case.birthday(row.schedule)))
    return offers


def _age_years(appointment: Appointment) -> int:
    born, day = appointment.citizen.birth_date, appointment.schedule.date
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
