"""/janji/baru/: from a person of the family to a ticket, one question per page, state in the address only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from programmes.models import Programme
from programmes.rules import Option
from registration.models import Citizen
from registration.queries import family
from registration.session import CitizenRequest, citizen_required, member_required
from scheduling import booking, eligibility, errors, flow, places, queries
from scheduling.forms import AnswersForm, blank_answers
from scheduling.models import Appointment, Slot

SCHEDULES_PER_PAGE = 10


@require_safe
@citizen_required
def choose_member(request: CitizenRequest) -> HttpResponse:
    """Who is to be vaccinated; a session chosen before travels along."""
    slot = _slot_in_query(request)
    members = family(request.citizen_account)
    if len(members) == 1:
        return HttpResponseRedirect(
            flow.with_query(reverse("scheduling:new_for", args=[members[0].public_id]), sesi=slot and slot.pk)
        )
    active = active_of(members)
    rows = [
        {
            "citizen": member,
            "key": str(member.public_id),
            "appointments": active.get(member.pk, []),
            "option": eligibility.for_schedule(member, slot.schedule) if slot else None,
            "link": flow.with_query(reverse("scheduling:new_for", args=[member.public_id]), sesi=slot and slot.pk),
        }
        for member in members
    ]
    context = {
        "rows": rows,
        "slot": slot,
        "ticked": set(request.GET.getlist("warga")),
        "nobody_ticked": "kosong" in request.GET,
    }
    return render(request, "scheduling/choose_member.html", context)


@require_safe
@member_required
def choose_programme(request: CitizenRequest, citizen: Citizen) -> HttpResponse:
    """What this person may have now, what not, by which rule, from when; and the session chosen before, if any."""
    case = eligibility.Case.of(citizen)
    active = {one.programme_id: one for one in active_of([citizen]).get(citizen.pk, [])}
    programmes = [
        {"standing": standing, "appointment": active.get(standing.programme.code)}
        for standing in eligibility.standings(case, timezone.localdate())
    ]
    slot = _slot_in_query(request)
    context = {
        "citizen": citizen,
        "programmes": programmes,
        "slot": slot,
        "option": eligibility.for_schedule(citizen, slot.schedule, case) if slot else None,
        "booked": active.get(slot.schedule.programme_id) if slot else None,
        "birthday": case.birthday(slot.schedule) if slot else "",
    }
    return render(request, "scheduling/choose_programme.html", context)


@require_safe
@member_required
def choose_schedule(request: CitizenRequest, citizen: Citizen, programme: str) -> HttpResponse:
    """Schedules of one programme that this person may book, nearest first, free ones first."""
    subject = get_object_or_404(Programme, code=programme, is_bookable=True)
    case = eligibility.Case.of(citizen)
    home = home_kecamatan(citizen)
    rows: list[tuple[queries.Row, Option]] = []
    refused: list[tuple[queries.Row, Option]] = []
    verdicts: dict[tuple[str, tuple[str, ...], date], Option] = {}
    for row in queries.overview(queries.Filters(programme=programme, near=home)):
        schedule = row.schedule
        key = (schedule.vaccine_id, tuple(schedule.dose_codes), schedule.date)
        if key not in verdicts:
            verdicts[key] = case.for_offer(programme, schedule.vaccine_id, schedule.dose_codes, schedule.date)
        (rows if verdicts[key].eligible else refused).append((row, verdicts[key]))
    distance = queries.distances_from(home)
    page = Paginator(rows, SCHEDULES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "citizen": citizen,
        "programme": subject,
        "active": booking.active_appointment(citizen, programme),
        "page_obj": page,
        "rows": [(row, distance.get(row.schedule.facility.kecamatan_id), option) for row, option in page],
        "next_release": queries.next_release([row for row, _ in rows]),
        "nothing_free": not any(row.state == queries.OPEN for row, _ in rows),
        "reasons": list({option.reason + option.vaccine: option for _, option in refused}.values())[:6],
    }
    return render(request, "scheduling/choose_schedule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def choose_slot(request: CitizenRequest, citizen: Citizen, schedule_id: int) -> HttpResponse:
    """The sessions of one day; choosing one holds a place for some minutes."""
    row: queries.Row | None = None
    problem: errors.BookingError | None = None
    if request.method == "POST":
        slot = slot_from(request.POST.get("sesi"))
        if slot is None or slot.schedule_id != schedule_id:
            return HttpResponseRedirect(request.path)
        try:
            return _hold_and_go(request, citizen, slot)
        except errors.BookingError as error:
            problem, row = error, queries.row_of(schedule_id)
    # Who was just refused sees what is left now; everybody else what everybody sees.
    sessions = queries.slots_of(schedule_id) if problem else queries.recent_slots(schedule_id)
    row = row or queries.open_row(sessions) or queries.recent_row(schedule_id)
    if row is None:
        raise Http404
    case = eligibility.Case.of(citizen)
    context = {
        "citizen": citizen,
        "row": row,
        "option": eligibility.for_schedule(citizen, row.schedule, case),
        "birthday": case.birthday(row.schedule),
        "sessions": sessions,
        "active": _active(citizen, row.schedule.programme_id),
        "hold_minutes": settings.HOLD_MINUTES,
        "problem": None,
        "problem_code": "",
        **_way_on(citizen, row.schedule, problem),
    }
    return render(request, "scheduling/choose_slot.html", context, status=409 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def answer_questions(request: CitizenRequest, citizen: Citizen, slot_id: int) -> HttpResponse:
    """Pre-screening at home while the place is held; advice only, asked again at the desk."""
    slot = _slot_or_404(slot_id)
    key = flow.request_key(request)
    option = eligibility.for_schedule(citizen, slot.schedule)
    asked = flow.pre_screening(citizen, slot, option)
    if asked is None:
        return HttpResponseRedirect(_check_link(citizen, slot, key))
    if request.method == "POST":
        form = AnswersForm(asked.items, request.POST)
        if form.is_valid():
            sealed = flow.seal(form.answers(), asked.questionnaire, citizen, slot.pk)
            return HttpResponseRedirect(_check_link(citizen, slot, key, sealed))
    else:
        before = flow.unseal(request.GET.get("isi", ""), asked.questionnaire, citizen, slot.pk)
        form = AnswersForm(asked.items, initial=before) if before else blank_answers(asked.items)
    _made, until = places.so_far(key, citizen.pk, slot.pk, _hold_key(citizen, slot))
    context = {"form": form, "key": key, "sealed": "", **_about(citizen, slot, option, until)}
    return render(request, "scheduling/questions.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def check_answers(request: CitizenRequest, citizen: Citizen, slot_id: int) -> HttpResponse:
    """Everything on one page, then confirm; sent twice, from two tabs or with the back button it is one booking."""
    slot = _slot_or_404(slot_id)
    key = flow.request_key(request)
    option = eligibility.for_schedule(citizen, slot.schedule)
    asked = flow.pre_screening(citizen, slot, option)
    sealed = request.POST.get("isi") or request.GET.get("isi") or ""
    answers = flow.unseal(sealed, asked.questionnaire, citizen, slot.pk) if asked else None
    complete = asked is None or answers is not None
    if complete and request.method == "POST":
        return _confirm(request, citizen, slot, option, key, asked, answers)
    made, until = places.so_far(key, citizen.pk, slot.pk, _hold_key(citizen, slot))
    if made:  # back button after confirming
        return HttpResponseRedirect(reverse("scheduling:ticket", args=[made]))
    if not complete:
        questions = reverse("scheduling:questions", args=[citizen.public_id, slot.pk])
        return HttpResponseRedirect(flow.with_query(questions, kunci=key))
    context = _about(citizen, slot, option, until) | {"key": key, "sealed": sealed}
    if asked and answers is not None:
        context["proposal"] = asked.propose(answers)
        context["told"] = flow.told(asked.items, answers)
        context["questions_link"] = flow.with_query(
            reverse("scheduling:questions", args=[citizen.public_id, slot.pk]), kunci=key, isi=sealed
        )
    return render(request, "scheduling/check.html", context)


def _check_link(citizen: Citizen, slot: Slot, key: UUID, sealed: str = "") -> str:
    return flow.with_query(reverse("scheduling:check", args=[citizen.public_id, slot.pk]), kunci=key, isi=sealed)


def _confirm(
    request: CitizenRequest,
    citizen: Citizen,
    slot: Slot,
    option: Option,
    key: UUID,
    asked: flow.PreScreening | None,
    answers: dict[str, bool] | None,
) -> HttpResponse:
    """Book, and only then read what a refusal would have to show: this is the request a rush is made of."""
    try:
        made = booking.book(
            citizen=citizen,
            slot_id=slot.pk,
            client_uuid=key,
            pre_screening=asked.to_store(answers) if asked and answers is not None else None,
            questionnaire_id=asked.questionnaire.pk if asked else None,
            held=True,
            option=option,
        )
    except errors.BookingError as error:
        context = {"citizen": citizen, "schedule": slot.schedule} | _way_on(citizen, slot.schedule, error)
        return render(request, "scheduling/refused.html", context, status=409)
    return HttpResponseRedirect(flow.with_query(reverse("scheduling:ticket", args=[made.public_id]), baru=1))


def _hold_and_go(request: CitizenRequest, citizen: Citizen, slot: Slot) -> HttpResponse:
    """Hold a place and go to the questions. Raises BookingError."""
    if active := _active(citizen, slot.schedule.programme_id):
        raise errors.AlreadyBooked(active)
    option = eligibility.for_schedule(citizen, slot.schedule)
    if not option.eligible:
        raise errors.NotEligible(option, slot.schedule.date)
    booking.hold_place(slot.pk, _hold_key(citizen, slot))
    # Who holds again after the time ran out has answered before: back to where it ran out.
    sealed = request.POST.get("isi")
    page = reverse("scheduling:check" if sealed else "scheduling:questions", args=[citizen.public_id, slot.pk])
    return HttpResponseRedirect(flow.with_query(page, kunci=flow.request_key(request), isi=sealed))


def _way_on(citizen: Citizen, schedule: Any, problem: errors.BookingError | None) -> dict[str, Any]:
    """What went wrong and where places are left for this person."""
    if problem is None:
        return {}
    case = eligibility.Case.of(citizen)

    def allowed(other: Any) -> bool:
        return case.for_offer(other.programme_id, other.vaccine_id, other.dose_codes, other.date).eligible

    row = queries.row_of(schedule.pk)
    same_day = queries.slots_of(schedule.pk) if row and row.state == queries.OPEN else []
    return {
        "problem": problem,
        "problem_code": problem.code,
        "problem_text": problem.sentence,
        "existing": getattr(problem, "appointment", None),
        "same_day": [slot for slot in same_day if slot.places_left and not slot.over][:6],
        "others": queries.alternatives(schedule, wanted=allowed),
    }


def _active(citizen: Citizen, programme: str) -> Appointment | None:
    """The active appointment when this request began; nearly always none, and known without a question."""
    known = citizen.alongside.get("active_appointments")
    return None if known is not None and programme not in known else booking.active_appointment(citizen, programme)


def _hold_key(citizen: Citizen, slot: Slot) -> UUID:
    return booking.hold_key(citizen, slot.schedule.programme_id)


def _about(citizen: Citizen, slot: Slot, option: Option, until: datetime | None) -> dict[str, Any]:
    """Person, session, dose and how long the place, held `until` then, is still held."""
    now = timezone.now()
    return {
        "citizen": citizen,
        "slot": slot,
        "schedule": slot.schedule,
        "option": option,
        "held_until": until if until and until > now else None,
        "hold_lapsed": until is None or until <= now,
        "held_places": 0,  # of a family: how many; one person holds one, and that is not counted
        "seconds_left": flow.seconds_left(until, now),
        "hold_again": reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]),
    }


def home_kecamatan(citizen: Citizen) -> str:
    """Kecamatan code where this person lives, empty when nobody said."""
    place = citizen.domicile_kelurahan or citizen.kelurahan
    return place.kecamatan_id if place else ""


def active_of(members: list[Citizen]) -> dict[int, list[Appointment]]:
    """Active appointments by person; one query."""
    rows = Appointment.objects.filter(citizen__in=members, status__in=Appointment.ACTIVE)
    found: dict[int, list[Appointment]] = {}
    for row in rows.select_related("programme", "slot", "schedule__facility"):
        found.setdefault(row.citizen_id, []).append(row)
    return found


def slot_from(raw: str | None) -> Slot | None:
    """The session an address or a form names; None for a missing one, a draft or no number."""
    if not raw or not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        return None
    return queries.slot_with_schedule(int(raw))


def _slot_or_404(slot_id: int) -> Slot:
    slot = slot_from(str(slot_id))
    if slot is None:
        raise Http404
    return slot


def _slot_in_query(request: CitizenRequest) -> Slot | None:
    return slot_from(request.GET.get("sesi"))
