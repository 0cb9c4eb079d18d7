"""/janji/baru/keluarga/: several members of a family in one go, side by side or not at all; state in the address."""

from collections import Counter
from dataclasses import dataclass, field
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
from registration.session import CitizenRequest, citizen_required
from scheduling import booking, eligibility, errors, families, flow, queries
from scheduling.forms import AnswersForm
from scheduling.models import Appointment, Schedule, Slot
from scheduling.views import booking as single


@dataclass(frozen=True)
class Party:
    """The ticked members in the order of the family, and their cases, read once per request."""

    citizens: list[Citizen]
    cases: dict[int, eligibility.Case] = field(default_factory=dict)

    def case(self, citizen: Citizen) -> eligibility.Case:
        """Facts and history of one member."""
        if citizen.pk not in self.cases:
            self.cases[citizen.pk] = eligibility.Case.of(citizen)
        return self.cases[citizen.pk]

    def option(self, citizen: Citizen, schedule: Schedule) -> Option:
        """What the rules say about one member at one schedule."""
        return eligibility.for_schedule(citizen, schedule, self.case(citizen))

    def may_all(self, schedule: Schedule) -> bool:
        """Whether every member may be vaccinated there."""
        return all(self.option(citizen, schedule).eligible for citizen in self.citizens)

    def keys(self, programme: str) -> list[UUID]:
        """The keys under which their places are held."""
        return [booking.hold_key(citizen, programme) for citizen in self.citizens]

    def link(self, name: str, *args: Any, without: Citizen | None = None, **values: Any) -> str:
        """The address of a page of this flow; for one person left over the page of the single flow is enough."""
        ids = [str(citizen.public_id) for citizen in self.citizens if citizen != without]
        return flow.with_query(reverse(f"scheduling:{name}", args=args), warga=ids, **values)

    @property
    def names(self) -> list[str]:
        """Full names."""
        return [citizen.full_name for citizen in self.citizens]


@require_safe
@citizen_required
def choose_programme(request: CitizenRequest) -> HttpResponse:
    """Which programme: who of them may, who not and why, with a way on without these."""
    if not request.GET.getlist("warga"):
        return HttpResponseRedirect(flow.with_query(reverse("scheduling:new"), kosong=1, sesi=request.GET.get("sesi")))
    party = _party(request)
    if len(party.citizens) < 2:
        return _to_single(request, party)
    today = timezone.localdate()
    active = single.active_of(party.citizens)
    rows: dict[str, dict[str, Any]] = {}
    for citizen in party.citizens:
        mine = {one.programme_id: one for one in active.get(citizen.pk, [])}
        for standing in eligibility.standings(party.case(citizen), today):
            row = rows.setdefault(standing.programme.code, {"programme": standing.programme, "may": [], "not": []})
            booked = mine.get(standing.programme.code)
            if not booked and (standing.now or standing.next_later):
                row["may"].append((citizen, standing))
            else:
                row["not"].append((citizen, standing, booked))
    for code, row in rows.items():
        left = Party([citizen for citizen, _ in row["may"]])
        row["link"] = _schedules_link(left, code)
        row["all"] = not row["not"]
    slot = single.slot_from(request.GET.get("sesi"))
    context: dict[str, Any] = {
        "party": party,
        "rows": sorted(rows.values(), key=lambda row: -len(row["may"])),
        "slot": slot,
        "verdicts": _verdicts(party, slot.schedule, active) if slot else [],
        "change_link": party.link("new", sesi=slot and slot.pk),
    }
    if slot:
        context["birthdays"] = _birthdays(party, slot.schedule)
        context["may_all"] = all(ok for _, _, _, ok in context["verdicts"])
        context["slots_link"] = party.link("family_slots", slot.schedule_id)
        rest = Party([citizen for citizen, _, _, ok in context["verdicts"] if ok])
        context["rest"], context["rest_link"] = rest, rest.link("family", sesi=slot.pk) if rest.citizens else ""
    return render(request, "scheduling/family_programme.html", context)


