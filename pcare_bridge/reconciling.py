"""Ours against upstream, per facility, day and profile: missing, doubled, different, each with a cause and an owner.

Reads only, at the same throttle as the deliveries. A reconciliation is a leased row: what a dead worker began is begun
again, and its differences are replaced as a whole.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from core import sweeper
from core.leases import LeaseLost
from pcare_bridge import accounts, channels, health, telling
from pcare_bridge.gather import job_for
from pcare_bridge.models import (
    OPEN_STATES,
    SERVICES,
    Delivery,
    Difference,
    FacilityAccount,
    Reconciliation,
    SatusehatAccount,
    Upstream,
)
from pcare_bridge.profiles.common import TWINS, Standing, Stop
from vaccination.models import Immunization

logger = logging.getLogger(__name__)

NIGHT = time(1, 30)  # local; after that the day before is compared
LEASE_SECONDS = 900
RETRY = timedelta(minutes=15)
GIVE_UP = 40  # tries, about ten hours

# Kind of difference: cause and owner, by what the portal believes.
_WORDS = {
    "missing": ("Terkirim menurut portal, tetapi tidak ada di sana: dihapus di sana atau tersimpan pada orang lain.",
                "Dinas Kesehatan"),
    "twice": ("Portal sendiri mencatatnya dua kali: PCare menyimpan kiriman pertama sesudah portal memeriksa.",
              "petugas fasilitas"),
    "doubled": ("Dosis yang sama tercatat lebih dari sekali: diketik juga di sana, atau dikirim dari tempat lain.",
                "petugas fasilitas"),
    "different": ("Isinya diubah di sana sesudah dikirim, atau perbaikan di portal belum sampai.", "petugas fasilitas"),
    "unexpected": ("Belum terkirim menurut portal, tetapi sudah ada di sana: diketik langsung, atau jawabannya hilang.",
                   "petugas fasilitas"),
}  # fmt: skip


def request(day: date, facilities: Collection[int] | None = None) -> int:
    """Queue the comparison of one day, for these facilities or for all; returns how many were queued."""
    queued = 0
    for place, profile in _wanted(facilities):
        queued += _queue(place, profile, day)
    transaction.on_commit(sweeper.wake, robust=True)
    return queued


def _queue(place: int, profile: str, day: date) -> int:
    """Queue one comparison, or an earlier one once more; 0 when it waits already."""
    row, made = Reconciliation.objects.get_or_create(facility_id=place, profile=profile, day=day)
    if made:
        return 1
    again = Reconciliation.objects.filter(pk=row.pk, state__in=[Reconciliation.DONE, Reconciliation.FAILED])
    return again.update(state=Reconciliation.WAITING, available_at=timezone.now(), attempts=0)


def request_night(now: datetime | None = None) -> int:
    """Queue yesterday once it is night; cheap when that was done."""
    local = timezone.localtime(now)
    yesterday = local.date() - timedelta(days=1)
    if local.time() < NIGHT or Reconciliation.objects.filter(day=yesterday).exists():
        return 0
    late = _late_arrivals(yesterday)
    return request(yesterday) + sum(_queue(place, profile, day) for place, profile, day in late)


def _late_arrivals(day: date) -> set[tuple[int, str, date]]:
    """Facility, profile and day of earlier doses that arrived on `day`, when their own night was over."""
    begin = timezone.make_aware(datetime.combine(day, time()))
    rows = Delivery.objects.filter(
        state=Delivery.SENT, finished_at__gte=begin, finished_at__lt=begin + timedelta(days=1),
        immunization__occurred_at__lt=begin,
    )  # fmt: skip
    given = rows.annotate(given=TruncDate("immunization__occurred_at")).order_by()
    found = set(given.values_list("facility_id", "profile", "given").distinct())
    wanted = set(_wanted(None))
    return {(place, profile, on) for place, profile, on in found if (place, profile) in wanted}


def _wanted(facilities: Collection[int] | None) -> Iterable[tuple[int, str]]:
    pcare = FacilityAccount.objects.filter(is_active=True)
    satusehat = SatusehatAccount.objects.filter(is_active=True)
    if facilities is not None:
        pcare, satusehat = pcare.filter(facility_id__in=facilities), satusehat.filter(facility_id__in=facilities)
    for place, profiles in pcare.values_list("facility_id", "profiles"):
        for profile in profiles:
            yield place, profile
    for place in satusehat.values_list("facility_id", flat=True):
        yield place, "satusehat"


def work(limit: int = 100_000, seconds: float | None = None) -> int:
    """Carry out waiting comparisons, none begun after so many seconds; returns how many were finished.

    Most facilities give nothing on most days: theirs take no request, and a turn sees to hundreds of them.
    """
    finished, begun = 0, monotonic()
    for _ in range(limit):
        if seconds is not None and monotonic() - begun > seconds:
            break
        # One by one: the lease of the last must not run out while the first is compared.
        claimed = Reconciliation.objects.claim(1, seconds=LEASE_SECONDS)
        if not claimed:
            break
        try:
            finished += _compare(claimed[0])
        except LeaseLost:
            logger.warning("comparison taken over", extra={"reconciliation": claimed[0].pk})
    return finished


def _compare(row: Reconciliation) -> bool:
    doses = _doses(row)
    account = accounts.find(row.facility_id, row.profile)
    upstream = health.upstream(SERVICES[row.profile])
    if account is None or upstream is None or upstream.is_down or account.is_paused:
        return _later(row, "layanan atau akun sedang tidak dapat dipakai")
    found: list[Difference] = []
    checked = 0
    client = channels.client_for(account, lambda: _wait_turn(upstream.pk))
    for delivery in doses:
        client.calls.clear()
        try:
            job = job_for(delivery, account, in_doubt=True)
            if channels.missing_fields(row.profile, job.facts):
                continue
            standing, expected = channels.compare(row.profile, client, job)
        except Stop as stop:
            return _later(row, stop.outcome.message)
        finally:
            telling.tell_read(SERVICES[row.profile], row.profile, client.calls, "reconciliation")
        checked += 1
        found += _judge(delivery, standing, expected)
    with transaction.atomic():
        row.finish(Reconciliation.DONE, checked=checked, last_error="", **_counts(row))
        row.differences.all().delete()
        for difference in found:
            difference.reconciliation = row
        Difference.objects.bulk_create(found)
    return True


def _later(row: Reconciliation, why: str) -> bool:
    # What was given, sent and waits we know ourselves: the page and the letter say it during an outage as well.
    figures = _counts(row)
    if row.attempts >= GIVE_UP:
        row.finish(Reconciliation.FAILED, last_error=why[:500], **figures)
    else:
        row.retry_at(timezone.now() + RETRY, why, **figures)
    return False


def _of_day(row: Reconciliation, field: str) -> dict[str, datetime]:
    """Conditions for a time on that day; midnight belongs to the day it begins."""
    begin = timezone.make_aware(datetime.combine(row.day, time()))
    return {f"{field}__gte": begin, f"{field}__lt": begin + timedelta(days=1)}


def _doses(row: Reconciliation) -> list[Delivery]:
    """The deliveries that count for the doses of that day, corrections in place of what they corrected."""
    rows = Delivery.objects.filter(
        facility_id=row.facility_id,
        profile=row.profile,
        immunization__status="completed",
        **_of_day(row, "immunization__occurred_at"),
    ).exclude(operation=Delivery.Operation.WITHDRAW)
    return list(rows.exclude(state__in=[Delivery.SUPERSEDED, Delivery.WITHDRAWN]).order_by("created_at"))


def _counts(row: Reconciliation) -> dict[str, int]:
    given = Immunization.objects.completed().filter(
        facility_id=row.facility_id, is_primary_source=True, **_of_day(row, "occurred_at")
    )
    pks = [delivery.pk for delivery in _doses(row)]
    states = dict(
        Delivery.objects.filter(pk__in=pks).values_list("state").annotate(n=Count("pk")).values_list("state", "n")
    )
    return {
        "given": given.count(),
        "sent": states.get(Delivery.SENT, 0),
        "waiting_count": sum(states.get(state, 0) for state in OPEN_STATES),
        "person_count": states.get(Delivery.REFUSED, 0),
        "reported_count": states.get(Delivery.REPORTED, 0),
    }


def _judge(delivery: Delivery, standing: list[Standing], expected: dict[str, str]) -> list[Difference]:
    believed = delivery.state == Delivery.SENT
    numbers = ", ".join(item.number for item in standing)[:200]
    if not standing:
        return [_difference(delivery, "missing")] if believed else []
    if len(standing) > 1:
        # All of ours but one may go; what somebody else typed is not ours to delete.
        twice = believed and sum(item.is_marked for item in standing) > 1
        return [_difference(delivery, "twice" if twice else "doubled", numbers)]
    if not believed:
        # A dose reported on paper is expected to stand there.
        return [] if delivery.state == Delivery.REPORTED else [_difference(delivery, "unexpected", numbers)]
    values = standing[0].values
    wrong = ", ".join(name for name, value in expected.items() if values.get(name) != value)
    return [_difference(delivery, "different", numbers, wrong)] if wrong else []


def _difference(delivery: Delivery, kind: str, number: str = "", field: str = "") -> Difference:
    cause, owner = _WORDS[kind]
    return Difference(
        delivery=delivery, kind=kind, upstream_number=number, field=field[:60], cause=cause[:200], owner=owner
    )


def _wait_turn(upstream_id: int) -> None:
    """Take the next slot of the shared throttle and sleep until it comes; locks the upstream row briefly."""
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().get(pk=upstream_id)
        slot = health.reserve_slots(upstream, 1)[0]
    sleep(max(0.0, min((slot - timezone.now()).total_seconds(), 60)))


def send_again(difference: Difference) -> bool:
    """Queue a dose that is missing, different or there twice once more; it reads back before it writes or deletes.

    False when nothing can be done so, or when the dose was corrected since: the correction's own delivery sees to it,
    and the old content must not follow it. Locks: the immunization, then its delivery, as planning does.
    """
    if not difference.can_go_again:
        return False
    changes: dict[str, object] = {
        "state": Delivery.WAITING,
        "available_at": timezone.now(),
        "attempts": 0,
        "operation": Delivery.Operation.UPDATE,
        "references": {TWINS: "hapus"} if difference.kind == Difference.Kind.TWICE else {},
    }
    if difference.kind == Difference.Kind.MISSING:
        changes |= {"upstream_number": "", "outcome_unknown": True, "operation": Delivery.Operation.CREATE}
    with transaction.atomic():
        dose = Immunization.objects.select_for_update(no_key=True).get(pk=difference.delivery.immunization_id)
        if dose.status != Immunization.Status.COMPLETED:
            return False
        rows = Delivery.objects.filter(pk=difference.delivery_id, state=Delivery.SENT)
        sent_again = rows.update(finished_at=None, first_attempt_at=None, **changes)
        if sent_again:
            transaction.on_commit(sweeper.wake, robust=True)
    return bool(sent_again)
