"""Messages as rows: written with the fact they tell, sent after commit, retried, emptied when of no use."""

import json
import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core import sweeper
from core.crypto import blind_index
from core.leases import LeaseLost
from messaging import adapters
from messaging.models import Message

logger = logging.getLogger(__name__)

USEFUL_FOR = timedelta(days=7)
PAUSES_SECONDS = (5, 20, 60, 300, 900, 3600)
CLAIM_LIMIT, LEASE_SECONDS = 20, 120


def send(
    *,
    kind: str,
    to: str,
    text: str,
    subject: str = "",
    language: str = "id",
    parameters: Sequence[str] = (),
    expires_at: datetime | None = None,
    dedupe_key: str | None = None,
    urgent: bool = False,
) -> Message:
    """Write one message to a phone (E.164) or an e-mail address; it leaves after the caller's transaction commits.

    `kind` names the provider's message template and `parameters` its values; `text` is the whole message for channels
    without templates. `expires_at`: of no use afterwards, the text is then removed (default: seven days). The same
    `dedupe_key` again returns the first message. Must run inside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("send() belongs in the transaction of the fact it tells")
    message = Message(
        kind=kind,
        channel=channels_for(to)[0],
        recipient=to,
        recipient_index=blind_index(to, "email" if "@" in to else "phone"),
        language=language,
        subject=subject[:120],
        body=text,
        parameters=json.dumps(list(parameters)) if parameters else "",
        priority=0 if urgent else 5,
        dedupe_key=dedupe_key,
        expires_at=expires_at or timezone.now() + USEFUL_FOR,
    )
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        if dedupe_key is None:
            raise
        return Message.objects.get(dedupe_key=dedupe_key)
    transaction.on_commit(sweeper.wake, robust=True)
    return message


def channels_for(to: str) -> list[str]:
    """Channels to try in order for this destination."""
    if "@" in to and settings.MESSAGE_CHANNELS != [Message.Channel.CONSOLE]:
        return [Message.Channel.EMAIL]
    return settings.MESSAGE_CHANNELS


def drain() -> int:
    """Send due messages, urgent ones first, and empty useless ones; returns how many rows it settled.

    A provider that does not answer costs one time-out per round: its other messages go back to the queue untried.
    """
    done = empty_expired()
    down: dict[str, str] = {}
    for message in Message.objects.all().claim(CLAIM_LIMIT, LEASE_SECONDS, order_by=("priority", "available_at", "pk")):
        try:
            done += _deliver(message, down)
        except LeaseLost:
            logger.warning("message taken over", extra={"message_id": str(message.pk)})
    return done


def empty_expired() -> int:
    """Remove the text of messages past their use; those still waiting become expired."""
    now = timezone.now()
    useless = Message.objects.filter(expires_at__lt=now, emptied_at__isnull=True)
    waiting = useless.filter(state=Message.WAITING).update(state=Message.EXPIRED, finished_at=now)
    return max(waiting, useless.exclude(state=Message.IN_FLIGHT).update(body="", parameters="", emptied_at=now))


def retry(message_id: uuid.UUID) -> bool:
    """An admin sends a failed message again; False when it is not failed or has no text left."""
    changed = Message.objects.filter(pk=message_id, state=Message.FAILED, emptied_at__isnull=True).update(
        state=Message.WAITING, attempts=0, available_at=timezone.now(), finished_at=None
    )
    if changed:
        transaction.on_commit(sweeper.wake, robust=True)
    return bool(changed)


def _deliver(message: Message, down: dict[str, str]) -> int:
    now = timezone.now()
    if message.expires_at < now:
        message.finish(Message.EXPIRED, body="", parameters="", emptied_at=now)
        return 1
    if message.channel in down:
        soon = now + timedelta(seconds=PAUSES_SECONDS[0])
        message.retry_at(soon, down[message.channel], attempts=message.attempts - 1)
        return 0
    try:
        reference = adapters.deliver(message)
    except adapters.Unreachable as error:
        down[message.channel] = str(error)
        return _postpone(message, str(error))
    except adapters.TryLater as error:
        return _postpone(message, str(error))
    except adapters.Refused as error:
        return _refuse(message, str(error))
    except Exception as error:
        # A defect in one adapter must not stop the others; the text may be personal, so only the type is kept.
        logger.exception("adapter failed", extra={"channel": message.channel})
        return _postpone(message, type(error).__name__)
    message.finish(Message.SENT, provider_reference=reference[:120], last_error="")
    return 1


def _postpone(message: Message, error: str) -> int:
    if message.attempts > len(PAUSES_SECONDS):
        return _refuse(message, error)
    pause = timedelta(seconds=PAUSES_SECONDS[message.attempts - 1])
    message.retry_at(timezone.now() + pause, error)
    return 0


def _refuse(message: Message, error: str) -> int:
    """This channel will not carry it: the next one tries, or a person has to look."""
    channels = channels_for(message.recipient)
    later = channels[channels.index(message.channel) + 1 :] if message.channel in channels else []
    if later:
        message.retry_at(timezone.now(), error, channel=later[0], attempts=0)
        return 0
    message.finish(Message.FAILED, last_error=error)
    return 1
