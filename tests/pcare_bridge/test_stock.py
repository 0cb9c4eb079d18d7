"""What lies ready behind the requests under way: when, how much, and what becomes of it when something fails."""

import threading
import time
from typing import Any

import pytest
from django.utils import timezone

from core import outbox
from pcare_bridge import claiming, health, sending, settling
from pcare_bridge.models import Delivery, Upstream
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import correct, make_dose, make_facility
from tests.pcare_bridge.running import in_thread, run, upstream_rows, violations, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("exchange")]
WIDTH = 2
DELAY = 0.15  # seconds an answer takes


@pytest.fixture(autouse=True)
def _narrow(settings: Any) -> None:
    settings.PCARE_IN_FLIGHT = WIDTH


@pytest.fixture
def returned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many each call gave back."""
    found: list[int] = []
    give_back = settling.give_back

    def noted(works: Any) -> None:
        found.append(len(works))
        give_back(works)

    monkeypatch.setattr(settling, "give_back", noted)
    return found


def doses(count: int) -> None:
    facility = make_facility()
    for _ in range(count):
        make_dose(facility)
    outbox.drain("pcare")


def leased() -> int:
    return Delivery.objects.filter(state="in_flight").count()


def watch() -> tuple[int, float]:
    """Send everything; returns the most leases seen at once, and the seconds it took."""
    most = 0
    begun = time.monotonic()
    sender = threading.Thread(target=in_thread, args=(sending.send_due, 120, "pcare"))
    sender.start()
    while sender.is_alive():
        most = max(most, leased())
        time.sleep(0.01)
    return most, time.monotonic() - begun


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer counts as slow, however long the machine stood still meanwhile."""
    monkeypatch.setattr(sending, "SLOW_MS", 600_000)


@pytest.mark.usefixtures("quick")
def test_a_quick_service_finds_the_next_batch_ready_and_never_more_requests_at_once(simulator: Server) -> None:
    doses(14)
    simulator.service.weather.add({"kind": "delay", "seconds": DELAY})
    most, seconds = watch()
    assert WIDTH < most <= WIDTH * (1 + sending.AHEAD)
    assert seconds >= 14 / WIDTH * DELAY, "what lies ready is not sent beside the others"
    assert len(upstream_rows(simulator)) == 14
    assert violations() == {}


@pytest.mark.parametrize("why", ["throttle", "slow"])
def test_with_a_throttle_or_a_slow_service_nothing_lies_ready(
    simulator: Server, settings: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    doses(8)
    if why == "throttle":
        settings.PCARE_PER_SECOND = 20
    else:
        monkeypatch.setattr(sending, "SLOW_MS", 100)
        simulator.service.weather.add({"kind": "delay", "seconds": DELAY})
    most, _ = watch()
    assert most <= WIDTH
    assert len(upstream_rows(simulator)) == 8


def test_while_one_worker_holds_a_stock_another_gets_nothing(simulator: Server) -> None:
    doses(12)
    upstream = health.upstream()
    assert upstream is not None
    first = sending._claim(upstream.pk, WIDTH)
    tokens = {work.delivery.lease_token for work in first if work.delivery.lease_token}
    assert len(claiming.claim(upstream.pk, "pcare", 9, claiming.Held(len(first), tokens), ahead=4).rows) == 4
    assert sending._claim(upstream.pk, WIDTH) == [], "another worker would send beside it"
    Delivery.objects.filter(state="in_flight").update(state="waiting", lease_token=None, lease_until=None)
    other = sending._claim(upstream.pk, 1)
    assert len(other) == 1
    mine = sending._claim(upstream.pk, WIDTH)
    assert len(mine) == WIDTH - 1
    tokens = {work.delivery.lease_token for work in mine if work.delivery.lease_token}
    held = claiming.Held(len(mine), tokens)
    assert claiming.claim(upstream.pk, "pcare", 9, held, ahead=4).rows == [], "not alone: no stock"


@pytest.mark.usefixtures("quick")
def test_what_lies_ready_when_something_fails_is_given_back_untouched(
    simulator: Server, settings: Any, returned: list[int]
) -> None:
    settings.PCARE_BREAKER_FAILURES = 1
    settings.PCARE_BREAKER_SECONDS = [3600, 3600]
    doses(30)
    weather = simulator.service.weather
    weather.add({"kind": "hang", "every": 7})  # six are answered; then both requests under way stand still
    sender = threading.Thread(target=in_thread, args=(sending.send_due, 120, "pcare"))
    sender.start()
    wait_until(lambda: weather.struck["hang"] == WIDTH and leased() > WIDTH)
    weather.clear()  # they hang up
    weather.start_outage()
    sender.join(120)
    assert max(returned) > 0
    assert leased() == 0
    rows = Delivery.objects.filter(state="waiting", error_class="")
    assert set(rows.values_list("attempts", "outcome_unknown", "first_attempt_at", "lease_token")) == {
        (0, False, None, None)
    }
    tried = Delivery.objects.filter(state="waiting", attempts=1).count()
    assert tried <= 2 * WIDTH, "only what was under way met the dead service"
    settings.PCARE_BREAKER_FAILURES, settings.PCARE_BREAKER_SECONDS = 5, [0.05, 0.2]
    weather.clear()
    Upstream.objects.update(probe_at=timezone.now())
    run()
    assert len(upstream_rows(simulator)) == 30
    assert violations() == {}


def test_what_lies_ready_when_the_service_turns_slow_is_given_back(
    simulator: Server, monkeypatch: pytest.MonkeyPatch, returned: list[int]
) -> None:
    monkeypatch.setattr(sending, "SLOW_MS", 400)
    doses(30)
    simulator.service.weather.add({"kind": "delay", "seconds": 0.6, "every": 7})
    sender = threading.Thread(target=in_thread, args=(sending.send_due, 120, "pcare"))
    sender.start()
    wait_until(lambda: sum(returned))
    simulator.service.weather.clear()
    sender.join(120)
    run()
    assert len(upstream_rows(simulator)) == 30
    assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert violations() == {}


def test_giving_back_keeps_an_old_doubt_and_leaves_alone_what_another_took(simulator: Server) -> None:
    doses(3)
    upstream = health.upstream()
    assert upstream is not None
    Delivery.objects.update(attempts=2, outcome_unknown=True)
    works = sending._claim(upstream.pk, WIDTH)
    lost = works[0].delivery
    Delivery.objects.filter(pk=lost.pk).update(lease_token="00000000-0000-4000-8000-000000000001")
    settling.give_back([(work.delivery, work.in_doubt) for work in works])
    lost.refresh_from_db()
    assert (lost.state, lost.attempts) == ("in_flight", 3)
    back = Delivery.objects.get(pk=works[1].delivery.pk)
    assert (back.state, back.attempts, back.outcome_unknown, back.lease_until) == ("waiting", 2, True, None)
    assert back.first_attempt_at is not None


def test_a_correction_behind_what_was_given_back_still_comes_after_it(simulator: Server) -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    work = sending._claim(upstream.pk, 1)[0]
    correct(dose)
    outbox.drain("pcare")
    assert Delivery.objects.filter(state="held").count() == 1
    settling.give_back([(work.delivery, work.in_doubt)])
    run()
    assert [row["noBatch"] for row in upstream_rows(simulator)] == ["UJI-02"]
    assert violations() == {}
