"""Every fault alone, and all of them mixed with killed workers and outages: each dose once upstream, every state right.

The simulator refuses no double here, so only the bridge's own care keeps records single. `FAULTS=full`: 2,000 doses.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from core import outbox
from core.models import OutboxMessage
from pcare_bridge import health, sending, services
from pcare_bridge.models import Delivery, FacilityAccount, Upstream
from pcare_bridge.simulator.server import Server
from regions.models import Facility
from tests.pcare_bridge.doses import add_profiles, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations
from tests.pcare_bridge.storm import Storm
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]
TABLES = {"vaksinasi": "vaksinasi", "kunjungan": "kunjungan", "satusehat": "Immunization"}
FULL = os.environ.get("FAULTS") == "full"
DOSES = 2000 if FULL else 30
SEED = 20261122

ALONE: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 0.05},
    "hang": {"seconds": 5},  # longer than any time-out here
    "close_before": {},
    "close_during": {},
    "close_after_commit": {},
    "html_500": {},
    "html_200": {},
    "empty": {},
    "code 424": {"code": 424},
    "code 408": {"code": 408},
    "code 50000": {"code": 50000},
    "code 424 late": {"code": 424, "after_commit": True},
    "html_500 late": {"after_commit": True},
    "expired": {},
    "screening": {},
    "rate_limited": {"seconds": 1},
    "wrong_timestamp": {},
    "truncated": {},
}


@pytest.fixture(autouse=True)
def _hasty(settings: Any, simulator: Server) -> None:
    settings.PCARE_RETRY_PAUSES = [0.02]
    settings.PCARE_ACCOUNT_PAUSE_SECONDS = 0.05
    settings.PCARE_BREAKER_SECONDS = [0.02, 0.1]
    simulator.service.settings.guards_doubles = False
    simulator.service.weather.reseed(SEED)


def place() -> Facility:
    facility = make_facility()
    add_profiles(facility, *TABLES)
    return facility


def persist(person: User, seconds: float) -> None:
    """Work the queue as the workers do, and press "Kirim ulang" as a person would, until everything has arrived."""
    deadline = time.monotonic() + seconds
    while Delivery.objects.exclude(state="sent").exists():
        assert time.monotonic() < deadline, Counter(Delivery.objects.values_list("state", "error_class"))
        services.retry(Delivery.objects.filter(state="refused"), person)
        for one in ("pcare", "satusehat"):
            health.resume_expired(one)
        run(rounds=3)


def assert_each_dose_once(simulator: Server, doses: int) -> None:
    for profile, table in TABLES.items():
        numbers = set(Delivery.objects.filter(profile=profile).values_list("upstream_number", flat=True))
        found = simulator.service.registry.tables[table]
        assert len(found) == doses, profile
        assert set(found) == numbers, profile
    people = Counter(row["nik"] for row in upstream_rows(simulator))
    assert set(people.values()) == {1}
    assert len(upstream_rows(simulator, "pendaftaran")) == doses
    assert len(upstream_rows(simulator, "Encounter")) == doses
    assert set(Delivery.objects.values_list("state", "outcome_unknown")) == {("sent", False)}
    assert violations() == {}


@pytest.mark.parametrize("kind", list(ALONE))
def test_each_fault_alone_ends_with_each_dose_once(simulator: Server, settings: Any, kind: str) -> None:
    if kind == "hang":
        # Whoever gives up early leaves the service time to finish what it began, before looking what it did.
        settings.PCARE_READ_TIMEOUT, settings.PCARE_RETRY_PAUSES = 0.3, [0.3]
    facility = place()
    for _ in range(4):
        make_dose(facility)
    outbox.drain("pcare")
    fault = {"kind": kind.split()[0], "probability": 0.5, "times": 12} | ALONE[kind]
    simulator.service.weather.add(fault)
    for _ in range(6):
        sending.send_due(1)
        time.sleep(0.05)
    simulator.service.weather.clear()
    persist(make_staff("admin_dinkes", city=True), 120)
    assert_each_dose_once(simulator, 4)


def test_a_clock_off_by_ten_minutes_pauses_explains_and_resumes(simulator: Server, settings: Any) -> None:
    settings.PCARE_ACCOUNT_PAUSE_SECONDS = 3600
    facility = place()
    FacilityAccount.objects.update(profiles=["vaksinasi"])
    make_dose(facility)
    simulator.service.settings.clock_offset_seconds = 600
    run(rounds=3)
    delivery = Delivery.objects.get(profile="vaksinasi")
    assert (delivery.state, delivery.attempts, delivery.error_class) == ("paused", 0, "configuration")
    assert "batas waktu" in delivery.error_message
    measured = Upstream.objects.get(base_url=simulator.base_url).clock_difference_seconds
    assert measured is not None
    assert 540 <= measured <= 601, "less by what passes between the service's look at its clock and ours"
    simulator.service.settings.clock_offset_seconds = 0
    services.resume(FacilityAccount.objects.get())
    run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


@pytest.fixture
def storm(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Iterator[Storm]:
    """Servers and workers of their own, with pauses and leases of seconds."""
    storm = Storm(
        tmp_path_factory.mktemp("storm"),
        PCARE_BASE_URL=settings.PCARE_BASE_URL,
        SATUSEHAT_BASE_URL=settings.SATUSEHAT_BASE_URL,
        SATUSEHAT_OAUTH_URL=settings.SATUSEHAT_OAUTH_URL,
        PCARE_PER_SECOND="0",
        PCARE_LEASE_SECONDS="12",
        PCARE_CONNECT_TIMEOUT="0.5",
        PCARE_READ_TIMEOUT="1",
        PCARE_RETRY_PAUSES="0.2,0.3",
        PCARE_BREAKER_SECONDS="0.1,0.3",
        PCARE_ACCOUNT_PAUSE_SECONDS="0.3",
    )
    yield storm
    storm.stop()


def arrived() -> int:
    return Delivery.objects.filter(state="sent").count()


class Reaper:
    """Kills a worker every few seconds, but lets those that live deliver something in between.

    On a crowded machine a worker needs seconds to start; killed before that, it would prove nothing and never end.
    """

    def __init__(self, storm: Storm) -> None:
        self.storm, self.chance = storm, random.Random(SEED)
        self.killed_at, self.arrived_then = time.monotonic(), 0

    def may_strike(self) -> bool:
        seconds = time.monotonic() - self.killed_at
        return seconds > 20 or (seconds > 3 and arrived() - self.arrived_then >= (50 if FULL else 5))

    def strike(self) -> None:
        self.storm.kill_one(self.chance)
        self.killed_at, self.arrived_then = time.monotonic(), arrived()


def take_news() -> None:
    """News taken by a killed worker comes due when its lease of a minute is over; the test does not wait for it."""
    OutboxMessage.objects.filter(state="in_flight").update(lease_until=timezone.now())


@pytest.mark.timeout(3600 if FULL else 600)
@pytest.mark.django_db(transaction=True)
def test_all_faults_mixed_with_killed_workers_restarted_servers_and_three_outages(
    simulator: Server, storm: Storm
) -> None:
    facility, person, reaper = place(), make_staff("admin_dinkes", city=True), Reaper(storm)
    weather = simulator.service.weather
    for kind, details in ALONE.items():
        weather.add({"kind": kind.split()[0], "probability": 0.012} | details)
    storm.begin()
    kills = 40 if FULL else 4
    outages = {DOSES // 4, DOSES // 2, 3 * DOSES // 4}
    for number in range(DOSES):
        make_dose(facility)
        if number in outages:
            weather.start_outage(2.0)
            time.sleep(0.5)
        if number in (DOSES // 3, 2 * DOSES // 3):
            storm.restart_postgres()
        if number % (DOSES // 5) == 0:
            storm.empty_redis()
        if number % (DOSES // kills) == 0:
            while number and not reaper.may_strike():
                time.sleep(0.2)
            reaper.strike()
            take_news()
    # The weather holds while most are on their way, however slow this machine is; then everything must arrive.
    deadline = time.monotonic() + (3000 if FULL else 400)
    while (sent := arrived()) < 3 * DOSES:
        assert time.monotonic() < deadline, Counter(Delivery.objects.values_list("state", "error_class"))
        services.retry(Delivery.objects.filter(state="refused"), person)
        take_news()
        if sent >= 0.9 * 3 * DOSES:
            weather.clear()
        elif reaper.may_strike():
            reaper.strike()
            storm.empty_redis()
            if storm.restarts < 3:
                storm.restart_postgres()
        time.sleep(1.0)
    assert storm.kills >= kills
    assert storm.restarts >= 2
    kinds = {kind.split()[0] for kind in ALONE}
    assert set(weather.struck) == kinds if FULL else len(weather.struck) > len(kinds) / 2
    assert sum(weather.struck.values()) > DOSES
    assert_each_dose_once(simulator, DOSES)
