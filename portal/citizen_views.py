"""A family member's record."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal import record
from registration.models import Citizen
from registration.session import CitizenRequest, citizen_required


@require_safe
@citizen_required
def citizen_record(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Appointments, doses with their journey, and who opened the record; only for the account that holds it."""
    citizen = get_object_or_404(
        Citizen.objects.select_related("kelurahan__kecamatan"),
        public_id=public_id,
        account=request.citizen_account,
        merged_into__isnull=True,
    )
    context = {
        "citizen": citizen,
        "appointments": record.appointments(citizen),
        "standings": record.standings(citizen),
        "doses": record.doses(citizen),
        "reads": record.reads(citizen),
    }
    return render(request, "portal/record.html", context)
