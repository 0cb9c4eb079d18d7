"""Figures and logs of a real worker: every request is told by address and profile, and nothing personal ever is."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pcare_bridge import telling
from pcare_bridge.errors import ERROR_CLASSES, alerts_operators
from pcare_bridge.models import Delivery, DeliveryAttempt, FacilityAccount, SatusehatAccount
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import run, wait_until
from victori.embedded import Redis

ROOT = Path(__file__).resolve().parents[2]
NAME, NIK, PHONE, UNKNOWN = "Raden Ajeng Rahasia", "9974014107505678", "081234509876", "0000000101509007"


@pytest.fixture
def worker(
    process_env: dict[str, str], simulator: Server, tmp_path: Path
) -> Iterator[Callable[[], tuple[Callable[[], str], Path]]]:
    """`worker()` starts Celery as the launcher does; what it returns reads its figures, and its log."""
    server = Redis(tmp_path / "redis", tmp_path, tmp_path / "redis.log")
    server.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    root = simulator.base_url.removesuffix(simulator.service.base_path)
    env = process_env | {
        "PCARE_BASE_URL": simulator.base_url, "SATUSEHAT_BASE_URL": f"{root}/fhir-r4/v1",
        "SATUSEHAT_OAUTH_URL": f"{root}/oauth2/v1", "PCARE_PER_SECOND": "0", "PCARE_RETRY_PAUSES": "0.05",
        "PCARE_READ_TIMEOUT": "60", "REDIS_URL": server.url, "METRICS_PORT": str(port), "DEMO": "1",
    }  # fmt: skip
    log = tmp_path / "worker.log"
    running: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[Callable[[], str], Path]:
        command = [sys.executable, "-m", "celery", "-A", "victori.celery:app", "worker", "-c", "2", "--without-mingle"]
        with log.open("wb") as out:
            running.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True))
        wake = "import django; django.setup(); from core import sweeper; sweeper.wake()"
        subprocess.run([sys.executable, "-c", wake], cwd=ROOT, env=env, check=True)
        return lambda: httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=60).text, log

    yield start
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    server.stop()
    assert not list(Path("/tmp").glob(f"victori-metrics-{port}-*")), "a worker that ends leaves no files"


def sent(text: str) -> str:
    """The figures of deliveries that arrived."""
    lines = text.splitlines()
    return str([line for line in lines if line.startswith("pcare_deliveries_total") and 'outcome="sent"' in line])


@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("exchange")
def test_a_run_is_told_by_address_and_profile_and_nobody_and_no_secret_is_in_it(
    request: pytest.FixtureRequest, simulator: Server
) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi", "kunjungan", "satusehat")
    person = make_citizen(NAME, nik=NIK)
    person.contact_phone = PHONE
    person.save()
    make_dose(facility, person)
    make_dose(facility, make_citizen("Orang Tak Dikenal", nik=UNKNOWN))
    for fault in ({"kind": "html_500", "times": 2}, {"kind": "close_after_commit", "method": "POST", "times": 1}):
        simulator.service.weather.add(fault)
    figures, log = request.getfixturevalue("worker")()
    wait_until(lambda: Delivery.objects.filter(state="sent").count() >= 3, 90)
    wait_until(lambda: not Delivery.objects.filter(state__in=["waiting", "in_flight"]).exists(), 60)
    profiles = {"vaksinasi", "kunjungan", "satusehat"}
    # A success is told aside, after it was stored.
    wait_until(lambda: {profile for profile in profiles if f'profile="{profile}"' in sent(figures())} == profiles)
    text = figures()
    ours = f'address="{simulator.base_url}"'
    assert f"pcare_calls_total{{{ours},code=" in text
    assert 'method="POST",path="vaksinasi",profile="vaksinasi",service="pcare"}' in text
    assert 'path="peserta/nik/{nik}"' in text
    assert 'pcare_up{service="satusehat"} 1' in text
    assert 'pcare_waiting{service="pcare"} 0.0' in text
    written = log.read_text()
    lines = [line for line in written.splitlines() if "pcare attempt" in line and "path_template=" in line]
    assert lines
    for line in lines:
        for key in ("profile=", "address=", "code=", "duration_ms=", "path_template="):
            assert key in line
        assert "purpose=" in line or ("attempt=" in line and "delivery_id=" in line)
    stored = "".join(DeliveryAttempt.objects.values_list("message", flat=True))
    account, ministry = FacilityAccount.objects.get(), SatusehatAccount.objects.get()
    ministry.refresh_from_db()
    secret = [
        NAME, NIK, PHONE, UNKNOWN, PHONE.removeprefix("0"), account.secret, account.user_key, account.password,
        ministry.client_secret, ministry.access_token or "?", ministry.practitioner_nik, "X-signature", "Bearer",
    ]  # fmt: skip
    for place, words in (("log", written), ("figures", text), ("stored", stored)):
        found = [word for word in secret if word.lower() in words.lower()]
        assert not found, f"{place} holds {found}"


@pytest.mark.parametrize(
    ("code", "label"), [(201, "201"), (50000, "50000"), (424242, "other"), (None, "none"), (7, "other")]
)
def test_a_service_cannot_make_series_without_end(code: int | None, label: str) -> None:
    assert telling.code_label(code) == label


@pytest.mark.django_db
@pytest.mark.usefixtures("exchange")
def test_a_refused_account_wakes_an_operator_and_an_unknown_person_does_not(caplog: pytest.LogCaptureFixture) -> None:
    facility = make_facility()
    make_dose(facility, make_citizen(nik=UNKNOWN))
    run()
    assert Delivery.objects.get().error_class == "not_found"
    assert "needs an operator" not in caplog.text
    FacilityAccount.objects.update(username="salah")
    make_dose(facility)
    run()
    assert [record.levelname for record in caplog.records if "needs an operator" in record.message] == ["ERROR"]


@pytest.mark.parametrize(
    ("key", "message", "wakes"),
    [
        ("malformed", "Header X-cons-id tidak ada", True), ("malformed", "Signature salah", True),
        ("malformed", "Badan permintaan bukan objek", False), ("path", "", True), ("configuration", "", True),
        ("unreachable", "", False), ("refused", "signature", False),
    ],
)  # fmt: skip
def test_operators_hear_of_what_only_they_can_mend(key: str, message: str, wakes: bool) -> None:
    assert alerts_operators(ERROR_CLASSES[key], message) is wakes
