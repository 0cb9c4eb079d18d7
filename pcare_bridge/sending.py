"""Works off due deliveries: claim by lease, send outside any transaction, store the answer (PROTOCOL section 7).

Requests run in threads that never touch the database; claiming and storing happen in the calling thread.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from pcare_bridge import accounts, channels, conf, health, settling
from pcare_bridge.channels import client_for
from pcare_bridge.client import Call, Unreachable
from pcare_bridge.errors import ERROR_CLASSES, Handling
from pcare_bridge.facts import Job
from pcare_bridge.gather import job_for
from pcare_bridge.models import Account, Delivery, DeliveryQuerySet, Upstream
from pcare_bridge.outcome import Outcome

logger = logging.getLogger(__name__)

PROBE_SECONDS = 60  # how long one worker may take to probe before another may try
REFILL_SECONDS = 1.0


@dataclass
class Work:
    """One claimed delivery on its way."""

    delivery: Delivery
    account: Account | None
    in_doubt: bool
    slots: list[datetime]
    last_start: float = 0.0
    """Monotonic seconds after which no request may begin: another worker may hold the lease when it would end."""
    job: Job | None = None


def send_due(seconds: float = 40.0, service: str = "") -> int:
    """Send what is due, to one service or to each in turn, for at most about `seconds` each.

    Returns how many deliveries got an outcome. Any number of workers may call this at once: each row is leased to one.
    """
    if not service:
        return sum(send_due(seconds, one) for one in accounts.ACCOUNT_MODELS)
    upstream = health.upstream(service)
    if upstream is None or upstream.paused_reason:
        return 0
    health.resume_expired(service)
    if not _is_open_for_work(upstream, service):
        return 0
    until = time.monotonic() + seconds
    width = settings.PCARE_IN_FLIGHT
    pending: dict[Future[tuple[Outcome, list[Call]]], Work] = {}
    finished = 0
    with ThreadPoolExecutor(width, thread_name_prefix="pcare") as pool:
        while True:
            claimed = []
            if time.monotonic() < until and len(pending) <= width // 2:
                claimed = _claim(upstream.pk, width - len(pending), service)
            for work in claimed:
                outcome = _prepare(work)
                if outcome is not None:
                    settling.settle(work.delivery, outcome, [], upstream.pk, work.account)
                    finished += 1
                else:
                    pending[pool.submit(_send, work)] = work
            if not pending:
                if claimed:
                    continue
                return finished
            for future in wait(pending, timeout=REFILL_SECONDS, return_when=FIRST_COMPLETED).done:
                work = pending.pop(future)
                outcome, calls = _result(future, work)
                settling.settle(work.delivery, outcome, calls, upstream.pk, work.account)
                finished += 1


def sendable(service: str) -> DeliveryQuerySet:
    """Deliveries to a service that nobody stopped."""
    rows: DeliveryQuerySet = Delivery.objects.filter(profile__in=accounts.profiles_of(service))
    return rows.exclude(accounts.stopped(service))


def has_work(service: str = "pcare") -> bool:
    """Whether a sender would find something to do now; costs a few indexed queries."""
    upstream = health.upstream(service)
    if upstream is None or upstream.paused_reason:
        return False
    now = timezone.now()
    if upstream.is_down:
        return upstream.probe_at is None or upstream.probe_at <= now
    model = accounts.ACCOUNT_MODELS[service]
    return sendable(service).due().exists() or model.objects.filter(paused_until__lte=now).exists()


def _claim(upstream_id: int, room: int, service: str = "pcare") -> list[Work]:
    """Lease up to `room` due rows within the shared limit of requests in flight; locks the upstream row briefly.

    Those whose deadline is nearest go first, whatever came first.
    """
    now = timezone.now()
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().get(pk=upstream_id)
        asked_to_wait = upstream.next_slot_at and upstream.next_slot_at > now + timedelta(seconds=5)
        if upstream.paused_reason or upstream.is_down or asked_to_wait:
            return []
        mine = accounts.profiles_of(service)
        busy = Delivery.objects.filter(state=Delivery.IN_FLIGHT, lease_until__gt=now, profile__in=mine).count()
        room = min(room, settings.PCARE_IN_FLIGHT - busy)
        if room <= 0:
            return []
        model = accounts.ACCOUNT_MODELS[service]
        paused = list(model.objects.exclude(pause_class="").values_list("facility_id", flat=True))
        rows = (
            sendable(service)
            .exclude(facility_id__in=paused)
            .claim(room, seconds=conf.lease_seconds(), order_by=("deadline_at", "available_at", "pk"))
        )
        # Committed before the first byte leaves: whoever takes over from a killed worker must read back first.
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            outcome_unknown=True, first_attempt_at=Coalesce(F("first_attempt_at"), now)
        )
        found = accounts.by_facility(service, {row.facility_id for row in rows})
        works = []
        for row in rows:
            row.first_attempt_at = row.first_attempt_at or now
            slots = health.reserve_slots(upstream, channels.requests_needed(row))
            account = found.get(row.facility_id)
            works.append(Work(row, account, row.outcome_unknown, slots, time.monotonic() + conf.lease_usable_seconds()))
    return works


def _prepare(work: Work) -> Outcome | None:
    """Build the job; an outcome instead when this delivery cannot be sent as it is."""
    if work.account is None or not work.account.is_active:
        return _incomplete(work, "akun", f"akun {work.delivery.service_name} fasilitas")
    try:
        work.job = job_for(work.delivery, work.account, work.in_doubt)
    except Exception as error:
        # One broken row must not stop the others; a person sees it in the list.
        logger.exception("delivery not readable", extra={"delivery_id": str(work.delivery.pk)})
        return Outcome(ERROR_CLASSES["unexpected"], in_doubt=work.in_doubt, message=type(error).__name__)
    if work.job.operation == Delivery.Operation.WITHDRAW:
        return None
    missing = channels.missing_fields(work.delivery.profile, work.job.facts)
    if missing:
        return _incomplete(work, missing[0][0], ", ".join(label for _, label in missing))
    return None


def _incomplete(work: Work, field: str, labels: str) -> Outcome:
    return Outcome(
        ERROR_CLASSES["incomplete"],
        work.delivery.upstream_number,
        in_doubt=work.in_doubt,
        error_field=field,
        message=f"Belum ada: {labels}.",
    )


def _send(work: Work) -> tuple[Outcome, list[Call]]:
    assert work.account is not None
    assert work.job is not None
    client = client_for(work.account, _wait_for(work.slots, work.last_start))
    outcome = channels.deliver(work.delivery.profile, client, work.job)
    return outcome, client.calls


def _result(future: Future[tuple[Outcome, list[Call]]], work: Work) -> tuple[Outcome, list[Call]]:
    error = future.exception()
    if error is None:
        return future.result()
    logger.error("delivery failed", exc_info=error, extra={"delivery_id": str(work.delivery.pk)})
    return Outcome(ERROR_CLASSES["unexpected"], in_doubt=True, message=type(error).__name__), []


def _wait_for(slots: list[datetime], last_start: float) -> Callable[[], None]:
    """Sleep until the next reserved slot; requests beyond the reservation keep the permitted distance.

    What it returns raises Unreachable when the lease would not outlast the request: nothing was sent then.
    """
    left = list(slots)

    def pause() -> None:
        if left:
            seconds = (left.pop(0) - timezone.now()).total_seconds()
        else:
            seconds = 1 / settings.PCARE_PER_SECOND if settings.PCARE_PER_SECOND else 0
        time.sleep(max(0.0, seconds))
        if time.monotonic() > last_start:
            raise Unreachable("LeaseOver", sent=False)

    return pause


def _is_open_for_work(upstream: Upstream, service: str) -> bool:
    """Whether the breaker lets requests through; probes first when it is open and the time has come."""
    if not upstream.is_down:
        return True
    now = timezone.now()
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().get(pk=upstream.pk)
        if not upstream.is_down:
            return True
        if upstream.probe_at and upstream.probe_at > now:
            return False
        upstream.state = Upstream.State.HALF_OPEN
        upstream.probe_at = now + timedelta(seconds=PROBE_SECONDS)
        upstream.save(update_fields=["state", "probe_at"])
    return probe(upstream, service)


def probe(upstream: Upstream, service: str = "pcare") -> bool:
    """One cheap authenticated read; closes or re-opens the breaker and tells which."""
    model = accounts.ACCOUNT_MODELS[service]
    account = model.objects.filter(is_active=True).order_by("pause_class", "pk").first()
    if account is None:
        return False
    client = client_for(account)
    error, retry_after = channels.probe(client)
    if error is not None and error.handling is Handling.RETRY:
        health.note_failure(upstream.pk, error, retry_after)
        return False
    # A refusal of the account is an answer too: the service is up, and the account's own queue learns of it next.
    health.note_success(upstream.pk, client.calls[-1].clock_difference)
    return True
