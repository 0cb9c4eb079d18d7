"""/janji/<ticket>/keluarga/: the tickets that were booked together, moved or cancelled in one go."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from registration.session import CitizenRequest, citizen_required
from scheduling import eligibility, errors, families, flow, queries, tickets
from scheduling.forms import CancelForm
from scheduling.models import Appointment, Schedule
from scheduling.views import booking as single

SCHEDULES_TO_MOVE_TO = 6


@require_safe
@citizen_required
def all_tickets(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Every ticket of one booking on one page, with its code and QR."""
    together = _together(request, public_id)
    context = {
        "tickets": [
            {
                "one": one,
                "dose_label": queries.dose_label(one.programme_id, one.dose_code),
                "qr": tickets.qr_image(tickets.scan_text(one.code, one.public_id)),
            }
            for one in together
        ],
        "first": together[0],
        "is_new": "baru" in request.GET and together[0].is_active,
        "is_moved": request.GET.get("baru") == "pindah",
        "can_change": _changeable(together),
    }
    return render(request, "scheduling/family_tickets.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def move(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Sessions with enough places side by side, one button each; all codes and links stay."""
    together = _together(request, public_id)
    problem = ""
    if request.method == "POST":
        slot = single.slot_from(request.POST.get("sesi"))
        raw = request.POST.get("urutan", "")
        if slot is None or not raw.isascii() or not raw.isdigit():
            return HttpResponseRedirect(request.path)
        try:
            families.move_family([one.pk for one in together], slot.pk, sequence=int(raw[:9]))
            return HttpResponseRedirect(flow.with_query(_link(together), baru="pindah"))
        except errors.BookingError as error:
            problem = error.sentence
            queries.forget()
            together = _together(request, public_id)
    context = {
        "together": together,
        "first": together[0],
        "sequence": families.sequence_of(together),
        "can_change": _changeable(together),
        "offers": _offers(together),
        "problem_text": problem,
    }
    return render(request, "scheduling/family_move.html", context, status=409 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def cancel(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Ask once, then cancel all that were booked together."""
    together = _together(request, public_id)
    form, problem = CancelForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            families.cancel_family([one.pk for one in together], reason=form.cleaned_data["alasan"])
            return HttpResponseRedirect(reverse("scheduling:appointments"))
        except errors.BookingError as error:
            problem = error.sentence
            together = _together(request, public_id)
    context = {
        "together": together,
        "first": together[0],
        "form": form,
        "can_change": _changeable(together),
        "problem_text": problem,
    }
    return render(request, "scheduling/family_cancel.html", context, status=409 if problem else 200)


def _together(request: CitizenRequest, public_id: UUID) -> list[Appointment]:
    """The appointments of this account made in the same booking that still stand together, in the order of the day.

    One booking writes one moment: that, the programme and the schedule tell them apart from every other.
    """
    rows = Appointment.objects.filter(citizen__account=request.citizen_account)
    one = get_object_or_404(rows, public_id=public_id)
    found = rows.filter(
        booked_at=one.booked_at, programme=one.programme_id, schedule=one.schedule_id, status=one.status
    ).select_related("citizen", "programme", "slot", "schedule__facility__kecamatan", "schedule__vaccine")
    return list(found.order_by("slot__starts_at", "citizen__birth_date", "pk"))


def _changeable(together: list[Appointment]) -> bool:
    return all(one.status == Appointment.Status.BOOKED for one in together)


def _offers(together: list[Appointment]) -> list[tuple[queries.Row, list[tuple[queries.SlotRow, Any]]]]:
    """Schedules and sessions to which all of them may move, with how they would sit."""
    schedule, wanted = together[0].schedule, len(together)
    cases = [eligibility.Case.of(one.citizen) for one in together]

    def allowed(other: Schedule) -> bool:
        answers = (case.for_offer(other.programme_id, other.vaccine_id, other.dose_codes, other.date) for case in cases)
        return all(answer.eligible for answer in answers)

    own = queries.row_of(schedule.pk)
    rows = [own] if own and own.state == queries.OPEN else []
    rows += queries.alternatives(schedule, wanted=allowed, limit=SCHEDULES_TO_MOVE_TO)
    slots = queries.slots_of_each([row.schedule.pk for row in rows])
    now_in = {one.slot_id for one in together}
    found = []
    for row in rows:
        day = [slot for slot in slots.get(row.schedule.pk, []) if not slot.over]
        fitting = [(slot, seats) for slot in day if (seats := families.arrangement(day, slot.id, wanted))]
        if fitting := [(slot, seats) for slot, seats in fitting if {slot.id} != now_in]:
            found.append((row, fitting))
    return found


def _link(together: list[Appointment]) -> str:
    return reverse("scheduling:family_tickets", args=[together[0].public_id])
