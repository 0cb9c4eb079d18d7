"""Which person a desk may open: of the territory, or found here in person within the last hour."""

from datetime import timedelta
from uuid import UUID

from django.http import Http404
from django.utils import timezone

from accounts.access import StaffRequest
from registration.models import Citizen

SESSION_KEY = "desk_found"
GRANT = timedelta(hours=1)


def grant(request: StaffRequest, citizen: Citizen) -> None:
    """Remember that this person stood at the desk; the session holds the random id, never a NIK."""
    now = timezone.now()
    found = {key: until for key, until in request.session.get(SESSION_KEY, {}).items() if until > now.timestamp()}
    found[str(citizen.public_id)] = (now + GRANT).timestamp()
    request.session[SESSION_KEY] = found


def citizen_or_404(request: StaffRequest, public_id: UUID) -> Citizen:
    """The living record, inside the territory or found at this desk lately; else Http404."""
    rows = Citizen.objects.active().filter(public_id=public_id)
    rows = rows.select_related("kelurahan__kecamatan", "domicile_kelurahan__kecamatan", "guardian", "account")
    granted = request.session.get(SESSION_KEY, {}).get(str(public_id), 0) > timezone.now().timestamp()
    citizen = rows.first() if granted else rows.visible_to(request.user).first()
    if citizen is None:
        raise Http404
    return citizen
