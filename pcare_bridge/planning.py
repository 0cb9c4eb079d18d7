"""From news about doses to delivery rows: one per dose and active profile, corrections in order behind it.

Runs inside the outbox's transaction, so it makes no network call. The same news may come twice, and in any order.
Locks, in this order: immunizations of the chain (oldest first), then the delivery that comes before.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from core import sweeper
from pcare_bridge.models import Delivery, FacilityAccount
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


def missing_deliveries(account: FacilityAccount) -> list[int]:
    """Doses that should have a delivery for this account and have none."""
    rows = Immunization.objects.completed().filter(
        facility_id=account.facility_id, is_primary_source=True, recorded_at__gte=account.active_since
    )
    return list(rows.filter(deliveries__isnull=True).values_list("pk", flat=True))


@transaction.atomic
def backfill(account: FacilityAccount) -> int:
    """Plan what was recorded while the account was not active; returns how many doses."""
    doses = missing_deliveries(account)
    for immunization_id in doses:
        _plan(immunization_id)
    return len(doses)


def _plan(immunization_id: int) -> None:
    older = Immunization.objects.values_list("replaces_id", flat=True).get(pk=immunization_id)
    # Both rows of a correction are locked, the older first, so that news of the two cannot pass each other.
    former = _locked(older) if older else None
    immunization = _locked(immunization_id)
    if immunization.status != Immunization.Status.COMPLETED:
        return  # the news of its own correction, sent or still to come, settles what remains
    account = account_for(immunization)
    for profile in account.profiles if account else []:
        if account and not _existing(immunization, profile):
            _deliver(immunization, account.facility_id, profile, _chain_end(former, profile))
    if former and not account:
        _withdraw(former)


def account_for(immunization: Immunization) -> FacilityAccount | None:
    """The account this dose is delivered by, or None when it is not to be delivered."""
    if immunization.facility_id is None or not immunization.is_primary_source:
        return None
    account = FacilityAccount.objects.filter(facility_id=immunization.facility_id, is_active=True).first()
    return account if account and immunization.recorded_at >= account.active_since else None


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


def _deliver(immunization: Immunization, facility_id: int, profile: str, prior: Delivery | None) -> None:
    new = Delivery(immunization=immunization, facility_id=facility_id, profile=profile)
    if prior is None:
        new.state = first_state(facility_id)
        new.save(force_insert=True)
    elif prior.facility_id != facility_id:
        # The number upstream belongs to the other facility: take it back there, then write it anew here.
        withdrawal = _withdraw_profile(prior.immunization, profile)
        waits = withdrawal is not None and withdrawal.state not in _SETTLED
        new.previous = withdrawal
        new.state = Delivery.HELD if waits else first_state(facility_id)
        new.save(force_insert=True)
    else:
        _follow(new, prior)
    transaction.on_commit(sweeper.wake, robust=True)


def _follow(new: Delivery, prior: Delivery) -> None:
    """Queue `new` behind `prior` of the same dose, taking its place when nothing of it is under way."""
    withdraws = new.operation == Delivery.Operation.WITHDRAW
    new.sender_id, new.previous = prior.sender_id, prior
    new.upstream_number, new.outcome_unknown = prior.upstream_number, prior.outcome_unknown
    if prior.state == Delivery.IN_FLIGHT:
        new.state = Delivery.HELD  # its worker releases us when it has its answer
    elif prior.state == Delivery.HELD:
        new.state, new.previous = Delivery.HELD, prior.previous
    else:
        new.state = first_state(new.facility_id)
    if not withdraws:
        begun = prior.is_upstream or prior.state in _SETTLED or prior.operation == Delivery.Operation.UPDATE
        new.operation = Delivery.Operation.UPDATE if begun else Delivery.Operation.CREATE
    if prior.state not in (*_SETTLED, Delivery.IN_FLIGHT):
        _supersede(prior)
    new.save(force_insert=True)
    transaction.on_commit(sweeper.wake, robust=True)


def _supersede(prior: Delivery) -> None:
    prior.state, prior.finished_at, prior.outcome_unknown = Delivery.SUPERSEDED, timezone.now(), False
    prior.save(update_fields=["state", "finished_at", "outcome_unknown"])


def first_state(facility_id: int) -> str:
    """Waiting, or paused while the facility's account is."""
    paused = FacilityAccount.objects.filter(facility_id=facility_id).exclude(pause_class="").exists()
    return Delivery.PAUSED if paused else Delivery.WAITING


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
