"""/petugas/kader/: a cadre writes down a resident who has no phone or no NIK at hand."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from registration import services
from registration.forms import NikForm, PersonForm
from registration.forms_desk import ResidentForm


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("booking.assist")
def register_resident(request: StaffRequest) -> HttpResponse:
    """One page for one person; the answer says what to tell the family. A known NIK is neither shown nor changed."""
    data = request.POST if request.method == "POST" else None
    territory = request.user.territory()
    sections: dict[str, Any] = {
        "nik": NikForm(data),
        "person": PersonForm(data),
        "place": ResidentForm(data, territory=territory),
    }
    if data is not None and all(form.is_valid() for form in sections.values()):
        try:
            return _save(
                request, {name: value for form in sections.values() for name, value in form.cleaned_data.items()}
            )
        except ValidationError as error:
            sections["person"].add_error(None, " ".join(error.messages))
    return render(request, "registration/cadre_register.html", {"sections": sections})


def _save(request: StaffRequest, entry: dict[str, Any]) -> HttpResponse:
    entry.pop("has_nik")
    number = entry.pop("nik") or None
    with transaction.atomic():
        citizen, created = services.known_or_new(nik=number, relation="lain", **entry)
        if created:
            log_read(user=request.user, citizen_id=citizen.pk, purpose="identity", note="Didaftarkan kader")
    # Of somebody already on record the cadre learns nothing but what was typed.
    context = {"name": entry["full_name"], "citizen": citizen if created else None}
    return render(request, "registration/cadre_done.html", context)
