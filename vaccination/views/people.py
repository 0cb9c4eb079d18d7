"""One person at the desk: ticket, walk-in, new record, the record itself, doses from a card."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

import registration.services as registration
from accounts.access import StaffRequest, staff_required
from core.models import ReadLog
from core.readlog import PURPOSES, log_read
from programmes import history
from registration import nik as nik_rules
from registration.models import Citizen
from scheduling.models import Appointment
from scheduling.queries import Row, todays_schedules
from stock.workplace import current_facility
from vaccination import flow, past_doses
from vaccination.eligibility import dose_label, judge, options_for
from vaccination.forms import NewCitizenForm, PastDoseForm, WalkInForm
from vaccination.models import Immunization, Visit
from vaccination.people import citizen_or_404, grant
from vaccination.views.today import step_url


@staff_required("desk.check_in")
@never_cache
def appointment(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The ticket and the person it belongs to; POST marks the person as present."""
    facility = current_facility(request)
    row = get_object_or_404(
        Appointment.objects.select_related("citizen__kelurahan", "schedule__vaccine", "programme", "slot"),
        public_id=public_id,
        schedule__facility=facility,
    )
    visit = Visit.objects.filter(appointment=row).first()
    if visit:
        return redirect(step_url(visit))
    if request.method == "POST":
        try:
            visit = flow.check_in(
                appointment_id=row.pk, facility=facility, actor=request.user, late=request.POST.get("late") == "1"
            )
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect("desk:today")
        messages.success(request, f"{visit.citizen.full_name}: hadir, nomor antrean {visit.queue_number}.")
        return redirect(step_url(visit))
    log_read(user=request.user, citizen_id=row.citizen_id, purpose="check_in")
    context = {
        "appointment": row,
        "citizen": row.citizen,
        "dose": dose_label(row.programme_id, row.dose_code),
        "is_today": row.schedule.date == timezone.localdate(),
        "may_enter_late": flow.may_enter_late(row),
        "warnings": nik_rules.describe(row.citizen.nik_warnings),
    }
    return render(request, "vaccination/appointment.html", context)


