"""From the news of a dose to exactly one record upstream, through the real consumer, rows and socket."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from core import outbox
from pcare_bridge import health, planning, queries, sending, settling, tasks
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import Delivery, Incident, Upstream
from pcare_bridge.simulator.server import Server
from registration.services import update_citizen
from tests.pcare_bridge.doses import correct, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import HeldBack, in_thread, run, upstream_rows, violations, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bridge")]
# Other threads and processes see only what is committed.
committed = pytest.mark.django_db(transaction=True)


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
def test_a_correction_while_the_first_is_under_way_waits_for_it(
    simulator: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    under_way = HeldBack(simulator, monkeypatch)
    sender = threading.Thread(target=in_thread, args=(sending.send_due, 60.0))
    sender.start()
    assert under_way.arrived.wait(60)
    correct(dose)
    outbox.drain("pcare")
    assert Delivery.objects.get(operation="update").state == "held"
    under_way.let_go()
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
    assert queries.state_of_row(delivery.immunization).staff_sentence.startswith("Belum ada: NIK.")


def test_a_dose_goes_out_by_itself_once_the_nik_is_known(simulator: Server) -> None:
    citizen = make_citizen("Warga Uji", nik=None)
    make_dose(make_facility(), citizen)
    run()
    tasks.hurry()
    assert Delivery.objects.get().state == "refused"
    update_citizen(citizen.pk, by_staff=True, nik="9974010101509999", identity_verified=True)
    tasks.hurry()
    run()
    assert Delivery.objects.get().state == "sent"
    assert [row["nik"] for row in upstream_rows(simulator)] == ["9974010101509999"]
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
    workers = [threading.Thread(target=in_thread, args=(sending.send_due, 60.0)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run()
    posts = Counter(item.body["idPengirim"] for item in simulator.service.arrivals if item.method == "POST")
    assert len(posts) == 40
    assert set(posts.values()) == {1}


WORKER = """
import django; django.setup()
from pcare_bridge import sending
print("siap", flush=True)
sending.send_due(60)
"""


@pytest.fixture
def worker(process_env: dict[str, str], simulator: Server) -> Iterator[subprocess.Popen[str]]:
    """A real worker process on this test's database, busy with the queue."""
    env = process_env | {"PCARE_BASE_URL": simulator.base_url, "PCARE_READ_TIMEOUT": "90", "PCARE_PER_SECOND": "0"}
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
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "seconds": 90, "times": 1})
    process = request.getfixturevalue("worker")
    wait_until(lambda: len(upstream_rows(simulator)) == 1)
    process.kill()
    process.wait()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.outcome_unknown, delivery.upstream_number) == ("in_flight", True, "")
    assert not Delivery.objects.due().exists(), "until the lease is over nobody knows that the worker is dead"
    Delivery.objects.update(lease_until=timezone.now())
    run()
    delivery.refresh_from_db()
    (row,) = upstream_rows(simulator)
    assert (delivery.state, delivery.upstream_number) == ("sent", row["noVaksinasi"])
    assert [item.method for item in simulator.service.arrivals] == ["POST", "GET"]
    assert violations() == {}


def test_a_worker_that_slept_past_its_lease_cannot_overwrite_the_answer(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    stale = sending._claim(health.upstream().pk, 1)[0]
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    run()
    settling.settle(stale.delivery, sending.Outcome(ERROR_CLASSES["refused"]), [], health.upstream().pk, stale.account)
    assert Delivery.objects.get().state == "sent"
