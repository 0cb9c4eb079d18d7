"""An adverse event (KIPI) reported after its dose was sent: the record upstream is brought up to date.

Runs inside the outbox's transaction. Locks, in this order: the immunization, then its deliveries.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import outbox, sweeper
from pcare_bridge import deadlines
from pcare_bridge.models import Delivery, DeliveryAttempt
from pcare_bridge.planning import first_state
from vaccination.models import Immunization

# The profiles that have a place for adverse events.
PROFILES = ("vaksinasi", "satusehat")
REOPEN = "pcare.reopen"
BUSY_PAUSE = timedelta(seconds=15)


def on_reported(payload: dict[str, Any]) -> None:
    """Send what was sent before once more, as an update; what still waits takes the event along by itself."""
    immunization = _current(payload["immunization_id"])
    if immunization is None:
        return
    rows = Delivery.objects.select_for_update().filter(immunization=immunization, profile__in=PROFILES)
    for delivery in rows.exclude(operation=Delivery.Operation.WITHDRAW):
        if delivery.state == Delivery.SENT:
            _reopen(delivery)
        elif delivery.state == Delivery.IN_FLIGHT:
            # What is on its way may have been read before the event: look again when it has arrived.
            outbox.add_later(REOPEN, timezone.now() + BUSY_PAUSE, immunization_id=immunization.pk)


def _current(immunization_id: int) -> Immunization | None:
    """The version of a dose that holds now, locked; None for one that was withdrawn."""
    row = Immunization.objects.select_for_update(no_key=True).get(pk=immunization_id)
    while row.status != Immunization.Status.COMPLETED:
        newer = Immunization.objects.select_for_update(no_key=True).filter(replaces=row).first()
        if newer is None:
            return None
        row = newer
    return row


def _reopen(delivery: Delivery) -> None:
    delivery.operation = Delivery.Operation.UPDATE
    delivery.state = first_state(delivery.facility_id, delivery.profile)
    delivery.available_at, delivery.attempts = timezone.now(), 0
    delivery.first_attempt_at = delivery.finished_at = None
    delivery.deadline_at = deadlines.next_deadline(delivery.immunization.occurred_at, delivery.service)
    delivery.save(
        update_fields=[
            "operation", "state", "available_at", "attempts", "first_attempt_at", "finished_at", "deadline_at",
        ]
    )  # fmt: skip
    DeliveryAttempt.objects.create(delivery=delivery, outcome="retry", message="KIPI dicatat sesudah dosis terkirim.")
    transaction.on_commit(sweeper.wake, robust=True)
