"""News that leaves an app with its transaction and reaches each consumer exactly once.

A producer calls `add` inside its transaction. Every subscribed consumer gets a row of its own; its handler runs in one
transaction with the mark "done", so a crash between the two is impossible. Redis only carries a wake-up after commit.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from core import sweeper
from core.leases import LeaseLost
from core.models import OutboxMessage

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]

# A handler that keeps failing is a defect, not weather: after these pauses a person has to look (`manage.py outbox`).
PAUSES_SECONDS = (1, 5, 30, 120, 600, 1800, 3600)


@dataclass(frozen=True)
class Subscription:
    """One consumer of one topic."""

    topic: str
    consumer: str
    handler: Handler


_by_topic: dict[str, list[Subscription]] = defaultdict(list)
_by_key: dict[tuple[str, str], Subscription] = {}


def subscribe(topic: str, consumer: str, handler: Handler) -> None:
    """Register `handler` for `topic`; called once from AppConfig.ready(). Same pair again replaces the handler."""
    subscription = Subscription(topic, consumer, handler)
    previous = _by_key.get((topic, consumer))
    if previous:
        _by_topic[topic].remove(previous)
    _by_topic[topic].append(subscription)
    _by_key[topic, consumer] = subscription


def consumers_of(topic: str) -> list[str]:
    """Names of the consumers of `topic`, for a statement that writes the fact and its messages in one round trip.

    Such a statement inserts one row per name, as `add` does, and calls `sweeper.wake` after commit.
    """
    return [subscription.consumer for subscription in _by_topic[topic]]


def add(topic: str, **payload: Any) -> None:
    """Write one message per consumer of `topic`; must run inside the transaction of the fact it reports."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("outbox.add() belongs in the transaction of the fact it reports")
    OutboxMessage.objects.bulk_create(
        OutboxMessage(topic=topic, consumer=subscription.consumer, payload=payload) for subscription in _by_topic[topic]
    )
    transaction.on_commit(sweeper.wake, robust=True)


def add_later(topic: str, at: datetime, **payload: Any) -> None:
    """As `add`, for news that is to be handled from `at` on and not before."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("outbox.add_later() belongs in the transaction of its fact")
    OutboxMessage.objects.bulk_create(
        OutboxMessage(topic=topic, consumer=subscription.consumer, payload=payload, available_at=at)
        for subscription in _by_topic[topic]
    )
    transaction.on_commit(sweeper.wake, robust=True)


def drain(consumer: str | None = None, limit: int = 100) -> int:
    """Claim and handle up to `limit` due messages; returns how many were done. Locks only the claimed rows."""
    messages = OutboxMessage.objects.all()
    if consumer:
        messages = messages.filter(consumer=consumer)
    return sum(_handle(message) for message in messages.claim(limit))


def _handle(message: OutboxMessage) -> int:
    subscription = _by_key.get((message.topic, message.consumer))
    try:
        if subscription is None:
            raise LookupError(f"no consumer {message.consumer} for {message.topic}")
        with transaction.atomic():
            message.hold_lease()
            subscription.handler(message.payload)
            message.finish(OutboxMessage.DONE)
        return 1
    except LeaseLost:
        logger.warning("outbox message taken over", extra={"outbox_id": message.pk})
    except Exception as error:
        # Boundary of foreign code: whatever a consumer raises must not stop the other messages.
        logger.exception("outbox handler failed", extra={"outbox_id": message.pk, "consumer": message.consumer})
        _give_back(message, error)
    return 0


def _give_back(message: OutboxMessage, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:500]
    try:
        if message.attempts > len(PAUSES_SECONDS):
            message.finish(OutboxMessage.FAILED, last_error=text)
        else:
            pause = timedelta(seconds=PAUSES_SECONDS[message.attempts - 1])
            message.retry_at(timezone.now() + pause, text)
    except LeaseLost:
        logger.warning("outbox message taken over", extra={"outbox_id": message.pk})
