"""Messages as rows: written with the fact they tell, sent after commit, retried, emptied when of no use."""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

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
# After a draw thousands of messages are due at once. One drain sends for so long, then other queues have their turn.
DRAIN_SECONDS = 3.0
# A provider takes a fifth of a second per message: so many are asked at once.
AT_ONCE = 8
# A channel that did not answer is left alone by this process for so long; then one message tries it for all.
REST_SECONDS = 30.0
_rests_until: dict[str, float] = {}  # by channel, monotonic


@dataclass(frozen=True)
class Letter:
    """One message to be written; the fields are those of `send`."""

    kind: str
    to: str
    text: str
    subject: str = ""
    language: str = "id"
    parameters: Sequence[str] = ()
    expires_at: datetime | None = None
    dedupe_key: str | None = None
    urgent: bool = False


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
    `dedupe_key`, which must not hold the number, again returns the first message. Must run inside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("send() belongs in the transaction of the fact it tells")
    message = _written(Letter(kind, to, text, subject, language, parameters, expires_at, dedupe_key, urgent))
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        if dedupe_key is None:
            raise
        return Message.objects.get(dedupe_key=dedupe_key)
    transaction.on_commit(sweeper.wake, robust=True)
    return message


def send_many(letters: Iterable[Letter]) -> None:
    """As `send` for each, in one statement; what has a `dedupe_key` that is known already is left as it was."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("send_many() belongs in the transaction of the facts it tells")
    Message.objects.bulk_create([_written(letter) for letter in letters], ignore_conflicts=True)
    transaction.on_commit(sweeper.wake, robust=True)


def _written(letter: Letter) -> Message:
    if letter.dedupe_key and letter.to.removeprefix("+") in letter.dedupe_key:
        raise ValueError("a key stands in plain beside the message: it must not hold the number (I6)")
    return Message(
        kind=letter.kind,
        channel=channels_for(letter.to)[0],
        recipient=letter.to,
        recipient_index=blind_index(letter.to, "email" if "@" in letter.to else "phone"),
        language=letter.language,
        subject=letter.subject[:120],
        body=letter.text,
        parameters=json.dumps(list(letter.parameters)) if letter.parameters else "",
        priority=0 if letter.urgent else 5,
        dedupe_key=letter.dedupe_key,
        expires_at=letter.expires_at or timezone.now() + USEFUL_FOR,
    )


def unsent(dedupe_prefix: str) -> int:
    """How many messages whose `dedupe_key` begins so have not left yet; for progress shown to staff."""
    return Message.objects.filter(
        dedupe_key__startswith=dedupe_prefix, state__in=(Message.WAITING, Message.IN_FLIGHT)
    ).count()


def channels_for(to: str) -> list[str]:
    """Channels to try in order for this destination."""
    if "@" in to and settings.MESSAGE_CHANNELS != [Message.Channel.CONSOLE]:
        return [Message.Channel.EMAIL]
    return settings.MESSAGE_CHANNELS


def drain() -> int:
    """Send due messages, urgent ones first, and empty useless ones; returns how many rows it settled.

    Goes on for DRAIN_SECONDS while more are due; who waits for a code is first in every round. A provider that does not
    answer costs one time-out in REST_SECONDS: its messages stay in the queue untried, urgent ones go by the next
    channel, and the other channels go on.
    """
    done, end = empty_expired(), time.monotonic() + DRAIN_SECONDS
    done += sum(_pass_on_urgent(channel) for channel in _resting())
    while True:
        due = Message.objects.exclude(channel__in=_resting())
        rows = due.claim(CLAIM_LIMIT, LEASE_SECONDS, order_by=("priority", "available_at", "pk"))
        done += _settle_round(rows, end)
        if len(rows) < CLAIM_LIMIT or time.monotonic() > end:
            return done


def forget_rests() -> None:
    """Ask every channel again at once; tests call it."""
    _rests_until.clear()


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


# What a channel answered: the provider's reference, or why not.
Answer = str | Exception


def _settle_round(rows: Sequence[Message], end: float) -> int:
    """Deliver claimed messages, channel by channel, until `end` (monotonic)."""
    now, done = timezone.now(), 0
    useless = [message for message in rows if message.expires_at < now]
    done += sum(_recorded(message, _expire) for message in useless)
    for channel in dict.fromkeys(message.channel for message in rows):
        done += _settle_channel(
            channel, [message for message in rows if message.channel == channel and message.expires_at >= now], end
        )
    return done


def _settle_channel(channel: str, due: Sequence[Message], end: float) -> int:
    """The first alone, when it was answered the others several at once; the channel rests when none of them was.

    However slow a channel is, one group of AT_ONCE is asked; what is left at `end` stays for the next sweep.
    """
    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = 0
        while asked < len(due):
            if asked > 1 and time.monotonic() > end:
                for message in due[asked:]:
                    _recorded(message, _give_back, "")
                break
            together = due[asked : asked + (AT_ONCE if asked else 1)]
            asked += len(together)
            answers = list(pool.map(_ask, together))
            done += sum(_recorded(message, _record, said) for message, said in zip(together, answers, strict=True))
            if all(isinstance(said, adapters.Unreachable) for said in answers):
                _rests_until[channel] = time.monotonic() + REST_SECONDS
                logger.warning("channel rests", extra={"channel": channel, "error": str(answers[0])})
                for message in due[asked:]:
                    _recorded(message, _give_back, str(answers[0]))
                return done + _pass_on_urgent(channel)
    return done


def _resting() -> list[str]:
    return [channel for channel, until in list(_rests_until.items()) if time.monotonic() < until]


def _pass_on_urgent(channel: str) -> int:
    """Who waits for a code does not wait for a provider: the next channel that is not resting takes it.

    One that was accepted without an answer arrives twice, with the same code.
    """
    order = settings.MESSAGE_CHANNELS
    resting = _resting()
    later = [one for one in order[order.index(channel) + 1 :] if one not in resting] if channel in order else []
    if not later:
        return 0
    waiting = Message.objects.filter(channel=channel, priority=0, state=Message.WAITING)
    return waiting.update(channel=later[0], attempts=0, available_at=timezone.now())


def _ask(message: Message) -> Answer:
    """Hand a message to its channel; touches no database, so that it may run in a thread."""
    try:
        return adapters.deliver(message)
    except Exception as error:
        if not isinstance(error, adapters.Unreachable | adapters.TryLater | adapters.Refused):
            # A defect in one adapter must not stop the others; the text may be personal, so only the type is kept.
            logger.exception("adapter failed", extra={"channel": message.channel})
        return error


def _recorded(message: Message, write: Callable[..., int], *said: Any) -> int:
    try:
        return write(message, *said)
    except LeaseLost:
        logger.warning("message taken over", extra={"message_id": str(message.pk)})
        return 0


def _record(message: Message, answer: Answer) -> int:
    match answer:
        case adapters.Refused():
            return _refuse(message, str(answer))
        case adapters.Unreachable() | adapters.TryLater():
            return _postpone(message, str(answer))
        case Exception():
            return _postpone(message, type(answer).__name__)
    message.finish(Message.SENT, provider_reference=answer[:120], last_error="")
    return 1


def _expire(message: Message) -> int:
    message.finish(Message.EXPIRED, body="", parameters="", emptied_at=timezone.now())
    return 1


def _give_back(message: Message, error: str) -> int:
    message.retry_at(message.available_at, error, attempts=message.attempts - 1)
    return 0


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
