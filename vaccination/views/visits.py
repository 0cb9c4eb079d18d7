"""The steps of a visit: screening, injection, confirmation, observation, end."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from programmes.catalogue import form_of
from programmes.screening import Item, Proposal, questions_for
from stock.workplace import current_facility
from vaccination import flow, queries, services
from vaccination.eligibility import dose_label
from vaccination.forms import DoseForm, LeaveForm, ReasonForm, ScreeningForm
from vaccination.models import Immunization, Screening, Visit
from vaccination.views.today import step_url

Step = Visit.Step


def visit_or_404(request: StaffRequest, public_id: UUID) -> Visit:
    """A visit at a facility of the user's territory; a foreign one is a 404."""
    rows = Visit.objects.visible_to(request.user).select_related(
        "citizen", "facility", "programme", "vaccine", "appointment__slot"
    )
    return get_object_or_404(rows, public_id=public_id)


@staff_required("desk.screen")
@never_cache
def screening(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The form of the person's age and programme; nothing typed is lost while a second reading is waited for."""
    visit = visit_or_404(request, public_id)
    if visit.step not in (Step.ARRIVED, Step.SCREENED):
        return redirect(step_url(visit))
    try:
        sheet = flow.sheet_for(visit)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("desk:today")
    items = questions_for(sheet.form, sheet.subject)
    form = ScreeningForm(request.POST or None, items=items, answers=sheet.answers)
    proposal: Proposal | None = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            result = flow.screen(
                visit_id=visit.pk, client_uuid=data["client_uuid"], answers=form.answers(), reading=form.reading(),
                actor=request.user, outcome=data["outcome"], override_reason=data["override_reason"],
                postponed_until=data["postponed_until"],
            )  # fmt: skip
        except ValidationError as error:
            form.add_error("override_reason" if error.code == "override" else None, error)
        else:
            if result.screening:
                return _after_screening(request, visit, result.screening)
            proposal = result.proposal
            if data["outcome"] == Screening.Outcome.PROCEED and not proposal.outcome and not proposal.use_form:
                form.add_error("outcome", "Belum dapat lanjut. Lengkapi jawaban dan pengukuran yang diminta dulu.")
            if proposal.use_form:
                messages.info(request, "Formulir khusus dipakai. Lanjutkan dengan pertanyaan berikut.")
                return redirect("desk:screening", public_id=public_id)
        sheet = flow.sheet_for(Visit.objects.select_related("citizen", "vaccine", "appointment").get(pk=visit.pk))
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=visit.citizen_id, purpose="screening")
    context = {
        "visit": visit,
        "citizen": visit.citizen,
        "age": visit.citizen.age_on(visit.date),
        "form": form,
        "sheet": sheet,
        "proposal": proposal,
        "proposed_text": dict(Screening.Outcome.choices).get(proposal.outcome, "") if proposal else "",
        "missing": _missing(proposal, items),
        "dose": dose_label(visit.programme_id, visit.dose_code),
    }
    return render(request, "vaccination/screening.html", context)


def _missing(proposal: Proposal | None, items: Sequence[Item]) -> list[str]:
    texts = {item.key: item.text for item in items} | {"temperature_c": "Suhu", "blood_pressure": "Tekanan darah"}
    return [texts.get(key, key) for key in proposal.missing] if proposal else []


def _after_screening(request: StaffRequest, visit: Visit, screening: Screening) -> HttpResponse:
    visit.refresh_from_db()
    if visit.step == Step.SCREENED:
        return redirect("desk:dose", public_id=visit.public_id)
    text = f"{visit.citizen.full_name}: {screening.get_outcome_display().lower()}. Tempatnya dibuka untuk orang lain"
    if screening.postponed_until:
        text += f"; dapat datang lagi mulai {screening.postponed_until:%d-%m-%Y}"
    messages.warning(request, f"{text}. Janji baru dapat dibuat dari halaman warga.")
    return redirect("desk:citizen", public_id=visit.citizen.public_id)


