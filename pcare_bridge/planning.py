"""From news about doses to delivery rows: one per dose and active profile, corrections in order behind it.

Runs inside the outbox's transaction, so it makes no network call. The same news may come twice, and in any order.
Locks, in this order: immunizations of the chain (oldest first), then the delivery that comes before.
"""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from core import sweeper
from pcare_bridge import accounts, deadlines
from pcare_bridge.models import SERVICES, Account, Delivery, FacilityAccount, ProfileSwitch
from vaccination.models import Immunization

# States a row never leaves by itself.
_SETTLED = (Delivery.SENT, Delivery.REPORTED, Delivery.WITHDRAWN, Delivery.SUPERSEDED)


def on_recorded(payload: dict[str, Any]) -> None:
    """A dose was recorded: see to its deliveries."""
    _plan(payload["immunization_id"])


def on_corrected(payload: dict[str, Any]) -> None:
    """A dose was marked as wrong, with or without a replacement: update or withdraw what stands upstream."""
    replacement_id = payload.get("replacement_id")
    if replacement_id:
        _plan(replacement_id)
    else:
        _withdraw(_locked(payload["immunization_id"]))


def missing_deliveries(account: Account) -> list[int]:
    """Doses that should have a delivery for this account and lack one for a profile of it."""
    profiles = account.profiles if isinstance(account, FacilityAccount) else [account.service]
    found: set[int] = set()
    for profile in profiles:
        switch = ProfileSwitch.objects.filter(facility_id=account.facility_id, profile=profile).first()
        since = (
            max(account.active_since, switch.active_since) if switch and switch.active_since else account.active_since
        )
        delivered = Delivery.objects.filter(profile=profile, immunization=OuterRef("pk"))
        rows = Immunization.objects.completed().filter(
            ~Exists(delivered), facility_id=account.facility_id, is_primary_source=True, recorded_at__gte=since
        )
        found.update(rows.values_list("pk", flat=True))
    return sorted(found)


@transaction.atomic
def backfill(account: Account) -> int:
    """Plan what was recorded while the account was not active; returns how many doses."""
    doses = missing_deliveries(account)
    for immunization_id in doses:
        _plan(immunization_id)
    return len(doses)


@transaction.atomic
def switch_profiles(account: FacilityAccount, profiles: list[str]) -> None:
    """Deliver a facility's doses by these PCare profiles from now on.

    A profile switched on takes doses recorded from this moment; what was queued for one switched off is still sent.
    """
    locked = FacilityAccount.objects.select_for_update().get(pk=account.pk)
    for profile in set(profiles) - set(locked.profiles):
        ProfileSwitch.objects.update_or_create(
            facility_id=account.facility_id, profile=profile, defaults={"active_since": timezone.now()}
        )
    account.profiles = locked.profiles = profiles
    locked.save(update_fields=["profiles"])


def _plan(immunization_id: int) -> None:
    older = Immunization.objects.values_list("replaces_id", flat=True).get(pk=immunization_id)
    # Both rows of a correction are locked, the older first, so that news of the two cannot pass each other.
    former = _locked(older) if older else None
    immunization = _locked(immunization_id)
    if immunization.status != Immunization.Status.COMPLETED:
        return  # the news of its own correction, sent or still to come, settles what remains
    wanted = accounts.active_profiles(immunization)
    for profile in wanted:
        if not _existing(immunization, profile):
            _deliver(immunization, profile, _chain_end(former, profile))
    if former:
        _leave(former, immunization, wanted)


def _leave(former: Immunization, immunization: Immunization, wanted: list[str]) -> None:
    """What an earlier version wrote by a profile that no longer applies: corrected where it stands, or taken back."""
    begun = Delivery.objects.filter(immunization__in=_versions(former)).values_list("profile", flat=True)
    for profile in sorted(set(begun) - set(wanted)):
        prior = _chain_end(former, profile)
        stays = prior is not None and prior.is_upstream and prior.facility_id == immunization.facility_id
        account = accounts.find(prior.facility_id, profile) if prior else None
        if stays and account and account.is_active and immunization.is_primary_source:
            if not _existing(immunization, profile):
                _deliver(immunization, profile, prior)
        else:
            _withdraw_profile(former, profile)


def _locked(immunization_id: int) -> Immunization:
    return Immunization.objects.select_for_update(no_key=True).get(pk=immunization_id)


def _existing(immunization: Immunization, profile: str) -> Delivery | None:
    return (
        Delivery.objects.filter(immunization=immunization, profile=profile)
        .exclude(operation=Delivery.Operation.WITHDRAW)
        .first()
    )


