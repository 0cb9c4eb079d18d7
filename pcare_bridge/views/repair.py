"""`/petugas/kiriman/…/`: a refused delivery leads to the very field that is wrong; saving sends it again at once.

`/petugas/kunjungan/…/lengkapi/`: the same before it is refused, while the person is still there.
"""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from pcare_bridge import gather, repair
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.forms import CodesForm, PersonForm
from pcare_bridge.models import MENDABLE_STATES, Delivery
from pcare_bridge.repair import Place
from registration.services import NikTaken
from vaccination.models import Visit

# Which right lets a person mend which kind of value.
RIGHTS = {
    repair.PERSON: "identity.resolve",
    repair.DOSE: "dose.correct",
    repair.ACCOUNT: "pcare.manage",
    repair.CODES: "pcare.manage",
    repair.SCREENING: "dose.correct",
}


@sensitive_post_parameters("nik", "contact_phone")
@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage", "identity.resolve", "dose.correct")
@never_cache
def mend(request: StaffRequest, delivery_id: UUID) -> HttpResponse:
    """What the service said, and the form or the page that holds the wrong value."""
    rows = Delivery.objects.visible_to(request.user).select_related(
        "immunization__citizen", "immunization__vaccine", "facility__pcare_account"
    )
    delivery = get_object_or_404(rows, pk=delivery_id)
    if delivery.state not in MENDABLE_STATES:
        messages.info(request, f"Kiriman ini sudah selesai: {delivery.get_state_display()}.")
        return redirect(_home(request, delivery))
    place = repair.place_of(delivery)
    error = ERROR_CLASSES.get(delivery.error_class)
    form = _form(request, delivery, place)
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            count = _save(request, delivery, form)
        except ValidationError as refusal:
            form.add_error(None, _reachable(form, refusal))
        else:
            messages.success(request, f"Disimpan. {count} kiriman dikirim ulang sekarang.")
            return redirect(_home(request, delivery))
    elif request.method == "GET":
        log_read(user=request.user, citizen_id=delivery.immunization.citizen_id, purpose="pcare")
    context = {
        "delivery": delivery,
        "error": error.about(delivery.service_name) if error else None,
        "place": place,
        "form": form,
        "link": _link(request, delivery, place),
        "home": _home(request, delivery),
        "at_office": _may(request, "pcare.view"),
    }
    return render(request, "pcare_bridge/mend.html", context, status=422 if form is not None and form.errors else 200)


@sensitive_post_parameters("nik", "contact_phone")
@require_http_methods(["GET", "POST"])
@staff_required("identity.resolve")
@never_cache
def complete(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What the national services will ask for and this person's record lacks, while the person is at the desk."""
    rows = Visit.objects.visible_to(request.user).select_related("citizen__account", "facility", "vaccine")
    visit = get_object_or_404(rows, public_id=public_id)
    places = [repair.PLACES[name.lower()] for name, _label in gather.missing_before_dose(visit)]
    wanted = [place for place in places if place.kind == repair.PERSON]
    form = PersonForm(request.POST or None, visit.citizen, wanted[0].field if wanted else "")
    if request.method == "POST" and form.is_valid():
        try:
            repair.complete_person(visit.citizen, request.user, form.changes())
        except ValidationError as refusal:
            form.add_error(None, _reachable(form, refusal))
        else:
            messages.success(request, "Data orang ini dilengkapi.")
            return redirect("desk:dose", public_id=public_id)
    elif request.method == "GET":
        log_read(user=request.user, citizen_id=visit.citizen_id, purpose="pcare")
    context = {"visit": visit, "form": form, "wanted": list(dict.fromkeys(place.label for place in wanted))}
    return render(request, "pcare_bridge/complete.html", context, status=422 if form.errors else 200)


def _may(request: StaffRequest, right: str) -> bool:
    return bool(right) and request.user.territory().can(right)


def _form(request: StaffRequest, delivery: Delivery, place: Place) -> PersonForm | CodesForm | None:
    """The form for a value that is mended here, when this person may."""
    data = request.POST or None
    immunization = delivery.immunization
    # Where the service named no field, the person is the likeliest, and the desk can look at the card.
    kind = place.kind or repair.PERSON
    if kind == repair.PERSON and _may(request, RIGHTS[repair.PERSON]):
        return PersonForm(data, immunization.citizen, place.field)
    if kind == repair.CODES and _may(request, RIGHTS[repair.CODES]):
        return CodesForm(data, instance=repair.codes_of(immunization.vaccine), wrong=place.field)
    return None


def _save(request: StaffRequest, delivery: Delivery, form: PersonForm | CodesForm) -> int:
    if isinstance(form, CodesForm):
        return repair.mend_codes(delivery, request.user, form.save(commit=False))
    return repair.mend_person(delivery, request.user, form.changes())


def _reachable(form: PersonForm | CodesForm, error: ValidationError) -> ValidationError:
    """The same error without fields this form does not have."""
    if isinstance(error, NikTaken):
        words = "NIK ini sudah tercatat pada data lain. Gabungkan kedua data lewat menu Identitas."
        return ValidationError({"nik": words})
    if hasattr(error, "error_dict") and not error.error_dict.keys() <= form.fields.keys():
        return ValidationError(error.messages)
    return error


def _link(request: StaffRequest, delivery: Delivery, place: Place) -> str:
    """The page that holds the value, at the field itself; empty when this person may not or it is mended here."""
    if place.kind not in RIGHTS or not _may(request, RIGHTS[place.kind]):
        return ""
    match place.kind:
        case repair.DOSE:
            address = reverse("desk:correct", args=[delivery.immunization.uuid])
            return f"{address}?isian={place.field}#id_{place.field}"
        case repair.ACCOUNT:
            account = getattr(delivery.facility, "pcare_account", None)
            if account is None:
                return reverse("pcare:accounts")
            name = "pcare:satusehat" if delivery.service == "satusehat" else "pcare:account"
            return f"{reverse(name, args=[account.pk])}#id_{place.field}"
    return ""


def _home(request: StaffRequest, delivery: Delivery) -> str:
    """Where this person came from: the health office's page of the delivery, or the person's record at the desk."""
    if _may(request, "pcare.view"):
        return reverse("pcare:detail", args=[delivery.pk])
    return reverse("desk:citizen", args=[delivery.immunization.citizen.public_id])
