"""Works off due deliveries: claim by lease, send outside any transaction, store the answer (PROTOCOL section 7).

Requests run in threads that never touch the database; claiming and storing happen in the calling thread.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from pcare_bridge import accounts, channels, claiming, conf, health, rules, settling, telling
from pcare_bridge.channels import client_for
from pcare_bridge.client import LEASE_OVER, Call, Unreachable
from pcare_bridge.errors import ERROR_CLASSES, Handling
from pcare_bridge.facts import Job
from pcare_bridge.gather import Reference, job_for, jobs_for
from pcare_bridge.models import Account, Delivery, DeliveryQuerySet, Upstream
from pcare_bridge.outcome import Outcome
from pcare_bridge.reading import Accounts
from pcare_bridge.settling import Result

logger = logging.getLogger(__name__)

PROBE_SECONDS = 60  # how long one worker may take to probe before another may try
REFILL_SECONDS = 1.0
# Answers that come this close together are stored in one transaction, and their places filled by one claim.
TOGETHER_SECONDS = 0.01
NAPS = 5  # of that length at most, until there is room for a claim as well
AHEAD = 2  # times PCARE_IN_FLIGHT that may lie ready behind what is under way
SLOW_MS = 1000  # a try that takes longer gains nothing from what lies ready


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
    begun: bool = False


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
    reference, known = Reference(), Accounts(service)
    # A line in a log is a pause for the thread that writes it: not for the one that claims and stores.
    with ThreadPoolExecutor(settings.PCARE_IN_FLIGHT, "pcare") as pool, ThreadPoolExecutor(1, "pcare-log") as teller:
        ledger, stock = settling.Ledger(upstream.pk, teller.submit), Stock(pool)
        done: list[Result] = []
        finished = 0
        while True:
            with transaction.atomic():  # one commit for what came back and for what goes out in its place
                others = ledger.store(done)
                stock.judge(done)
                # What failed is counted first: it may open the breaker.
                room = 0 if others or time.monotonic() > until else stock.room()
                claimed = _claim(upstream.pk, room, service, known, stock) if room else []
            unsendable = _prepare(claimed, reference)
            stock.add(claimed)
            ledger.settle_others([*others, *unsendable])
            finished += len(done) + len(unsendable)
            if not (stock.works or claimed or others):
                return finished
            done = stock.answers() if stock.works and not others else []


class Stock:
    """What a run has leased and not stored yet: requests under way, and some that wait for a thread.

    Without a throttle more lies ready, so that nothing stands still while a batch is stored. A service that is slow or
    fails is asked for no more than is under way, and what lies ready then is given back: its lease would run out.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.works: dict[UUID, Work] = {}
        self.ahead = 0
        self._pool = pool
        self._answered: SimpleQueue[Result | Work] = SimpleQueue()
        self._unsent: list[Work] = []
        self._trouble = Event()

    @property
    def held(self) -> claiming.Held:
        """For the next claim."""
        tokens = {work.delivery.lease_token for work in self.works.values() if work.delivery.lease_token}
        return claiming.Held(len(self.works), tokens)

    def room(self) -> int:
        """How many more to claim; none while enough are there for the time a claim takes."""
        if self._trouble.is_set():
            return 0
        width = settings.PCARE_IN_FLIGHT
        return width + self.ahead - len(self.works) if len(self.works) <= self._few() else 0

    def _few(self) -> int:
        """At so many or less it is time to claim."""
        return max(settings.PCARE_IN_FLIGHT // 2, self.ahead)

    def add(self, works: Iterable[Work]) -> None:
        """Send those that have a job."""
        for work in works:
            if work.job is not None:
                self.works[work.delivery.pk] = work
                self._pool.submit(self._send, work)

    def _send(self, work: Work) -> None:
        """Runs in a thread of the pool; comes back without a result when there was trouble before it began."""
        if self._trouble.is_set():
            self._answered.put(work)
            return
        work.begun = True
        result = _send(work)
        if _is_trouble(result) or _is_slow(result):
            self._trouble.set()
        self._answered.put(result)

    def answers(self) -> list[Result]:
        """What has been answered; waits for the first, and a moment for those close behind it."""
        try:
            found = [self._answered.get(timeout=REFILL_SECONDS)]
        except Empty:
            return []
        if len(self.works) > 1:
            self._nap()
        while not self._answered.empty():
            found.append(self._answered.get())
        for one in found:
            del self.works[one.delivery.pk]
        self._unsent += [one for one in found if isinstance(one, Work)]
        return [one for one in found if isinstance(one, Result)]

    def _nap(self) -> None:
        """Waking up for each answer would take the processor from those who send; with a stock nobody waits for us."""
        for _ in range(NAPS if self.ahead else 1):
            time.sleep(TOGETHER_SECONDS)
            if self._trouble.is_set() or len(self.works) - self._answered.qsize() <= self._few():
                return

    def judge(self, done: Sequence[Result]) -> None:
        """Give back what nobody began, and look from what came back whether a batch may lie ready.

        Locks what is given back.
        """
        settling.give_back([(work.delivery, work.in_doubt) for work in self._unsent])
        self._unsent = []
        if all(work.begun for work in self.works.values()):
            self._trouble.clear()  # nothing lies ready any more
        if not done:
            return
        trouble = any(_is_trouble(result) or _is_slow(result) for result in done)
        self.ahead = 0 if trouble or settings.PCARE_PER_SECOND else AHEAD * settings.PCARE_IN_FLIGHT


def _is_trouble(result: Result) -> bool:
    """The service or the account is at fault, not this one dose."""
    error = result.outcome.error
    return error is not None and error.handling is not Handling.PERSON


def _is_slow(result: Result) -> bool:
    return sum(call.duration_ms for call in result.calls) > SLOW_MS


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
    return (
        sendable(service).due().exists()
        or health.strays(service).exists()
        or model.objects.filter(paused_until__lte=now).exists()
    )


def _claim(
    upstream_id: int, room: int, service: str = "pcare", known: Accounts | None = None, stock: Stock | None = None
) -> list[Work]:
    """Lease up to `room` due rows within the shared limit of requests in flight, and what may lie ready in `stock`.

    Locks the upstream row until the transaction ends, the caller's if there is one: after the deliveries stored in it.

    Those whose deadline is nearest go first, whatever came first.
    """
    with transaction.atomic(savepoint=False):
        holds, ahead = (stock.held, stock.ahead) if stock else (claiming.NOTHING, 0)
        rows, next_slot_at, versions = claiming.claim(upstream_id, service, room, holds, ahead)
        upstream = Upstream(pk=upstream_id, next_slot_at=next_slot_at)
        # Row by row, so that what one of them must look up first moves those behind it.
        slots = [health.reserve_slots(upstream, channels.requests_needed(row)) for row in rows]
    found = (known or Accounts(service)).as_of(versions)
    last_start = time.monotonic() + conf.lease_usable_seconds()
    return [
        Work(row, found.get(row.facility_id), row.outcome_unknown, reserved, last_start)
        for row, reserved in zip(rows, slots, strict=True)
    ]


def _prepare(works: Iterable[Work], reference: Reference) -> list[Result]:
    """Give each work its job; returns an outcome for those that cannot be sent as they are."""
    ready, unsendable = [], []
    for work in works:
        if work.account is None or not work.account.is_active:
            outcome = _incomplete(work, "akun", f"akun {work.delivery.service_name} fasilitas")
            unsendable.append(Result(work.delivery, outcome, [], work.account))
        else:
            ready.append((work, work.account))
    if not ready:
        return unsendable
    try:
        jobs = jobs_for([(work.delivery, account, work.in_doubt) for work, account in ready], reference)
    except Exception:
        # One broken row must not stop the others: each is read by itself, and the broken one is found.
        logger.info("deliveries are read one by one")
        jobs = {}
    for work, account in ready:
        outcome_now = _see_to_job(work, account, jobs.get(work.delivery.pk))
        if outcome_now is not None:
            work.job = None
            unsendable.append(Result(work.delivery, outcome_now, [], account))
    return unsendable


def _see_to_job(work: Work, account: Account, job: Job | None) -> Outcome | None:
    """Put the job into `work`; an outcome instead when this delivery cannot be sent as it is."""
    refusal = rules.other_account(work.delivery, account, work.in_doubt)
    if refusal is not None:
        return refusal
    try:
        work.job = job or job_for(work.delivery, account, work.in_doubt)
    except Exception as error:
        # A person sees it in the list.
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


def _send(work: Work) -> Result:
    """Make the requests of one delivery; runs in a thread of its own."""
    calls: list[Call] = []
    try:
        assert work.account is not None
        assert work.job is not None
        with channels.connection() as http:
            client = client_for(work.account, _wait_for(work.slots, work.last_start), http)
            calls = client.calls
            outcome = channels.deliver(work.delivery.profile, client, work.job)
    except BaseException as error:
        logger.exception("delivery failed", extra={"delivery_id": str(work.delivery.pk)})
        outcome = Outcome(ERROR_CLASSES["unexpected"], in_doubt=True, message=type(error).__name__)
    return Result(work.delivery, outcome, calls, work.account)


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
        if seconds > 0:
            time.sleep(seconds)
        if time.monotonic() > last_start:
            raise Unreachable(LEASE_OVER, sent=False)

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
    telling.tell_read(service, "", client.calls, "probe")
    if error is not None and error.handling is Handling.RETRY:
        health.note_failure(upstream.pk, error, retry_after)
        return False
    # A refusal of the account is an answer too: the service is up, and the account's own queue learns of it next.
    health.note_success(upstream.pk, client.calls[-1].clock_difference)
    return True