def _chain_end(former: Immunization | None, profile: str) -> Delivery | None:
    """The last delivery of the versions before, locked; a version that never had one is passed over."""
    for version in _versions(former):
        rows = Delivery.objects.select_for_update().filter(immunization_id=version, profile=profile)
        last = rows.exclude(operation=Delivery.Operation.WITHDRAW).first()
        if last:
            return last
    return None


def _deliver(immunization: Immunization, profile: str, prior: Delivery | None) -> None:
    facility_id = immunization.facility_id
    assert facility_id is not None
    new = Delivery(immunization=immunization, facility_id=facility_id, profile=profile)
    new.deadline_at = deadlines.next_deadline(immunization.occurred_at, SERVICES[profile])
    if prior is None:
        new.state = first_state(facility_id, profile)
        new.save(force_insert=True)
    elif prior.facility_id != facility_id:
        # The number upstream belongs to the other facility: take it back there, then write it anew here.
        withdrawal = _withdraw_profile(prior.immunization, profile)
        waits = withdrawal is not None and withdrawal.state not in _SETTLED
        new.previous = withdrawal
        new.state = Delivery.HELD if waits else first_state(facility_id, profile)
        new.save(force_insert=True)
    else:
        _follow(new, prior)
    transaction.on_commit(sweeper.wake, robust=True)


def _follow(new: Delivery, prior: Delivery) -> None:
    """Queue `new` behind `prior` of the same dose, taking its place when nothing of it is under way."""
    is_under_way = prior.state == Delivery.IN_FLIGHT or prior.is_in_file
    withdraws = new.operation == Delivery.Operation.WITHDRAW
    new.sender_id, new.previous = prior.sender_id, prior
    new.upstream_number, new.outcome_unknown = prior.upstream_number, prior.outcome_unknown
    new.references = kept_references(prior, new)
    if is_under_way:
        new.state = Delivery.HELD  # its worker releases us when it has its answer, and the file's result does
    elif prior.state == Delivery.HELD:
        new.state, new.previous = Delivery.HELD, prior.previous
    else:
        new.state = first_state(new.facility_id, new.profile)
    if not withdraws:
        begun = prior.is_upstream or prior.state in _SETTLED or prior.operation == Delivery.Operation.UPDATE
        new.operation = Delivery.Operation.UPDATE if begun else Delivery.Operation.CREATE
    if not is_under_way and prior.state not in _SETTLED:
        _supersede(prior)
    new.save(force_insert=True)
    transaction.on_commit(sweeper.wake, robust=True)


def _supersede(prior: Delivery) -> None:
    prior.state, prior.finished_at, prior.outcome_unknown = Delivery.SUPERSEDED, timezone.now(), False
    prior.save(update_fields=["state", "finished_at", "outcome_unknown"])


def kept_references(prior: Delivery, new: Delivery) -> dict[str, str]:
    """Numbers of earlier steps that still hold for `new`; another person's patient and visit do not."""
    same_person = prior.immunization.citizen_id == new.immunization.citizen_id
    return dict(prior.references) if same_person or new.operation == Delivery.Operation.WITHDRAW else {}


def first_state(facility_id: int, profile: str) -> str:
    """Waiting, or paused while the service refuses the facility's account."""
    return Delivery.PAUSED if accounts.is_paused(facility_id, profile) else Delivery.WAITING


def _withdraw(immunization: Immunization) -> list[Delivery]:
    """Take back what stands upstream of this version or those before it; returns the withdrawals that will do it."""
    profiles = Delivery.objects.filter(immunization__in=_versions(immunization)).values_list("profile", flat=True)
    needed = [_withdraw_profile(immunization, profile) for profile in sorted(set(profiles))]
    return [row for row in needed if row]


def _withdraw_profile(immunization: Immunization, profile: str) -> Delivery | None:
    prior = _chain_end(immunization, profile)
    if prior is None:
        return None
    existing = Delivery.objects.filter(
        immunization_id=prior.immunization_id, profile=profile, operation=Delivery.Operation.WITHDRAW
    ).first()
    if existing or prior.state in (Delivery.WITHDRAWN, Delivery.SUPERSEDED):
        return existing
    untouched = not prior.is_upstream and prior.operation == Delivery.Operation.CREATE
    if untouched and prior.state != Delivery.REPORTED:
        prior.state, prior.finished_at = Delivery.WITHDRAWN, timezone.now()
        prior.save(update_fields=["state", "finished_at"])
        return None
    withdrawal = Delivery(
        immunization_id=prior.immunization_id,
        facility_id=prior.facility_id,
        profile=profile,
        operation=Delivery.Operation.WITHDRAW,
    )
    _follow(withdrawal, prior)
    return withdrawal


def _versions(immunization: Immunization | None) -> list[int]:
    """Primary keys of this version and every one it replaced."""
    found: list[int] = []
    while immunization is not None and immunization.pk not in found:
        found.append(immunization.pk)
        immunization = immunization.replaces
    return found
