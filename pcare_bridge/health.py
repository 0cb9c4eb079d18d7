"""Circuit breaker, throttle and pauses, kept in Postgres so that all workers share them (PROTOCOL 6, 7.3, 7.4)."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from pcare_bridge import conf
from pcare_bridge.accounts import ACCOUNT_MODELS, profiles_of
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass, Handling
from pcare_bridge.models import Account, Delivery, DeliveryQuerySet, Incident, Upstream

# The service itself is in trouble: these open the breaker. A slow neighbour behind it (424) does not.
BREAKING = frozenset({"unreachable", "server_fault", "unreadable", "slow"})
TRANSIENT = [key for key, item in ERROR_CLASSES.items() if item.handling is Handling.RETRY]
UNDECODABLE_LIMIT = 3


def upstream(service: str = "pcare") -> Upstream | None:
    """The row of a service's configured address, made on first use; None when no address is configured."""
    address = conf.base_url(service)
    if not address:
        return None
    row, _ = Upstream.objects.get_or_create(base_url=address)
    return row


def reserve_slots(row: Upstream, count: int) -> list[datetime]:
    """Start times for `count` requests at the permitted rate; `row` is locked by the caller and saved here."""
    now = timezone.now()
    rate = settings.PCARE_PER_SECOND
    first = max(now, row.next_slot_at or now)
    if not rate:
        return [first] * count  # no throttle, but a pause the service asked for still holds
    step = timedelta(seconds=1 / rate)
    row.next_slot_at = first + count * step
    row.save(update_fields=["next_slot_at"])
    return [first + index * step for index in range(count)]


@transaction.atomic
def note_success(pk: int, clock_difference: int | None = None) -> None:
    """The service gave a real answer, whatever it said: the breaker closes and stranded rows come due."""
    row = Upstream.objects.get(pk=pk)
    now = timezone.now()
    fresh = row.last_success_at and now - row.last_success_at < timedelta(seconds=1)
    if fresh and not row.consecutive_failures and not row.is_down:
        return
    row = Upstream.objects.select_for_update().get(pk=pk)
    row.consecutive_failures, row.last_success_at = 0, now
    if clock_difference is not None:
        row.clock_difference_seconds = clock_difference
    if row.is_down:
        row.state, row.changed_at, row.probe_at = Upstream.State.CLOSED, now, None
        row.incidents.filter(ended_at__isnull=True).update(ended_at=now)
        # Nobody waits out an hour's pause for an outage that is over; the throttle spreads them.
        service = "satusehat" if row.base_url == conf.base_url("satusehat") else "pcare"
        Delivery.objects.filter(
            state=Delivery.WAITING, error_class__in=TRANSIENT, profile__in=profiles_of(service)
        ).update(available_at=now)
    row.save()


@transaction.atomic
def note_failure(pk: int, error: ErrorClass, retry_after: int | None = None) -> None:
    """A transient failure: count it, open the breaker at the limit, honour a pause the service asks for."""
    row = Upstream.objects.select_for_update().get(pk=pk)
    now = timezone.now()
    row.last_failure_at = now
    if retry_after:
        row.next_slot_at = max(row.next_slot_at or now, now + timedelta(seconds=retry_after))
    if error.key in BREAKING:
        row.consecutive_failures += 1
        first, longest = conf.breaker_pauses()
        if row.state == Upstream.State.HALF_OPEN:
            row.open_seconds = min(max(row.open_seconds, first) * 2, longest)
            row.state, row.probe_at = Upstream.State.OPEN, now + timedelta(seconds=row.open_seconds)
        elif row.state == Upstream.State.CLOSED and row.consecutive_failures >= settings.PCARE_BREAKER_FAILURES:
            row.state, row.changed_at, row.open_seconds = Upstream.State.OPEN, now, first
            row.probe_at = now + timedelta(seconds=first)
            Incident.objects.get_or_create(
                upstream=row, ended_at=None, defaults={"began_at": now, "error_class": error.key}
            )
    row.save()


@transaction.atomic
def pause_account(refused: Account, error: ErrorClass, message: str) -> None:
    """Our configuration is wrong for this facility: stop its queue, spend no attempts, tell a person."""
    account = _locked(refused)
    now = timezone.now()
    account.paused_until = now + timedelta(seconds=settings.PCARE_ACCOUNT_PAUSE_SECONDS)
    account.pause_class, account.pause_message = error.key, message[:300]
    account.save(update_fields=["paused_until", "pause_class", "pause_message"])
    _deliveries(account).filter(state=Delivery.WAITING).update(
        state=Delivery.PAUSED, error_class=error.key, error_message=message[:500]
    )


@transaction.atomic
def resume_account(paused: Account) -> int:
    """Let the facility's queue run again; returns how many deliveries that frees."""
    account = _locked(paused)
    account.paused_until, account.pause_class, account.pause_message, account.decode_failures = None, "", "", 0
    account.save(update_fields=["paused_until", "pause_class", "pause_message", "decode_failures"])
    return (
        _deliveries(account)
        .filter(state=Delivery.PAUSED)
        .update(state=Delivery.WAITING, available_at=timezone.now(), first_attempt_at=None)
    )


def resume_expired(service: str) -> None:
    """Try paused accounts again every now and then: the account may have been repaired at the other end."""
    model = ACCOUNT_MODELS[service]
    for account in model.objects.filter(paused_until__lte=timezone.now()).exclude(pause_class=""):
        resume_account(account)
    strays(service).update(state=Delivery.WAITING, available_at=timezone.now())


def strays(service: str) -> DeliveryQuerySet:
    """Paused deliveries of accounts that are not: planned in the very moment in which the account was resumed."""
    running: Any = ACCOUNT_MODELS[service].objects.filter(pause_class="").values("facility_id")
    rows: DeliveryQuerySet = Delivery.objects.filter(
        state=Delivery.PAUSED, profile__in=profiles_of(service), facility_id__in=running
    )
    return rows


def note_decoding(account: Account, undecodable: bool) -> bool:
    """Count unreadable answers in a row; returns whether this is the one that means a wrong key or clock."""
    mine = type(account)._default_manager.filter(pk=account.pk)
    if not undecodable:
        if account.decode_failures:
            mine.update(decode_failures=0)
            account.decode_failures = 0
        return False
    mine.update(decode_failures=F("decode_failures") + 1)
    account.refresh_from_db(fields=["decode_failures"])
    return account.decode_failures >= UNDECODABLE_LIMIT


def _locked(account: Account) -> Account:
    return type(account)._default_manager.select_for_update().get(pk=account.pk)


def _deliveries(account: Account) -> DeliveryQuerySet:
    rows: DeliveryQuerySet = Delivery.objects.filter(
        facility_id=account.facility_id, profile__in=profiles_of(account.service)
    )
    return rows
