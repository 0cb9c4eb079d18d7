"""By which accounts and profiles a facility's doses are delivered, and what is switched off."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from pcare_bridge.models import SERVICES, Account, FacilityAccount, ProfileSwitch, SatusehatAccount
from vaccination.models import Immunization

ACCOUNT_MODELS: dict[str, type[FacilityAccount] | type[SatusehatAccount]] = {
    "pcare": FacilityAccount,
    "satusehat": SatusehatAccount,
}


def profiles_of(service: str) -> list[str]:
    """The profiles that go to a service."""
    return [profile for profile, home in SERVICES.items() if home == service]


def find(facility_id: int, profile: str) -> Account | None:
    """The facility's account for the service of `profile`, active or not."""
    model = ACCOUNT_MODELS[SERVICES[profile]]
    return model.objects.filter(facility_id=facility_id).first()


def by_facility(service: str, facilities: Iterable[int]) -> dict[int, Account]:
    """Accounts for one service by facility."""
    rows = ACCOUNT_MODELS[service].objects.filter(facility_id__in=set(facilities))
    return {row.facility_id: row for row in rows}


def active_profiles(immunization: Immunization) -> list[str]:
    """The profiles this dose is to be delivered by; none for a dose told from memory or given elsewhere."""
    facility_id = immunization.facility_id
    if facility_id is None or not immunization.is_primary_source:
        return []
    switched = dict(
        ProfileSwitch.objects.filter(facility_id=facility_id, active_since__isnull=False).values_list(
            "profile", "active_since"
        )
    )
    return [
        profile
        for profile, since in _switched_on(facility_id)
        if immunization.recorded_at >= max(since, switched.get(profile) or since)
    ]


def _switched_on(facility_id: int) -> list[tuple[str, datetime]]:
    found: list[tuple[str, datetime]] = []
    pcare = FacilityAccount.objects.filter(facility_id=facility_id, is_active=True).first()
    if pcare:
        found += [(profile, pcare.active_since) for profile in pcare.profiles]
    satusehat = SatusehatAccount.objects.filter(facility_id=facility_id, is_active=True).first()
    if satusehat:
        found.append(("satusehat", satusehat.active_since))
    return found


def is_paused(facility_id: int, profile: str) -> bool:
    """Whether the service refuses this facility's account."""
    account = find(facility_id, profile)
    return account is not None and account.is_paused


def stopped(service: str) -> Q:
    """Deliveries that a person stopped, by profile for all facilities or for one; use with `exclude`."""
    found = Q(pk__in=[])
    switches = ProfileSwitch.objects.filter(profile__in=profiles_of(service)).exclude(stopped_reason="")
    for facility_id, profile in switches.values_list("facility_id", "profile"):
        one = Q(profile=profile)
        found |= one if facility_id is None else one & Q(facility_id=facility_id)
    return found