@staff_required("desk.check_in")
@never_cache
def new_citizen(request: StaffRequest) -> HttpResponse:
    """Write a person down who is not on record, then go on as a walk-in."""
    form = NewCitizenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            citizen, created = registration.known_or_new(
                nik=data["nik"] or None, full_name=data["full_name"], birth_date=data["birth_date"], sex=data["sex"],
                no_nik_reason=data["no_nik_reason"], kelurahan=data["kelurahan"], contact_phone=data["contact_phone"],
                identity_verified=True, relation=Citizen.Relation.SELF,
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            grant(request, citizen)
            if not created:
                messages.warning(request, "NIK ini sudah tercatat. Cocokkan nama dan tanggal lahirnya dengan kartu.")
            return redirect("desk:walk_in", public_id=citizen.public_id)
    return render(request, "vaccination/new_citizen.html", {"form": form})


@staff_required("desk.check_in")
@never_cache
def walk_in(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take a place of today for somebody without a ticket and check in."""
    facility = current_facility(request)
    citizen = citizen_or_404(request, public_id)
    schedules = todays_schedules(facility.pk)
    choices, refused = _walk_in_choices(citizen, schedules)
    form = WalkInForm(request.POST or None, choices=choices)
    if request.method == "POST" and form.is_valid():
        schedule_id, _colon, dose_code = form.cleaned_data["choice"].partition(":")
        try:
            visit = flow.check_in_walk_in(
                citizen_id=citizen.pk, facility=facility, schedule_id=int(schedule_id), dose_code=dose_code,
                client_uuid=form.cleaned_data["client_uuid"], actor=request.user,
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{citizen.full_name}: hadir, nomor antrean {visit.queue_number}.")
            return redirect(step_url(visit))
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=citizen.pk, purpose="check_in")
    context = {"citizen": citizen, "form": form, "schedules": schedules, "choices": choices, "refused": refused}
    return render(request, "vaccination/walk_in.html", context)


def _walk_in_choices(citizen: Citizen, schedules: list[Row]) -> tuple[list[tuple[str, str]], list[str]]:
    """Schedules with a place left and the dose the rules allow there; and why others are not offered."""
    past, today = history.past_doses(citizen.pk), timezone.localdate()
    allowed, with_reason, refused = [], [], []
    for row in schedules:
        schedule = row.schedule
        when = f"{schedule.open_time:%H.%M}–{schedule.close_time:%H.%M}"
        if row.walk_in_left < 1:
            refused.append(f"{schedule.vaccine.short_name} {when}: jatah datang langsung habis.")
            continue
        verdicts = [
            (code, judge(citizen, past, today, schedule.programme_id, schedule.vaccine_id, code))
            for code in schedule.dose_codes
        ]
        open_doses = [(code, verdict) for code, verdict in verdicts if verdict.option.eligible or verdict.needs_reason]
        if not open_doses and verdicts:
            refused.append(f"{schedule.vaccine.short_name} {when}: {verdicts[0][1].option.text}")
        for code, verdict in open_doses:
            label = dose_label(schedule.programme_id, code)
            text = f"{label} – {schedule.vaccine.short_name}, {when}, sisa {row.walk_in_left}"
            if verdict.option.eligible:
                allowed.append((f"{schedule.pk}:{code}", text))
            else:
                with_reason.append(
                    (f"{schedule.pk}:{code}", f"{text} · perlu keputusan vaksinator: {verdict.option.text}")
                )
    return allowed + with_reason, refused


@staff_required("desk.check_in")
@never_cache
def record(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One person's record: identity, doses and how far each has travelled, visits, who opened it."""
    citizen = citizen_or_404(request, public_id)
    log_read(user=request.user, citizen_id=citizen.pk, purpose="identity", note="Buka catatan warga")
    return render(request, "vaccination/citizen.html", record_context(request, citizen))


def record_context(request: StaffRequest, citizen: Citizen) -> dict[str, object]:
    """Everything the record page shows."""
    doses = list(
        Immunization.objects.filter(citizen=citizen)
        .select_related("vaccine", "programme", "facility", "performer", "corrected_by", "replaced_by")
        .prefetch_related("adverse_events", "deliveries", "certificates")
        .order_by("-occurred_at", "-pk")
    )
    mine = set(Immunization.objects.visible_to(request.user).filter(citizen=citizen).values_list("pk", flat=True))
    visits = (
        Visit.objects.filter(citizen=citizen)
        .select_related("facility", "programme")
        .prefetch_related(Prefetch("screenings"))
        .order_by("-arrived_at")[:20]
    )
    can = request.user.territory().can
    return {
        "citizen": citizen,
        "doses": [
            {
                "row": row,
                "label": dose_label(row.programme_id, row.dose_code, row.vaccine_id),
                "may_change": row.is_given and can("dose.correct") and (row.pk in mine or not row.is_primary_source),
                "may_report": row.is_given and can("kipi.record"),
            }
            for row in doses
        ],
        "visits": visits,
        "options": [option for option in options_for(citizen) if option.relevant],
        "reads": ReadLog.objects.filter(citizen_id=citizen.pk).select_related("user").order_by("-at")[:10],
        "purposes": PURPOSES,
        "warnings": nik_rules.describe(citizen.nik_warnings),
        "today": timezone.localdate(),
    }


@staff_required("desk.check_in")
@never_cache
@require_POST
def reveal_nik(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Show the full NIK once, for a written reason that the person can read later."""
    citizen = citizen_or_404(request, public_id)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()
    if not reason:
        messages.error(request, "Isi alasan membuka NIK.")
        return redirect("desk:citizen", public_id=public_id)
    log_read(user=request.user, citizen_id=citizen.pk, purpose="identity", note=f"NIK dibuka: {reason}")
    context = record_context(request, citizen) | {"revealed": citizen.nik}
    return render(request, "vaccination/citizen.html", context)


@staff_required("dose.record", "desk.screen")
@never_cache
def past_dose(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Take over a dose from a card or from what the person says."""
    citizen = citizen_or_404(request, public_id)
    form = PastDoseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        programme, vaccine, dose_code = data["dose"].split(":")
        try:
            past_doses.record_past_dose(
                client_uuid=data["client_uuid"], citizen_id=citizen.pk, programme_code=programme, vaccine_code=vaccine,
                dose_code=dose_code, occurred_on=data["occurred_on"], origin=data["origin"], recorder=request.user,
                outside_facility=data["outside_facility"], lot_number=data["lot_number"],
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Riwayat dosis dicatat.")
            back = reverse("desk:walk_in" if request.POST.get("next") == "datang" else "desk:citizen", args=[public_id])
            return redirect(back)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=citizen.pk, purpose="dose", note="Riwayat dosis")
    wanted = request.POST.get("next") or request.GET.get("next", "")
    context = {"citizen": citizen, "form": form, "next": "datang" if wanted == "datang" else ""}
    return render(request, "vaccination/past_dose.html", context)
