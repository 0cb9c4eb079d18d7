"""What holds when two things happen at once: the fence of a batch, an account changed during a run, a late plan."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core import outbox
from pcare_bridge import health, sending, settling
from pcare_bridge.client import Call
from pcare_bridge.models import Delivery, DeliveryAttempt, FacilityAccount, Upstream
from pcare_bridge.outcome import Outcome
from pcare_bridge.reading import DOSE, Accounts, batch
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import correct, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]
CREATED = Call("POST", "vaksinasi", 201, 201, "CREATED", 5, 0)


def settle(ledger: settling.Ledger, *results: settling.Result) -> None:
    """Store as the sender does: what simply arrived in one transaction, then everything else."""
    with transaction.atomic():
        others = ledger.store(results)
    ledger.settle_others(others)


def test_an_answer_that_comes_after_another_worker_took_over_changes_nothing(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    stale = sending._claim(upstream.pk, 1)[0]
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    fresh = sending._claim(upstream.pk, 1)[0]
    late = settling.Result(stale.delivery, Outcome(number="LATE"), [CREATED], stale.account)
    settle(settling.Ledger(upstream.pk), late)
    row = Delivery.objects.get()
    assert (row.state, row.upstream_number, row.lease_token) == ("in_flight", "", fresh.delivery.lease_token)
    assert not DeliveryAttempt.objects.exists()

    ours = settling.Result(fresh.delivery, Outcome(number="OURS"), [CREATED], fresh.account)
    told: list[object] = []
    ledger = settling.Ledger(upstream.pk, lambda function, argument: told.extend(argument))
    settle(ledger, ours)
    settle(ledger, late)
    assert told == [(fresh.delivery, [CREATED])], "what is not ours any more is not counted as sent"
    row.refresh_from_db()
    assert (row.state, row.upstream_number, row.attempt_log.count()) == ("sent", "OURS", 1)


def test_a_dose_planned_while_its_account_was_resumed_does_not_stay_paused(simulator: Server) -> None:
    facility = make_facility()
    make_dose(facility)
    outbox.drain("pcare")
    # The plan read the account while it was paused, and its row became visible after the account was resumed.
    Delivery.objects.update(state="paused", error_class="configuration")
    assert not FacilityAccount.objects.exclude(pause_class="").exists()
    assert sending.has_work("pcare"), "nobody else would wake the sender"
    run()
    assert Delivery.objects.get().state == "sent"
    assert len(upstream_rows(simulator)) == 1
    assert violations() == {}


def test_a_dose_of_an_account_that_is_still_paused_stays_where_it_is(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    Delivery.objects.update(state="paused")
    later = timezone.now() + timedelta(hours=1)
    FacilityAccount.objects.update(pause_class="configuration", paused_until=later)
    assert not sending.has_work("pcare")
    run()
    assert Delivery.objects.get().state == "paused"
    assert not upstream_rows(simulator)


def test_an_account_changed_while_a_sender_runs_is_opened_anew(simulator: Server) -> None:
    home = make_facility().pk
    held = Accounts("pcare")
    before = held.of([home])[home]
    assert held.of([home])[home] is before, "no secret is opened twice"
    FacilityAccount.objects.filter(facility_id=home).update(username="baru", is_active=False)
    after = held.of([home])[home]
    assert (after.username, after.is_active) == ("baru", False)
    FacilityAccount.objects.filter(facility_id=home).delete()
    assert held.of([home]) == {}


def test_a_dose_read_in_bulk_is_the_row_and_fetches_what_was_left_out(simulator: Server) -> None:
    stored = make_dose(make_facility())
    stored.refresh_from_db()
    dose = batch([stored.pk]).doses[stored.pk]
    assert {name: getattr(dose, name) for name in DOSE.names} == {name: getattr(stored, name) for name in DOSE.names}
    assert (dose.citizen.nik, dose.citizen.full_name) == (stored.citizen.nik, stored.citizen.full_name)
    assert dose == stored and not dose._state.adding and "status" in dose.get_deferred_fields()
    assert dose.status == stored.status
    dose.lot_number = "LAIN"
    dose.save(update_fields=["lot_number"])
    stored.refresh_from_db()
    assert stored.lot_number == "LAIN"


def test_a_correction_planned_while_its_dose_was_on_the_way_goes_once_that_arrived(simulator: Server) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    work = sending._claim(upstream.pk, 1)[0]
    correct(dose)
    outbox.drain("pcare")
    later = Delivery.objects.get(previous=work.delivery)
    assert later.state == Delivery.HELD
    told: list[object] = []
    arrived = settling.Result(work.delivery, Outcome(number="V1"), [CREATED], work.account)
    settle(settling.Ledger(upstream.pk, lambda function, argument: told.append(argument)), arrived)
    later.refresh_from_db()
    assert (later.state, later.upstream_number) == ("waiting", "V1")
    assert told == [[(work.delivery, [CREATED])]]


def test_a_claim_reaches_the_disk_whatever_is_stored_in_the_same_commit(simulator: Server) -> None:
    facility = make_facility()
    for _ in range(2):
        make_dose(facility)
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    work = sending._claim(upstream.pk, 1)[0]
    with transaction.atomic(), connection.cursor() as cursor:
        arrived = settling.Result(work.delivery, Outcome(number="V1"), [CREATED], work.account)
        settling.Ledger(upstream.pk).store([arrived])
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("off",), "an outcome need not wait for the disk"
        assert len(sending._claim(upstream.pk, 1)) == 1
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


@pytest.mark.parametrize(
    "trouble",
    [
        {"state": "open"},
        {"state": "half_open"},
        {"paused_reason": "dihentikan"},
        {"next_slot_at": timezone.now() + timedelta(hours=1)},
    ],
)
def test_nothing_is_claimed_for_a_service_that_is_down_stopped_or_asked_for_a_pause(
    simulator: Server, trouble: dict[str, object]
) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    Upstream.objects.update(**trouble)
    assert sending._claim(upstream.pk, 1) == []
    Upstream.objects.update(state="closed", paused_reason="", next_slot_at=timezone.now() + timedelta(seconds=2))
    assert len(sending._claim(upstream.pk, 1)) == 1, "a moment is waited out with the lease in hand"