@staff_required("dose.record")
@never_cache
def dose(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Record the injection: lot proposed, confirmed by the vaccinator."""
    visit = visit_or_404(request, public_id)
    if visit.step not in (Step.SCREENED, Step.VACCINATED):
        return redirect(step_url(visit))
    screening = visit.screenings.select_related("questionnaire").order_by("-decided_at", "-pk").first()
    pregnant = bool(screening and screening.questionnaire.applies_to.get("pregnant")) or None
    choices = queries.dose_choices(visit, pregnant=pregnant)
    minutes = _observation(screening)
    form = DoseForm(
        request.POST or None, choices=choices, facility=visit.facility, user=request.user,
        initial={"observe_minutes": minutes, "body_site": _usual_site(visit), "occurred_at": _usual_time(visit)},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        dose_code, lot_id = form.dose_and_lot()
        try:
            services.record_dose(
                client_uuid=data["client_uuid"], citizen_id=visit.citizen_id, facility_id=visit.facility_id,
                programme_code=visit.programme_id, dose_code=dose_code, lot_id=lot_id, performer=data["performer"],
                recorder=request.user, occurred_at=data["occurred_at"], body_site=data["body_site"], visit_id=visit.pk,
                override_reason=data["override_reason"], observe_minutes=data["observe_minutes"],
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("desk:given", public_id=public_id)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=visit.citizen_id, purpose="dose")
    elif "client_uuid" not in form.errors and _already_given(form):
        return redirect("desk:given", public_id=public_id)
    main = queries.same_as_first(choices)
    context = {
        "visit": visit,
        "citizen": visit.citizen,
        "age": visit.citizen.age_on(visit.date),
        "form": form,
        "choices": choices,
        "main": main,
        "other_chosen": form["choice"].value() in {choice.value for choice in choices[main:]},
        "blocked": queries.blocked_options(visit),
        "screening": screening,
        "minutes": minutes,
        "given": visit.immunizations.completed().select_related("vaccine"),
    }
    return render(request, "vaccination/dose.html", context)


def _already_given(form: DoseForm) -> bool:
    """The same form sent again: its lot line may be gone from the list, the dose is on record all the same."""
    key = form.cleaned_data.get("client_uuid")
    return key is not None and Immunization.objects.filter(client_uuid=key).exists()


def _observation(screening: Screening | None) -> int:
    form = form_of(screening.questionnaire) if screening else None
    allergy = flow.history_of_allergy(screening, form)
    return services.OBSERVE_MINUTES_ALLERGY if allergy else services.OBSERVE_MINUTES


def _usual_time(visit: Visit) -> datetime:
    """Now; for a visit written down late the hour of the booking, to be set right from the printed list."""
    if visit.date == timezone.localdate() or visit.appointment is None:
        return timezone.localtime()
    return timezone.localtime(visit.appointment.slot.starts_at)


def _usual_site(visit: Visit) -> str:
    """Thigh under two years of age, else the left arm; nothing for drops."""
    if visit.vaccine and visit.vaccine.route.lower() == "oral":
        return ""
    return "LT" if visit.citizen.age_months_on(visit.date) < 24 else "LA"


@staff_required("desk.check_in")
@never_cache
def given(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The confirmation: what was given, until when to wait, what comes next."""
    visit = visit_or_404(request, public_id)
    doses = list(
        visit.immunizations.completed()
        .select_related("vaccine", "performer")
        .prefetch_related("deliveries", "certificates")
        .order_by("occurred_at")
    )
    if not doses:
        return redirect(step_url(visit))
    log_read(user=request.user, citizen_id=visit.citizen_id, purpose="dose", note="Hasil pencatatan")
    context = {
        "visit": visit,
        "citizen": visit.citizen,
        "doses": [(row, dose_label(row.programme_id, row.dose_code, row.vaccine_id)) for row in doses],
        "next_doses": queries.next_doses(visit.citizen, visit.programme_id)[:4],
        "may_give_more": visit.step == Step.VACCINATED and request.user.territory().can("dose.record"),
    }
    return render(request, "vaccination/given.html", context)


@staff_required("desk.observe")
@never_cache
def observation(request: StaffRequest) -> HttpResponse:
    """Everybody who waits after the injection, who is due first on top."""
    facility = current_facility(request)
    context = {"facility": facility, "visits": queries.observation_board(facility), "now": timezone.now()}
    if request.headers.get("X-Fragment") == "list":
        return render(request, "vaccination/_observation.html", context)
    return render(request, "vaccination/observation.html", context)


@staff_required("desk.observe")
@require_POST
def finish(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """End the observation of one person."""
    visit = visit_or_404(request, public_id)
    form = LeaveForm(request.POST)
    if form.is_valid():
        try:
            flow.finish_observation(
                visit_id=visit.pk, left_early=form.cleaned_data["left_early"], note=form.cleaned_data["note"]
            )  # fmt: skip
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, f"{visit.citizen.full_name}: selesai.")
    return redirect("desk:observation")


@staff_required("desk.check_in")
@never_cache
def end(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """End a visit without a dose."""
    visit = visit_or_404(request, public_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            flow.cancel_visit(visit_id=visit.pk, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Kunjungan {visit.citizen.full_name} diakhiri.")
            return redirect("desk:today")
    return render(request, "vaccination/end.html", {"visit": visit, "citizen": visit.citizen, "form": form})
