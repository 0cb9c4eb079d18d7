"""A dose on record: correct it, withdraw it, report what happened after it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from registration.models import Citizen
from stock.queries import usable_lots
from vaccination import adverse_events, corrections
from vaccination.eligibility import dose_label
from vaccination.forms import AdverseEventForm, CorrectionForm, ReasonForm
from vaccination.models import AdverseEvent, Immunization, ImmunizationQuerySet


def doses_for(request: StaffRequest) -> ImmunizationQuerySet:
    """Doses given in the territory, and those from a card of people the desk may open."""
    here = Immunization.objects.visible_to(request.user).values("pk")
    people = Citizen.objects.visible_to(request.user).values("pk")
    return Immunization.objects.filter(Q(pk__in=here) | Q(is_primary_source=False, citizen__in=people))


def dose_or_404(request: StaffRequest, dose_uuid: UUID) -> Immunization:
    """One of `doses_for`."""
    rows = doses_for(request)
    return get_object_or_404(
        rows.select_related("citizen", "vaccine", "facility", "performer", "programme"), uuid=dose_uuid
    )


def dose_context(row: Immunization, form: forms.Form) -> dict[str, Any]:
    """What every page about one dose shows."""
    return {"row": row, "citizen": row.citizen, "form": form, "label": dose_label(row.programme_id, row.dose_code)}


@staff_required("dose.correct")
@never_cache
def correct(request: StaffRequest, dose_uuid: UUID) -> HttpResponse:
    """The row as it stands beside what it should be; both are kept."""
    row = dose_or_404(request, dose_uuid)
    citizen = row.citizen
    lots = usable_lots(row.facility_id, None, row.occurred_at) if row.facility_id else []
    form = CorrectionForm(request.POST or None, row=row, lots=lots)
    form.point_at(request.GET.get("isian", ""))
    if not row.is_given:
        messages.error(request, "Catatan ini sudah dibetulkan atau dibatalkan.")
        return redirect("desk:citizen", public_id=citizen.public_id)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            corrections.correct_dose(
                immunization_id=row.pk, client_uuid=data["client_uuid"], actor=request.user, reason=data["reason"],
                override_reason=data["override_reason"], **form.changes(row),
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request, "Perbaikan dicatat. Catatan lama tetap terlihat; sertifikat lama dicabut dan PCare diperbarui."
            )
            return redirect("desk:citizen", public_id=citizen.public_id)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=citizen.pk, purpose="correction")
    return render(request, "vaccination/correct.html", dose_context(row, form))


@staff_required("dose.correct")
@never_cache
def withdraw(request: StaffRequest, dose_uuid: UUID) -> HttpResponse:
    """Withdraw a dose that never was given."""
    row = dose_or_404(request, dose_uuid)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            corrections.withdraw_dose(immunization_id=row.pk, actor=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Catatan dosis dibatalkan. Dosisnya kembali ke stok dan sertifikatnya dicabut.")
            return redirect("desk:citizen", public_id=row.citizen.public_id)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=row.citizen_id, purpose="correction")
    return render(request, "vaccination/withdraw.html", dose_context(row, form))


@staff_required("kipi.record")
@never_cache
def adverse_event(request: StaffRequest, dose_uuid: UUID) -> HttpResponse:
    """Report a KIPI after this dose."""
    row = dose_or_404(request, dose_uuid)
    form = AdverseEventForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            event = adverse_events.record_adverse_event(immunization=row, actor=request.user, **data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("desk:adverse_event_done", event_id=event.pk)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=row.citizen_id, purpose="observation", note="KIPI")
    events = row.adverse_events.order_by("-reported_at")
    context = dose_context(row, form) | {"events": events, "now": timezone.now()}
    return render(request, "vaccination/adverse_event.html", context)


@staff_required("kipi.record")
@never_cache
def adverse_event_done(request: StaffRequest, event_id: int) -> HttpResponse:
    """What to do now, after a KIPI was recorded."""
    rows = AdverseEvent.objects.select_related("immunization__citizen", "immunization__vaccine")
    event = get_object_or_404(rows, pk=event_id, immunization__in=doses_for(request))
    log_read(user=request.user, citizen_id=event.immunization.citizen_id, purpose="observation", note="KIPI")
    context = {
        "event": event,
        "steps": adverse_events.next_steps(event),
        "symptoms": [adverse_events.SYMPTOMS.get(s, s) for s in event.symptoms],
    }
    return render(request, "vaccination/adverse_event_done.html", context)
