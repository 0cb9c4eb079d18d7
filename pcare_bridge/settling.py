"""Stores what became of one try: the delivery's new state, its log, what waits behind it, and the service's health."""

import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter, Histogram

from core.leases import LeaseLost
from pcare_bridge import conf, health
from pcare_bridge.client import Call
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass, Handling
from pcare_bridge.models import Account, Delivery, DeliveryAttempt, SatusehatAccount
from pcare_bridge.outcome import Outcome
from pcare_bridge.planning import first_state, kept_references

logger = logging.getLogger(__name__)

CALLS = Counter("pcare_calls", "Requests to PCare", ["method", "path", "code"])
SECONDS = Histogram("pcare_call_seconds", "Duration of requests to PCare", ["method", "path"])
OUTCOMES = Counter("pcare_deliveries", "Outcomes of tries to deliver", ["outcome"])

_dice = secrets.SystemRandom()


def settle(delivery: Delivery, outcome: Outcome, calls: list[Call], upstream_id: int, account: Account | None) -> None:
    """Record `outcome` of a claimed delivery in one transaction; a lost lease changes nothing."""
    error = _judge(outcome, calls, account)
    delivery.references = {**delivery.references, **outcome.references}
    if outcome.token and isinstance(account, SatusehatAccount):
        keep_token(account, outcome)
    try:
        with transaction.atomic():
            _log(delivery, outcome, calls, error)
            _apply(delivery, outcome, error)
            _release(delivery)
    except LeaseLost:
        # Another worker took over after our lease ran out; it reads back before it writes.
        logger.warning("delivery taken over", extra={"delivery_id": str(delivery.pk)})
    OUTCOMES.labels(error.key if error else "sent").inc()
    if error is None or error.handling is not Handling.RETRY:
        if calls and calls[-1].code is not None:
            health.note_success(upstream_id, calls[-1].clock_difference)
    else:
        health.note_failure(upstream_id, error, outcome.retry_after)
    if error is not None and error.handling is Handling.PAUSE and account is not None:
        health.pause_account(account, error, outcome.message)


def keep_token(account: SatusehatAccount, outcome: Outcome) -> None:
    """Store a token a thread fetched, so that the other workers use it too."""
    SatusehatAccount.objects.filter(pk=account.pk).update(
        access_token=outcome.token, token_expires_at=datetime.fromtimestamp(outcome.token_expires, UTC)
    )


def _judge(outcome: Outcome, calls: list[Call], account: Account | None) -> ErrorClass | None:
    """The error class, a row of unreadable answers counted as a wrong key."""
    if account is not None and calls and health.note_decoding(account, outcome.undecodable):
        return ERROR_CLASSES["wrong_key"]
    return outcome.error


def _apply(delivery: Delivery, outcome: Outcome, error: ErrorClass | None) -> None:
    number = outcome.number or delivery.upstream_number
    if error is None:
        done: dict[str, Any] = {"upstream_number": number, "outcome_unknown": False, "last_error": ""}
        done["references"] = delivery.references
        done |= {"error_class": "", "error_field": "", "error_message": ""}
        if delivery.operation == Delivery.Operation.WITHDRAW:
            delivery.finish(Delivery.WITHDRAWN, **done)
            Delivery.objects.filter(
                immunization_id=delivery.immunization_id, profile=delivery.profile, state=Delivery.SENT
            ).update(state=Delivery.WITHDRAWN)
        else:
            delivery.finish(Delivery.SENT, **done)
        return
    trouble = {
        "upstream_number": number,
        "references": delivery.references,
        "outcome_unknown": outcome.in_doubt,
        "error_class": error.key,
        "error_field": outcome.error_field,
        "error_message": outcome.message[:500],
    }
    if error.handling is Handling.PAUSE:
        delivery.pause(**trouble)
    elif error.handling is Handling.PERSON or (
        error.max_attempts is not None and delivery.attempts >= error.max_attempts
    ):
        delivery.finish(Delivery.REFUSED, **trouble)
    elif _is_too_old(delivery):
        delivery.finish(Delivery.REFUSED, **(trouble | {"error_class": "expired"}))
    else:
        pause = conf.pause_seconds(delivery.attempts) * _dice.uniform(0.8, 1.2)
        when = timezone.now() + timedelta(seconds=max(pause, outcome.retry_after or 0))
        delivery.retry_at(when, error.key, **trouble)


def _is_too_old(delivery: Delivery) -> bool:
    since = delivery.first_attempt_at
    return since is not None and timezone.now() - since > timedelta(hours=settings.PCARE_GIVE_UP_HOURS)


def _log(delivery: Delivery, outcome: Outcome, calls: list[Call], error: ErrorClass | None) -> None:
    verdict = error.key if error else "sent"
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            delivery=delivery,
            method=call.method,
            path_template=call.path_template,
            code=call.code,
            message=call.message,
            duration_ms=call.duration_ms,
            outcome=verdict if call is calls[-1] else "read_back",
        )
        for call in calls
    )
    for call in calls:
        CALLS.labels(call.method, call.path_template, str(call.code)).inc()
        SECONDS.labels(call.method, call.path_template).observe(call.duration_ms / 1000)
        logger.info(
            "pcare attempt",
            extra={
                "delivery_id": str(delivery.pk),
                "attempt": delivery.attempts,
                "method": call.method,
                "path_template": call.path_template,
                "code": call.code,
                "http_status": call.http_status,
                "duration_ms": call.duration_ms,
                "outcome": verdict,
            },
        )
    if not calls:
        DeliveryAttempt.objects.create(delivery=delivery, message=outcome.message[:300], outcome=verdict)


def _release(delivery: Delivery) -> None:
    """Let the next version of this dose go, now that this one is known to stand upstream or not."""
    for successor in delivery.successors.select_for_update().filter(state=Delivery.HELD).order_by("created_at"):
        succeeded = delivery.state in (Delivery.SENT, Delivery.WITHDRAWN, Delivery.REPORTED)
        same_dose = successor.sender_id == delivery.sender_id
        if not succeeded and not same_dose:
            continue  # the other facility's record must be gone before ours is written
        if same_dose:
            successor.upstream_number = delivery.upstream_number
            successor.outcome_unknown = delivery.outcome_unknown
            successor.references = kept_references(delivery, successor)
        if not succeeded:
            # The newer version carries everything; trying the old one again would only be in its way.
            Delivery.objects.filter(pk=delivery.pk).update(
                state=Delivery.SUPERSEDED, finished_at=timezone.now(), outcome_unknown=False
            )
        successor.state = first_state(successor.facility_id, successor.profile)
        successor.available_at = timezone.now()
        successor.save(update_fields=["state", "available_at", "upstream_number", "outcome_unknown", "references"])


def release_after(delivery: Delivery) -> None:
    """The same for a delivery that a person brought to its end."""
    _release(delivery)
