"""From the news of a dose to exactly one record upstream, through the real consumer, rows and socket."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from core import audit, outbox
from pcare_bridge import health, planning, sending, services, settling
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import Delivery, DeliveryAttempt, FacilityAccount, Incident, Upstream
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import correct, make_citizen, make_dose, make_facility

pytestmark = pytest.mark.django_db
# Other threads and processes see only what is committed.
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def bridge(settings: Any, simulator: Server) -> None:
    """The bridge points at the simulator, without throttle and with short pauses."""
    settings.PCARE_BASE_URL = simulator.base_url
    settings.PCARE_PER_SECOND = 0
    settings.PCARE_RETRY_PAUSES = [0.01]
    settings.PCARE_BREAKER_SECONDS = [0.05, 0.2]
    settings.PCARE_READ_TIMEOUT = 2.0


def upstream_rows(simulator: Server) -> list[dict[str, Any]]:
    return list(simulator.service.registry.tables["vaksinasi"].values())


def run(rounds: int = 40) -> None:
    """Sweep as the workers do until nothing is left to do by itself."""
    for _ in range(rounds):
        outbox.drain("pcare")
        sending.send_due(5)
        if not Delivery.objects.filter(state__in=["waiting", "in_flight", "held"]).exists():
            return
        time.sleep(0.05)


def violations() -> dict[str, int]:
    counts = {check.title: check.count_violations() for check in audit._checks if check.id == "I5"}
    assert len(counts) == 3
    return {title: count for title, count in counts.items() if count}


def test_a_recorded_dose_arrives_once_and_knows_its_number(simulator: Server) -> None:
    dose = make_dose(make_facility())
    run()
    delivery = Delivery.objects.get()
    (row,) = upstream_rows(simulator)
    assert delivery.state == Delivery.SENT
    assert delivery.upstream_number == row["noVaksinasi"]
    assert row["idPengirim"] == str(delivery.sender_id)
    assert row["nama"] == dose.citizen.full_name
    assert row["kdVaksin"] == "93009999"
    assert delivery.attempt_log.get().outcome == "sent"
    assert violations() == {}


def test_fifty_doses_given_during_an_outage_arrive_when_it_ends(simulator: Server) -> None:
    facility = make_facility()
    simulator.service.weather.start_outage()
    for _ in range(50):
        make_dose(facility)
    outbox.drain("pcare", limit=100)
    for _ in range(4):
        sending.send_due(2)
        time.sleep(0.03)
    assert upstream_rows(simulator) == []
    assert Delivery.objects.filter(state="waiting").count() == 50
    assert Upstream.objects.get().is_down
    assert Incident.objects.filter(ended_at__isnull=True).count() == 1
    assert violations() == {}
    simulator.service.weather.end_outage()
    run()
    assert Delivery.objects.filter(state="sent").count() == 50
    assert len(upstream_rows(simulator)) == 50
    assert max(Counter(row["nik"] for row in upstream_rows(simulator)).values()) == 1
    assert not Upstream.objects.get().is_down
    assert Incident.objects.filter(ended_at__isnull=True).count() == 0
    assert violations() == {}


def test_an_open_breaker_lets_only_the_probe_through(simulator: Server, settings: Any) -> None:
    settings.PCARE_BREAKER_SECONDS = [0.3, 0.6]
    facility = make_facility()
    for _ in range(20):
        make_dose(facility)
    outbox.drain("pcare")
    simulator.service.weather.start_outage()
    sending.send_due(2)
    tried = simulator.service.total
    assert 5 <= tried <= 8, "five failures open it; at most those under way come on top"
    assert sending.send_due(2) == 0
    assert simulator.service.total == tried
    time.sleep(0.35)
    assert sending.send_due(2) == 0
    assert simulator.service.total == tried + 1
    assert simulator.service.arrivals[-1].path.endswith("/poli/fktp/0/1")
    row = Upstream.objects.get()
    assert row.state == Upstream.State.OPEN
    assert row.probe_at is not None
    assert row.probe_at > timezone.now()


def test_the_news_told_twice_or_in_any_order_makes_one_delivery() -> None:
    facility = make_facility()
    dose = make_dose(facility, announce=False)
    for _ in range(2):
        planning.on_recorded({"immunization_id": dose.pk})
    new = correct(dose, announce=False)
    assert new is not None
    planning.on_recorded({"immunization_id": new.pk})
    planning.on_corrected({"immunization_id": dose.pk, "replacement_id": new.pk})
    planning.on_recorded({"immunization_id": dose.pk})
    assert sorted(Delivery.objects.values_list("immunization_id", "state")) == [
        (dose.pk, "superseded"),
        (new.pk, "waiting"),
    ]


def test_a_correction_before_sending_sends_only_the_new_version(simulator: Server) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    correct(dose)
    run()
    (row,) = upstream_rows(simulator)
    assert row["noBatch"] == "UJI-02"
    assert [item.method for item in simulator.service.arrivals] == ["POST"]
    assert violations() == {}


def test_a_correction_after_sending_updates_the_same_number(simulator: Server) -> None:
    dose = make_dose(make_facility())
    run()
    number = Delivery.objects.get().upstream_number
    new = correct(dose)
    run()
    (row,) = upstream_rows(simulator)
    assert (row["noVaksinasi"], row["noBatch"]) == (number, "UJI-02")
    assert Delivery.objects.get(immunization=new).operation == "update"
    assert violations() == {}


def test_a_dose_taken_back_is_withdrawn_upstream(simulator: Server) -> None:
    dose = make_dose(make_facility())
    run()
    correct(dose, withdraw=True)
    run()
    assert upstream_rows(simulator) == []
    assert set(Delivery.objects.values_list("operation", "state")) == {
        ("create", "withdrawn"),
        ("withdraw", "withdrawn"),
    }
    assert violations() == {}


def test_a_dose_taken_back_before_sending_is_never_sent(simulator: Server) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    correct(dose, withdraw=True)
    run()
    assert simulator.service.total == 0
    assert Delivery.objects.get().state == "withdrawn"


def test_a_chain_whose_middle_was_never_planned_is_withdrawn_too(simulator: Server) -> None:
    dose = make_dose(make_facility())
    run()
    second = correct(dose, announce=False)
    assert second is not None
    correct(second, withdraw=True)
    planning.on_corrected({"immunization_id": dose.pk, "replacement_id": second.pk})
    run()
    assert upstream_rows(simulator) == []


def test_a_correction_to_another_facility_moves_the_record(simulator: Server) -> None:
    first, second = make_facility(7), make_facility(8)
    dose = make_dose(first)
    run()
    correct(dose, facility=second)
    run()
    (row,) = upstream_rows(simulator)
    assert row["kdProviderPelayanan"] == second.pcare_account.provider_code
    assert [item.method for item in simulator.service.arrivals] == ["POST", "DELETE", "POST"]
    assert violations() == {}


@committed
def test_a_correction_while_the_first_is_under_way_waits_for_it(simulator: Server) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    simulator.service.weather.add({"kind": "delay", "seconds": 0.6, "times": 1})
    sender = threading.Thread(target=in_thread, args=(sending.send_due, 5.0))
    sender.start()
    time.sleep(0.25)
    correct(dose)
    outbox.drain("pcare")
    assert Delivery.objects.get(operation="update").state == "held"
    sender.join()
    run()
    (row,) = upstream_rows(simulator)
    assert row["noBatch"] == "UJI-02"
    assert [item.method for item in simulator.service.arrivals] == ["POST", "PUT"]
    assert violations() == {}


def test_a_refused_dose_that_is_corrected_leaves_the_list(simulator: Server) -> None:
    facility = make_facility()
    dose = make_dose(facility, make_citizen(nik="0000010101509001"))
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class) == ("refused", "not_found")
    correct(dose, citizen=make_citizen())
    run()
    assert len(upstream_rows(simulator)) == 1
    delivery.refresh_from_db()
    assert delivery.state == "superseded"
    assert violations() == {}


def test_a_dose_without_nik_waits_for_a_person_and_is_not_sent(simulator: Server) -> None:
    make_dose(make_facility(), make_citizen(nik=None))
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class, delivery.error_field) == ("refused", "incomplete", "nik")
    assert "NIK" in delivery.error_message
    assert simulator.service.total == 0
    assert violations() == {}


def test_a_commit_whose_answer_is_lost_is_read_back(simulator: Server) -> None:
    make_dose(make_facility())
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "times": 1})
    run()
    delivery = Delivery.objects.get()
    assert delivery.state == "sent"
    assert len(upstream_rows(simulator)) == 1
    assert [item.method for item in simulator.service.arrivals] == ["POST", "GET"]
    assert [row.outcome for row in delivery.attempt_log.order_by("pk")] == ["unreachable", "sent"]


@committed
def test_two_workers_send_each_row_once(simulator: Server) -> None:
    facility = make_facility()
    for _ in range(40):
        make_dose(facility)
    outbox.drain("pcare")
    simulator.service.weather.add({"kind": "delay", "seconds": 0.01})
    workers = [threading.Thread(target=in_thread, args=(sending.send_due, 20.0)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run()
    posts = Counter(item.body["idPengirim"] for item in simulator.service.arrivals if item.method == "POST")
    assert len(posts) == 40
    assert set(posts.values()) == {1}


def in_thread(work: Any, *arguments: Any) -> None:
    try:
        work(*arguments)
    finally:
        connections.close_all()


WORKER = """
import django; django.setup()
from pcare_bridge import sending
print("siap", flush=True)
sending.send_due(30)
"""


@pytest.fixture
def worker(process_env: dict[str, str], simulator: Server) -> Iterator[subprocess.Popen[str]]:
    """A real worker process on this test's database, busy with the queue."""
    env = process_env | {"PCARE_BASE_URL": simulator.base_url, "PCARE_LEASE_SECONDS": "1", "PCARE_PER_SECOND": "0"}
    process = subprocess.Popen([sys.executable, "-c", WORKER], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "siap\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@committed
def test_a_worker_killed_between_sending_and_storing_leaves_one_record(
    request: pytest.FixtureRequest, simulator: Server
) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    # The record is committed at once and its answer held back: exactly the moment in which the worker dies.
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "seconds": 30, "times": 1})
    process = request.getfixturevalue("worker")
    wait_until(lambda: len(upstream_rows(simulator)) == 1)
    process.kill()
    process.wait()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.outcome_unknown, delivery.upstream_number) == ("in_flight", True, "")
    wait_until(lambda: delivery_due())
    run()
    delivery.refresh_from_db()
    (row,) = upstream_rows(simulator)
    assert (delivery.state, delivery.upstream_number) == ("sent", row["noVaksinasi"])
    assert [item.method for item in simulator.service.arrivals] == ["POST", "GET"]
    assert violations() == {}


