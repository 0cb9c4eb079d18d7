"""The facility a member of staff works for right now, remembered in the staff session."""

from django.http import Http404

from accounts.access import StaffRequest
from regions.models import Facility

SESSION_KEY = "facility_id"


def facilities_of(request: StaffRequest) -> list[Facility]:
    """Active facilities in the user's territory, by name."""
    return list(Facility.objects.visible_to(request.user).filter(is_active=True).select_related("kecamatan"))


def current_facility(request: StaffRequest) -> Facility:
    """The facility chosen in this session, else the first of the territory; Http404 when there is none.

    The choice is filtered through the territory again: an assignment that ended yesterday opens nothing today.
    """
    mine = Facility.objects.visible_to(request.user).filter(is_active=True).select_related("kecamatan")
    chosen = request.session.get(SESSION_KEY)
    facility = mine.filter(pk=chosen).first() if chosen else None
    facility = facility or mine.order_by("name").first()
    if facility is None:
        raise Http404("Tidak ada fasilitas dalam penugasan Anda.")
    return facility


def choose_facility(request: StaffRequest, facility_id: int) -> Facility:
    """Work for another facility of the territory from now on; Http404 for a foreign one."""
    facility = Facility.objects.visible_to(request.user).filter(pk=facility_id, is_active=True).first()
    if facility is None:
        raise Http404
    request.session[SESSION_KEY] = facility.pk
    return facility
