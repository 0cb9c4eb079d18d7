"""Stores what became of one try: the delivery's new state, its log, what waits behind it, and the service's health."""

import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from core.leases import LeaseLost
from core.prepared import Prepared
from pcare_bridge import conf, health, telling
from pcare_bridge.client import Call
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass, Handling
from pcare_bridge.models import Account, Delivery, DeliveryAttempt, SatusehatAccount
from pcare_bridge.outcome import Outcome
from pcare_bridge.planning import first_state, kept_references

logger = logging.getLogger(__name__)

_dice = secrets.SystemRandom()


@dataclass(frozen=True)
class Result:
    """What became of one claimed delivery, before it is stored."""

    delivery: Delivery
    outcome: Outcome
    calls: list[Call]
    account: Account | None


# One statement for many deliveries that arrived: the token is the fence, as for a single one, and only rows it let
# through are logged.
#
# Its commit does not wait for the disk: an outcome lost with the machine leaves the lease, which was on disk before the
# request left, and whoever takes over reads back first and finds the record.
SENT = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(numbers)s::text[], %(references)s::text[])
        AS g (id, token, number, kept)
), done AS (
    UPDATE pcare_bridge_delivery d
    SET state = 'sent', finished_at = %(now)s, lease_until = NULL, lease_token = NULL, upstream_number = given.number,
        "references" = given.kept::jsonb, outcome_unknown = false, last_error = '', error_class = '', error_field = '',
        error_message = ''
    FROM given WHERE d.id = given.id AND d.lease_token = given.token AND d.state = 'in_flight'
    RETURNING d.id
)
INSERT INTO pcare_bridge_deliveryattempt (delivery_id, at, method, path_template, code, message, duration_ms, outcome)
SELECT done.id, %(now)s, c.method, c.path, c.code, c.message, c.duration, c.outcome
FROM unnest(%(of)s::uuid[], %(methods)s::text[], %(paths)s::text[], %(codes)s::int[], %(messages)s::text[],
            %(durations)s::int[], %(outcomes)s::text[]) WITH ORDINALITY
    AS c (id, method, path, code, message, duration, outcome, nth)
JOIN done ON done.id = c.id ORDER BY c.nth
"""
# A statement of its own, after the rows are ours: a correction planned meanwhile is seen only now. The moment, to the
# microsecond, tells what this batch stored.
KEPT = """
SELECT d.id, EXISTS (SELECT FROM pcare_bridge_delivery s WHERE s.previous_id = d.id AND s.state = 'held')
FROM pcare_bridge_delivery d
WHERE d.id = ANY(%(ids)s::uuid[]) AND d.state = 'sent' AND d.finished_at = %(now)s
"""
STORE = [Prepared("pcare_sent", SENT), Prepared("pcare_kept", KEPT)]


# Of leases whose request never began: as if they had not been claimed.
BACK = """
UPDATE pcare_bridge_delivery d
SET state = 'waiting', lease_until = NULL, lease_token = NULL, outcome_unknown = given.unknown,
    attempts = greatest(d.attempts - 1, 0),
    first_attempt_at = CASE WHEN d.attempts > 1 THEN d.first_attempt_at END
FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(unknown)s::boolean[]) AS given (id, token, unknown)
WHERE d.id = given.id AND d.lease_token = given.token AND d.state = 'in_flight'
"""


def give_back(works: Sequence[tuple[Delivery, bool]]) -> None:
    """End leases of deliveries nothing was sent for; with each, whether an earlier try of it is in doubt."""
    if not works:
        return
    values: dict[str, Any] = {
        "ids": [delivery.pk for delivery, _ in works],
        "tokens": [delivery.lease_token for delivery, _ in works],
        "unknown": [unknown for _, unknown in works],
    }
    with connection.cursor() as cursor:
        cursor.execute(BACK, values)


class Ledger:
    """Stores the outcomes of one sender's run; several that simply arrived together in one transaction."""

    # How long a success noted for the breaker speaks for those after it, seconds.
    NOTE_SECONDS = 0.5

    def __init__(self, upstream_id: int, aside: Callable[..., object] | None = None) -> None:
        """`aside(function, argument)` has something done that nobody waits for: figures and log lines of a success."""
        self.upstream_id = upstream_id
        self._aside = aside or (lambda function, argument: function(argument))
        self._noted_at = 0.0
        self._untold: list[tuple[Delivery, list[Call]]] = []
        self._unnoted: list[Result] = []

    def store(self, results: Sequence[Result]) -> list[Result]:
        """Record in the caller's transaction what simply arrived; returns the others, for `settle_others`."""
        plain = [result for result in results if _is_plain(result)]
        if plain:
            self._untold += [(result.delivery, result.calls) for result in _store_plain(plain)]
            self._unnoted += plain
        return [result for result in results if not _is_plain(result)]

    def settle_others(self, others: Sequence[Result]) -> None:
        """Once `store` is committed: tell of it, and record the others, each in a transaction of its own."""
        if self._unnoted:
            self._aside(telling.tell_sent, self._untold)
            self._note(self._unnoted)
            self._untold, self._unnoted = [], []
        for result in others:
            settle(result.delivery, result.outcome, result.calls, self.upstream_id, result.account)
            self._noted_at = 0.0  # it may have counted as a failure: the next success must be noted again

    def _note(self, results: list[Result]) -> None:
        answered = [result.calls[-1] for result in results if result.calls[-1].code is not None]
        if answered and time.monotonic() - self._noted_at > self.NOTE_SECONDS:
            health.note_success(self.upstream_id, answered[-1].clock_difference)
            self._noted_at = time.monotonic()


def _is_plain(result: Result) -> bool:
    """Created or updated upstream, with nothing else to remember."""
    outcome = result.outcome
    spoiled = result.account is not None and result.account.decode_failures
    return (
        outcome.error is None
        and bool(result.calls)
        and bool(outcome.number or result.delivery.upstream_number)
        and not (outcome.token or outcome.undecodable or spoiled)
        and result.delivery.operation != Delivery.Operation.WITHDRAW
    )


def _store_plain(results: list[Result]) -> list[Result]:
    """Store deliveries that arrived; returns those whose lease was still ours."""
    kept = _store_sent(results)
    for result in results:
        if result.delivery.pk not in kept:
            # Another worker took over after our lease ran out; it reads back before it writes.
            logger.warning("delivery taken over", extra={"delivery_id": str(result.delivery.pk)})
        elif kept[result.delivery.pk]:
            result.delivery.refresh_from_db()
            _release(result.delivery)
    return [result for result in results if result.delivery.pk in kept]


def _store_sent(results: list[Result]) -> dict[UUID, bool]:
    """Mark as sent what is still ours, and log its calls; returns the ids, and whether something waits behind each."""
    calls = [(result.delivery.pk, call, call is result.calls[-1]) for result in results for call in result.calls]
    values: dict[str, Any] = {
        "now": timezone.now(),
        "ids": [result.delivery.pk for result in results],
        "tokens": [result.delivery.lease_token for result in results],
        "numbers": [result.outcome.number or result.delivery.upstream_number for result in results],
        "references": [json.dumps({**result.delivery.references, **result.outcome.references}) for result in results],
        "of": [pk for pk, _, _ in calls],
        "methods": [call.method for _, call, _ in calls],
        "paths": [call.path_template for _, call, _ in calls],
        "codes": [call.code for _, call, _ in calls],
        "messages": [call.message for _, call, _ in calls],
        "durations": [call.duration_ms for _, call, _ in calls],
        "outcomes": ["sent" if last else "read_back" for _, _, last in calls],
    }
    statements = "; ".join(one.ready_on(connection) for one in STORE)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit TO off; {statements}", values)
        return dict(cursor.fetchall())


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
    telling.tell_outcome(delivery, error)
    if error is None or error.handling is not Handling.RETRY:
        if calls and calls[-1].code is not None:
            health.note_success(upstream_id, calls[-1].clock_difference)
    else:
        health.note_failure(upstream_id, error, outcome.retry_after)
    if error is not None and error.handling is Handling.PAUSE and account is not None:
        health.pause_account(account, error, outcome.message)


def keep_token(account: SatusehatAccount, outcome: Outcome) -> None:
    """Store a token a thread fetched, so that the other workers use it too."""
    account.access_token = outcome.token  # the same object serves the next deliveries of this run
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
    if not calls:
        DeliveryAttempt.objects.create(delivery=delivery, message=outcome.message[:300], outcome=verdict)
    telling.tell_attempt(delivery, calls, error)


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
