"""The simulator as a process of its own that is stopped, started and killed while doses are recorded."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from certificates.models import Certificate
from core import outbox
from pcare_bridge import sending
from pcare_bridge.demo import ensure_accounts
from pcare_bridge.models import Delivery, FacilityAccount, SatusehatAccount, Upstream
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import correct, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations, wait_until
from tests.registration.people import nik_for
from tests.scheduling.world import ADULT, make_adult
from tests.stock.shelf import on_hand, stocked
from tests.vaccination.desk import arrived, give, nurse, screened, today_schedule
from victori.embedded import Redis

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-uji"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def start(port: int, tmp_path: Path, settings: Any) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """`start()` runs the simulator on the same port with the same memory and returns when it listens."""
    settings.PCARE_BASE_URL = f"http://127.0.0.1:{port}/pcare-rest-dev"
    settings.PCARE_PER_SECOND = 0
    settings.PCARE_RETRY_PAUSES = [0.05]
    settings.PCARE_BREAKER_SECONDS = [0.1, 0.2]
    running: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pcare_bridge.simulator", "--port", str(port), "--state", str(tmp_path / "j")]
        environment = os.environ | {"PCARE_SIMULATOR_TOKEN": TOKEN}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def records(port: int) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{port}/__control__/records"
    return httpx.get(address, headers={"X-Control-Token": TOKEN}, trust_env=False, timeout=60).json()


def drain(seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while Delivery.objects.exclude(state__in=["sent", "superseded"]).exists() and time.monotonic() < deadline:
        outbox.drain("pcare")
        sending.send_due(60)
        time.sleep(0.05)


def test_doses_recorded_while_the_simulator_is_stopped_arrive_when_it_starts(
    start: Callable[[], subprocess.Popen[str]], port: int
) -> None:
    facility = make_facility()
    doses = [make_dose(facility) for _ in range(50)]
    outbox.drain("pcare", limit=100)
    for _ in range(3):
        sending.send_due(60)
    assert Upstream.objects.get().is_down
    # A refused connection never reached the service, so nothing is in doubt and nothing needs to be read back.
    assert not Delivery.objects.filter(outcome_unknown=True).exists()
    process = start()
    drain()
    arrived = records(port)
    assert len(arrived) == 50
    assert {row["idPengirim"] for row in arrived} == {str(row.sender_id) for row in Delivery.objects.all()}
    process.send_signal(signal.SIGKILL)
    process.wait()
    correct(doses[0])
    outbox.drain("pcare")
    sending.send_due(60)
    start()
    drain()
    after = records(port)
    assert len(after) == 50, "its memory survived, and the correction found its record"
    assert [row["noBatch"] for row in after].count("UJI-02") == 1


def test_fifty_doses_given_at_the_desk_while_the_simulator_is_stopped_are_fifty_records(
    start: Callable[[], subprocess.Popen[str]], port: int
) -> None:
    schedule, lot, staff = today_schedule(places_per_slot=60, walk_in_percent=0), stocked(60), nurse()
    ensure_accounts()
    FacilityAccount.objects.update(profiles=["vaksinasi"])
    SatusehatAccount.objects.all().delete()
    for number in range(50):
        citizen = make_adult(nik=nik_for(ADULT, "P", serial=9100 + number))
        visit = screened(arrived(citizen, schedule=schedule, actor=staff), actor=staff)
        assert give(visit, lot, actor=staff).created, "no nurse noticed"
    for consumer in ("pcare", "certificates"):
        while outbox.drain(consumer):
            pass
    sending.send_due(60)
    assert not Delivery.objects.filter(state="sent").exists()
    assert Certificate.objects.count() == 50, "no citizen noticed"
    start()
    drain()
    arrived_there = records(port)
    assert len(arrived_there) == len({row["idPengirim"] for row in arrived_there}) == 50
    assert Delivery.objects.filter(state="sent").count() == 50
    assert on_hand(lot) == 10
    assert violations() == {}


@pytest.fixture
def killable(process_env: dict[str, str], simulator: Server, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A Celery worker on this test's database, woken as the portal wakes it; calling the fixture kills all of it."""
    server = Redis(tmp_path / "redis", tmp_path, tmp_path / "redis.log")
    server.start()
    # It waits for its answer longer than the test needs to kill it, on a crowded machine too.
    patience = {"PCARE_READ_TIMEOUT": "90"}
    env = process_env | patience | {"PCARE_BASE_URL": simulator.base_url, "REDIS_URL": server.url}
    command = [sys.executable, "-m", "celery", "-A", "victori.celery:app", "worker", "-c", "1", "--without-mingle"]
    wake = "import django; django.setup(); from core import sweeper; sweeper.wake()"
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    subprocess.run([sys.executable, "-c", wake], cwd=ROOT, env=env, check=True)

    def kill() -> None:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    yield kill
    kill()
    server.stop()


@pytest.mark.usefixtures("bridge")
@pytest.mark.django_db(transaction=True)
def test_a_celery_worker_killed_before_it_stored_the_answer_leaves_one_record(
    request: pytest.FixtureRequest, simulator: Server
) -> None:
    make_dose(make_facility())
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "seconds": 90, "times": 1})
    kill = request.getfixturevalue("killable")
    wait_until(lambda: len(upstream_rows(simulator)) == 1, 120)
    kill()
    assert Delivery.objects.get().outcome_unknown
    Delivery.objects.update(lease_until=timezone.now())
    run()
    delivery, (row,) = Delivery.objects.get(), upstream_rows(simulator)
    assert (delivery.state, delivery.upstream_number) == ("sent", row["noVaksinasi"])
    assert violations() == {}


def test_the_simulator_ends_politely_and_says_when_its_port_is_taken(
    start: Callable[[], subprocess.Popen[str]], port: int
) -> None:
    process = start()
    command = [sys.executable, "-m", "pcare_bridge.simulator", "--port", str(port)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in second.stderr
    process.terminate()
    assert process.wait(60) == 0