def delivery_due() -> bool:
    return Delivery.objects.due().exists()


def wait_until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_a_worker_that_slept_past_its_lease_cannot_overwrite_the_answer(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    stale = sending._claim(health.upstream().pk, 1)[0]
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    run()
    settling.settle(stale.delivery, sending.Outcome(ERROR_CLASSES["refused"]), [], health.upstream().pk, stale.account)
    assert Delivery.objects.get().state == "sent"


def test_an_expired_password_pauses_the_facility_and_spends_no_attempts(simulator: Server) -> None:
    first, second = make_facility(7), make_facility(8)
    FacilityAccount.objects.filter(facility=first).update(username=second.pcare_account.username)
    for _ in range(6):
        make_dose(first)
    other = make_dose(second)
    run(rounds=3)
    account = FacilityAccount.objects.get(facility=first)
    assert account.pause_class == "configuration"
    rows = Delivery.objects.filter(facility=first)
    assert set(rows.values_list("state", "attempts")) == {("paused", 0)}
    assert Delivery.objects.get(immunization=other).state == "sent"
    assert make_dose(first)
    outbox.drain("pcare")
    assert rows.filter(state="paused").count() == 7, "what comes meanwhile waits as well"
    assert violations() == {}
    FacilityAccount.objects.filter(pk=account.pk).update(username=f"uji.{account.provider_code.lower()}")
    assert services.resume(account) == 7
    run()
    assert rows.filter(state="sent").count() == 7
    assert len(upstream_rows(simulator)) == 8


def test_a_paused_account_is_tried_again_by_itself(simulator: Server, settings: Any) -> None:
    settings.PCARE_ACCOUNT_PAUSE_SECONDS = 0.1
    simulator.service.weather.add({"kind": "expired", "times": 1})
    make_dose(make_facility())
    run(rounds=1)
    assert Delivery.objects.get().state == "paused"
    time.sleep(0.15)
    run()
    assert Delivery.objects.get().state == "sent"


def test_a_row_that_slipped_past_the_pause_is_not_sent(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    FacilityAccount.objects.update(pause_class="configuration", paused_until=timezone.now() + timedelta(hours=1))
    assert Delivery.objects.get().state == "waiting"
    assert sending.send_due(2) == 0
    assert simulator.service.total == 0


def test_when_the_breaker_closes_nobody_waits_out_an_hour(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    Delivery.objects.update(error_class="unreachable", available_at=timezone.now() + timedelta(hours=1))
    for _ in range(5):
        health.note_failure(upstream.pk, ERROR_CLASSES["unreachable"])
    time.sleep(0.1)
    sending.send_due(2)
    assert Delivery.objects.get().state == "sent"


def test_a_wrong_secret_is_refused_by_its_signature_and_pauses() -> None:
    facility = make_facility()
    FacilityAccount.objects.update(secret="kunci-lain")
    make_dose(facility)
    run(rounds=1)
    assert FacilityAccount.objects.get().pause_class == "configuration"


def test_answers_sealed_with_another_timestamp_pause_after_three(simulator: Server) -> None:
    make_dose(make_facility())
    simulator.service.weather.add({"kind": "wrong_timestamp"})
    run(rounds=6)
    assert FacilityAccount.objects.get().pause_class == "wrong_key"
    assert Delivery.objects.get().state == "paused"
    simulator.service.weather.clear()
    services.resume(FacilityAccount.objects.get())
    run()
    assert Delivery.objects.get().state == "sent"
    assert len(upstream_rows(simulator)) == 1


def test_a_service_behind_pcare_is_given_five_tries(simulator: Server) -> None:
    make_dose(make_facility())
    simulator.service.weather.add({"kind": "code", "code": 424, "method": "POST"})
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class, delivery.attempts) == ("refused", "dependency", 5)
    assert not Upstream.objects.get().is_down


def test_after_72_hours_a_person_takes_over(simulator: Server) -> None:
    make_dose(make_facility())
    simulator.service.weather.add({"kind": "html_500"})
    run(rounds=2)
    Delivery.objects.update(first_attempt_at=timezone.now() - timedelta(hours=73), available_at=timezone.now())
    Upstream.objects.update(state="closed", consecutive_failures=0)
    run(rounds=1)
    assert (Delivery.objects.get().state, Delivery.objects.get().error_class) == ("refused", "expired")
    assert violations() == {}


def test_pauses_grow_and_scatter(settings: Any) -> None:
    settings.PCARE_RETRY_PAUSES = [60, 120, 300, 900, 1800, 3600]
    facility = make_facility()
    seen = set()
    for attempt, base in [(1, 60), (3, 300), (9, 3600)]:
        make_dose(facility)
        outbox.drain("pcare")
        work = sending._claim(health.upstream().pk, 1)[0]
        work.delivery.attempts = attempt
        outcome = sending.Outcome(ERROR_CLASSES["dependency" if attempt < 5 else "slow"])
        settling._apply(work.delivery, outcome, outcome.error)
        wait = (work.delivery.available_at - timezone.now()).total_seconds()
        assert base * 0.79 <= wait <= base * 1.21
        seen.add(wait / base)
    assert len(seen) == 3


def test_the_throttle_spreads_requests_over_all_workers(simulator: Server, settings: Any) -> None:
    settings.PCARE_PER_SECOND = 20
    facility = make_facility()
    for _ in range(11):
        make_dose(facility)
    outbox.drain("pcare")
    run()
    times = [item.at for item in simulator.service.arrivals]
    assert len(times) == 11
    assert times[-1] - times[0] >= 0.45


def test_a_request_to_slow_down_is_honoured(simulator: Server) -> None:
    facility = make_facility()
    for _ in range(3):
        make_dose(facility)
    outbox.drain("pcare")
    simulator.service.weather.add({"kind": "rate_limited", "seconds": 60, "times": 1})
    sending.send_due(2)
    sent = simulator.service.total
    assert sending.send_due(2) == 0
    assert simulator.service.total == sent
    assert not Upstream.objects.get().is_down


def test_nothing_is_sent_without_an_address(settings: Any, simulator: Server) -> None:
    settings.PCARE_BASE_URL = ""
    make_dose(make_facility())
    run(rounds=1)
    assert Delivery.objects.get().state == "waiting"
    assert simulator.service.total == 0


def test_doses_told_or_given_before_the_account_are_not_delivered() -> None:
    facility = make_facility()
    make_dose(facility, is_primary_source=False)
    make_dose(facility, recorded_at=timezone.now() - timedelta(days=3))
    outbox.drain("pcare")
    assert not Delivery.objects.exists()
    assert violations() == {}


def test_an_account_made_later_takes_up_what_was_recorded_since() -> None:
    facility = make_facility()
    FacilityAccount.objects.update(is_active=False)
    make_dose(facility)
    outbox.drain("pcare")
    assert not Delivery.objects.exists()
    FacilityAccount.objects.update(is_active=True)
    assert sum(violations().values()) == 1
    assert planning.backfill(FacilityAccount.objects.get()) == 1
    assert violations() == {}


@pytest.mark.parametrize("damage", ["lost", "superseded", "stranded", "doubled", "forgotten"])
def test_audit_i5_sees_what_was_broken_on_purpose(damage: str) -> None:
    facility = make_facility()
    dose = make_dose(facility)
    other = make_dose(facility)
    run()
    assert violations() == {}
    rows = Delivery.objects.filter(immunization=dose)
    if damage == "lost":
        DeliveryAttempt.objects.all().delete()
        rows.delete()
    elif damage == "superseded":
        rows.update(state="superseded")
    elif damage == "stranded":
        rows.update(state="in_flight", lease_until=timezone.now() - timedelta(hours=2))
    elif damage == "doubled":
        rows.update(upstream_number=Delivery.objects.get(immunization=other).upstream_number)
    elif damage == "forgotten":
        rows.update(state="paused")
    assert sum(violations().values()) == 1


def test_no_number_of_a_person_reaches_the_log_or_the_rows(simulator: Server, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    citizen = make_citizen()
    make_dose(make_facility(), citizen)
    simulator.service.weather.add({"kind": "code", "code": 500, "times": 2})
    run()
    with connection.cursor() as cursor:
        for table in ("pcare_bridge_delivery", "pcare_bridge_deliveryattempt", "core_outboxmessage"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            assert citizen.nik not in cursor.fetchone()[0]
    told = " ".join(str(vars(record)) for record in caplog.records if "pcare" in record.name)
    assert "pcare attempt" in told
    for secret in (citizen.nik, "Sandi:", "simulasi-kunci", "0123456789abcdef"):
        assert secret not in told