@require_safe
@citizen_required
def choose_schedule(request: CitizenRequest, programme: str) -> HttpResponse:
    """Schedules where all of them may be vaccinated, the places left side by side, and who stands in the way."""
    party = _party(request)
    if len(party.citizens) < 2:
        return HttpResponseRedirect(_schedules_link(party, programme))
    subject = get_object_or_404(Programme, code=programme, is_bookable=True)
    home = single.home_kecamatan(party.citizens[0])
    rows: list[queries.Row] = []
    alone_against: Counter[int] = Counter()
    reasons: dict[int, Option] = {}
    for row in queries.overview(queries.Filters(programme=programme, near=home)):
        options = {citizen.pk: party.option(citizen, row.schedule) for citizen in party.citizens}
        refused = [pk for pk, option in options.items() if not option.eligible]
        for pk in refused:
            reasons.setdefault(pk, options[pk])
        if not refused:
            rows.append(row)
        elif len(refused) == 1 and row.state == queries.OPEN:
            alone_against[refused[0]] += 1
    page = Paginator(rows, single.SCHEDULES_PER_PAGE).get_page(request.GET.get("page"))
    slots = queries.slots_of_each([row.schedule.pk for row in page])
    wanted = len(party.citizens)
    distance = queries.distances_from(home)
    context = {
        "party": party,
        "programme": subject,
        "page_obj": page,
        "rows": [
            {
                "row": row,
                "km": distance.get(row.schedule.facility.kecamatan_id),
                "link": party.link("family_slots", row.schedule.pk),
                "together": families.most_together(slots.get(row.schedule.pk, []), wanted),
            }
            for row in page
        ],
        "next_release": queries.next_release(rows),
        "in_the_way": [
            (citizen, reasons[citizen.pk], alone_against[citizen.pk], _without(party, citizen, programme))
            for citizen in party.citizens
            if citizen.pk in reasons
        ],
        "change_link": party.link("new"),
        "back_link": party.link("family"),
        "page_query": flow.with_query("", warga=[str(citizen.public_id) for citizen in party.citizens])[1:],
    }
    return render(request, "scheduling/family_schedule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def choose_slot(request: CitizenRequest, schedule_id: int) -> HttpResponse:
    """The sessions of one day and how the family would sit; choosing one holds a place for each."""
    party = _party(request)
    row = queries.row_of(schedule_id)
    if row is None:
        raise Http404
    if len(party.citizens) < 2:
        return HttpResponseRedirect(reverse("scheduling:choose_slot", args=[party.citizens[0].public_id, schedule_id]))
    problem: errors.BookingError | None = None
    if request.method == "POST":
        slot = single.slot_from(request.POST.get("sesi"))
        if slot is None or slot.schedule_id != schedule_id:
            return HttpResponseRedirect(party.link("family_slots", schedule_id))
        try:
            return _hold_and_go(request, party, slot)
        except errors.BookingError as error:
            problem = error
            row = queries.row_of(schedule_id) or row
    context = _slots_context(party, row, problem) | {"hold_minutes": settings.HOLD_MINUTES}
    return render(request, "scheduling/family_slot.html", context, status=409 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def answer_questions(request: CitizenRequest, slot_id: int) -> HttpResponse:
    """Pre-screening, one member per page, while all places are held."""
    party, slot = _party(request), _slot_or_404(slot_id)
    key, told = flow.request_key(request), _answers(request, party, slot)
    asked = _asked(party, slot)
    position = _position(request, asked, told)
    if position is None:
        return HttpResponseRedirect(party.link("family_check", slot.pk, kunci=key, isi=told.seal()))
    form_of = asked[position]
    assert form_of is not None
    if request.method == "POST":
        form = AnswersForm(form_of.items, request.POST)
        if form.is_valid():
            told = told.with_member(position, form_of, form.answers())
            following = _next_unanswered(asked, told)
            if following is None:
                return HttpResponseRedirect(party.link("family_check", slot.pk, kunci=key, isi=told.seal()))
            return HttpResponseRedirect(
                party.link("family_questions", slot.pk, kunci=key, isi=told.seal(), orang=following + 1)
            )
    else:
        form = AnswersForm(form_of.items, initial=told.of_member(position, form_of))
    context = _about(party, slot, key, told.seal()) | {
        "form": form,
        "citizen": party.citizens[position],
        "position": position + 1,
    }
    return render(request, "scheduling/family_questions.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def check_answers(request: CitizenRequest, slot_id: int) -> HttpResponse:
    """Everybody on one page, then one confirm; sent twice or with the back button it is one booking for each."""
    party, slot = _party(request), _slot_or_404(slot_id)
    key, told = flow.request_key(request), _answers(request, party, slot)
    if made := families.first_answer(key, party.citizens):
        return HttpResponseRedirect(_tickets_link(made))
    asked = _asked(party, slot)
    following = _next_unanswered(asked, told)
    if following is not None:
        return HttpResponseRedirect(
            party.link("family_questions", slot.pk, kunci=key, isi=told.seal(), orang=following + 1)
        )
    if request.method == "POST":
        try:
            made = families.book_family(
                citizens=party.citizens,
                slot_id=slot.pk,
                client_uuid=key,
                answers=_to_store(party, asked, told),
                options={citizen.pk: party.option(citizen, slot.schedule) for citizen in party.citizens},
                held=True,
            )
        except errors.BookingError as error:
            row = queries.row_of(slot.schedule_id)
            assert row
            return render(request, "scheduling/family_refused.html", _slots_context(party, row, error), status=409)
        return HttpResponseRedirect(flow.with_query(_tickets_link(made), baru=1))
    context = _about(party, slot, key, told.seal())
    context["members"] = [_member(party, slot, context, index, form, told) for index, form in enumerate(asked)]
    return render(request, "scheduling/family_check.html", context)


def _member(
    party: Party, slot: Slot, context: dict[str, Any], index: int, form: flow.PreScreening | None,
    told: flow.FamilyAnswers,
) -> dict[str, Any]:  # fmt: skip
    """What the check page says about one member."""
    citizen, answers = party.citizens[index], told.of_member(index, form) if form else None
    change = party.link("family_questions", slot.pk, kunci=context["key"], isi=told.seal(), orang=index + 1)
    return {
        "citizen": citizen,
        "option": party.option(citizen, slot.schedule),
        "slot": context["seats"].get(citizen.pk),
        "proposal": form.propose(answers) if form and answers is not None else None,
        "change": change if form else "",
    }


def _party(request: CitizenRequest) -> Party:
    """Whom the address names, each a member of this account. Raises Http404 for anybody else and for nobody."""
    raw = request.GET.getlist("warga") or request.POST.getlist("warga")
    members = family(request.citizen_account)
    known = {str(member.public_id) for member in members}
    wanted = set(raw)
    if not wanted or len(wanted) > families.LARGEST or not wanted <= known:
        raise Http404
    return Party([member for member in members if str(member.public_id) in wanted])


def _to_single(request: CitizenRequest, party: Party) -> HttpResponse:
    address = reverse("scheduling:new_for", args=[party.citizens[0].public_id])
    return HttpResponseRedirect(flow.with_query(address, sesi=request.GET.get("sesi")))


def _schedules_link(party: Party, programme: str) -> str:
    if len(party.citizens) == 1:
        return reverse("scheduling:choose_schedule", args=[party.citizens[0].public_id, programme])
    return party.link("family_schedules", programme) if party.citizens else ""


def _without(party: Party, citizen: Citizen, programme: str) -> str:
    return _schedules_link(Party([one for one in party.citizens if one != citizen]), programme)


def _verdicts(party: Party, schedule: Schedule, active: dict[int, list[Appointment]]) -> list[tuple[Any, ...]]:
    """(citizen, option, active appointment, may be booked) for each member at one schedule."""
    found = []
    for citizen in party.citizens:
        option = party.option(citizen, schedule)
        booked = next((one for one in active.get(citizen.pk, []) if one.programme_id == schedule.programme_id), None)
        found.append((citizen, option, booked, option.eligible and not booked))
    return found


def _birthdays(party: Party, schedule: Schedule) -> list[tuple[str, str]]:
    """(name, what it decides) of each member whom a birthday until the day of the schedule concerns."""
    found = ((citizen.full_name, party.case(citizen).birthday(schedule)) for citizen in party.citizens)
    return [(name, birthday) for name, birthday in found if birthday]


def _hold_and_go(request: CitizenRequest, party: Party, slot: Slot) -> HttpResponse:
    """Hold a place for each and go to the questions. Raises BookingError."""
    for citizen, option, booked, _ok in _verdicts(party, slot.schedule, single.active_of(party.citizens)):
        if booked:
            raise errors.AlreadyBooked(booked).about(citizen)
        if not option.eligible:
            raise errors.NotEligible(option, slot.schedule.date).about(citizen)
    families.hold_family(slot_id=slot.pk, keys=party.keys(slot.schedule.programme_id))
    told = _answers(request, party, slot)
    key = flow.request_key(request)
    return HttpResponseRedirect(
        party.link("family_questions", slot.pk, kunci=key, isi=told.seal() if told.yes else None)
    )


def _slots_context(party: Party, row: queries.Row, problem: errors.BookingError | None) -> dict[str, Any]:
    """How they would sit in each session, and where else when they do not fit."""
    schedule, wanted = row.schedule, len(party.citizens)
    slots = [slot for slot in queries.slots_of(schedule.pk) if not slot.over] if row.state == queries.OPEN else []
    sessions = [(slot, families.arrangement(slots, slot.id, wanted)) for slot in slots]
    together = families.most_together(slots, wanted)
    fits = together == wanted
    others = [] if fits and not problem else _others(party, schedule)
    verdicts = _verdicts(party, schedule, single.active_of(party.citizens))
    context = {
        "party": party,
        "row": row,
        "schedule": schedule,
        "sessions": sessions,
        "fits": fits,
        "together": together,
        "wanted": wanted,
        "refused": [one for one in verdicts if not one[3]],
        "birthdays": _birthdays(party, schedule),
        "others": others,
        "slots_link": party.link("family_slots", schedule.pk),
        "schedules_link": party.link("family_schedules", schedule.programme_id),
        "change_link": party.link("new"),
        "waitlist_link": party.link("join_waitlist", program=schedule.programme_id, jadwal=schedule.pk),
    }
    rest = Party([citizen for citizen, _, _, ok in verdicts if ok])
    if 0 < len(rest.citizens) < wanted:
        context["rest"] = rest
        context["rest_link"] = rest.link("family_slots", schedule.pk)
    if problem:
        context |= {
            "problem": problem,
            "problem_code": problem.code,
            "problem_text": problem.sentence,
            "existing": getattr(problem, "appointment", None),
        }
    return context


def _others(party: Party, schedule: Schedule) -> list[dict[str, Any]]:
    """Other schedules with enough places side by side for all of them."""
    rows = queries.alternatives(schedule, wanted=party.may_all, limit=12)
    slots = queries.slots_of_each([row.schedule.pk for row in rows])
    wanted = len(party.citizens)
    fitting = [row for row in rows if families.most_together(slots.get(row.schedule.pk, []), wanted) == wanted]
    return [{"row": row, "link": party.link("family_slots", row.schedule.pk)} for row in fitting[:4]]


def _asked(party: Party, slot: Slot) -> list[flow.PreScreening | None]:
    """The form of each member; None for whom there is none."""
    return [flow.pre_screening(citizen, slot, party.option(citizen, slot.schedule)) for citizen in party.citizens]


def _answers(request: CitizenRequest, party: Party, slot: Slot) -> flow.FamilyAnswers:
    word = request.POST.get("isi") or request.GET.get("isi") or ""
    return flow.FamilyAnswers.unseal(word, party.citizens, slot.pk)


def _next_unanswered(asked: list[flow.PreScreening | None], told: flow.FamilyAnswers) -> int | None:
    return next(
        (index for index, form in enumerate(asked) if form and told.of_member(index, form) is None),
        None,
    )


def _position(request: CitizenRequest, asked: list[flow.PreScreening | None], told: flow.FamilyAnswers) -> int | None:
    """Whose page this is: as the address says, else the first who has not answered; None when all have."""
    raw = request.GET.get("orang", "")
    if raw.isascii() and raw.isdigit() and 0 < int(raw[:3]) <= len(asked) and asked[int(raw[:3]) - 1]:
        return int(raw[:3]) - 1
    return _next_unanswered(asked, told)


def _to_store(
    party: Party, asked: list[flow.PreScreening | None], told: flow.FamilyAnswers
) -> dict[int, families.Answers]:
    stored = {}
    for index, (citizen, form) in enumerate(zip(party.citizens, asked, strict=True)):
        if form and (answers := told.of_member(index, form)) is not None:
            stored[citizen.pk] = families.Answers(form.to_store(answers), form.questionnaire.pk)
    return stored


def _about(party: Party, slot: Slot, key: UUID, sealed: str) -> dict[str, Any]:
    """The session, who sits where, and how long all places are still held."""
    now = timezone.now()
    held = families.held(party.keys(slot.schedule.programme_id), slot.schedule_id, now)
    seats = {}
    if held:
        slots = {one.pk: one for one in slot.schedule.slots.all()}
        seats = {
            citizen.pk: slots[held.slots[own]]
            for citizen, own in zip(party.citizens, party.keys(slot.schedule.programme_id), strict=True)
        }
    return {
        "party": party,
        "wanted": len(party.citizens),
        "slot": slot,
        "schedule": slot.schedule,
        "key": key,
        "sealed": sealed,
        "seats": seats,
        "held_places": len(party.citizens),
        "held_until": held.until if held else None,
        "hold_lapsed": not held,
        "seconds_left": flow.seconds_left(held.until if held else None, now),
        "hold_again": party.link("family_slots", slot.schedule_id),
        "slots_link": party.link("family_slots", slot.schedule_id),
    }


def _slot_or_404(slot_id: int) -> Slot:
    slot = single.slot_from(str(slot_id))
    if slot is None:
        raise Http404
    return slot


def _tickets_link(made: list[Appointment]) -> str:
    return reverse("scheduling:family_tickets", args=[made[0].public_id])
