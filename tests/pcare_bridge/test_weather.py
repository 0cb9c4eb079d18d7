"""Hostile weather and wrong accounts: breaker, pauses, throttle, patience, and audit I5 broken on purpose."""

import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from core import outbox
from pcare_bridge import conf, health, planning, sending, services, settling
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.gather import Reference
from pcare_bridge.models import Delivery, DeliveryAttempt, FacilityAccount, Upstream
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bridge")]


def test_an_open_breaker_lets_only_the_probe_through(simulator: Server, settings: Any) -> None:
    settings.PCARE_BREAKER_SECONDS = [600, 3600]
    facility = make_facility()
    for _ in range(20):
        make_dose(facility)
    outbox.drain("pcare")
    simulator.service.weather.start_outage()
    sending.send_due(60)
    tried = simulator.service.total
    assert 5 <= tried <= 8, "five failures open it; at most those under way come on top"
    assert sending.send_due(60) == 0
    assert simulator.service.total == tried
    first = Upstream.objects.get()
    assert first.probe_at is not None
    assert first.probe_at - first.changed_at == timedelta(seconds=600)
    before = timezone.now()
    Upstream.objects.update(probe_at=before)  # the first pause is over
    assert sending.send_due(60) == 0
    assert simulator.service.total == tried + 1
    assert simulator.service.arrivals[-1].path.endswith("/poli/fktp/0/1")
    row = Upstream.objects.get()
    assert row.state == Upstream.State.OPEN
    assert row.probe_at is not None
    assert row.probe_at >= before + timedelta(seconds=1200), "a probe in vain doubles the pause"
    assert sending.send_due(60) == 0
    assert simulator.service.total == tried + 1


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
    settings.PCARE_ACCOUNT_PAUSE_SECONDS = 600
    simulator.service.weather.add({"kind": "expired", "times": 1})
    make_dose(make_facility())
    run(rounds=3)
    assert Delivery.objects.get().state == "paused"
    FacilityAccount.objects.update(paused_until=timezone.now())
    run()
    assert Delivery.objects.get().state == "sent"


def test_a_row_that_slipped_past_the_pause_is_not_sent(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    FacilityAccount.objects.update(pause_class="configuration", paused_until=timezone.now() + timedelta(hours=1))
    assert Delivery.objects.get().state == "waiting"
    assert sending.send_due(60) == 0
    assert simulator.service.total == 0


def test_when_the_breaker_closes_nobody_waits_out_an_hour(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    Delivery.objects.update(error_class="unreachable", available_at=timezone.now() + timedelta(hours=1))
    for _ in range(5):
        health.note_failure(upstream.pk, ERROR_CLASSES["unreachable"])
    assert Upstream.objects.get().is_down
    Upstream.objects.update(probe_at=timezone.now())
    sending.send_due(60)
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
        with time_machine.travel(timezone.now(), tick=False):
            settling._apply(work.delivery, outcome, outcome.error)
            wait = (work.delivery.available_at - timezone.now()).total_seconds()
        assert base * 0.79 <= wait <= base * 1.21
        seen.add(wait / base)
    assert len(seen) == 3


def test_the_throttle_spreads_requests_over_all_workers(
    simulator: Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PCARE_PER_SECOND = 20
    reserved: list[float] = []
    reserve_slots = health.reserve_slots

    def noted(row: Upstream, count: int) -> list[datetime]:
        slots = reserve_slots(row, count)
        reserved.extend(slot.timestamp() for slot in slots)
        return slots

    monkeypatch.setattr(health, "reserve_slots", noted)
    facility = make_facility()
    for _ in range(11):
        make_dose(facility)
    outbox.drain("pcare")
    run()
    times = sorted(item.at for item in simulator.service.arrivals)
    reserved.sort()
    assert len(times) == len(reserved) == 11
    # Requests that a machine held up may arrive together, but none arrives before its slot.
    assert min(later - earlier for earlier, later in pairwise(reserved)) >= 0.05 - 1e-4
    assert all(arrived >= slot - 1e-3 for arrived, slot in zip(times, reserved, strict=True))


def test_a_request_to_slow_down_is_honoured(simulator: Server) -> None:
    facility = make_facility()
    for _ in range(3):
        make_dose(facility)
    outbox.drain("pcare")
    simulator.service.weather.add({"kind": "rate_limited", "seconds": 3600, "times": 1})
    sending.send_due(60)
    sent = simulator.service.total
    assert sending.send_due(60) == 0
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


def test_a_storm_of_faults_and_three_outages_end_with_each_dose_once(simulator: Server, settings: Any) -> None:
    settings.PCARE_ACCOUNT_PAUSE_SECONDS = 0.05
    simulator.service.settings.guards_doubles = False  # reading back alone must do it
    weather = simulator.service.weather
    weather.reseed(20261121)
    facility = make_facility()
    for kind, chance in [("close_after_commit", 0.2), ("close_before", 0.1), ("html_500", 0.1), ("truncated", 0.1)]:
        weather.add({"kind": kind, "probability": chance})
    weather.add({"kind": "html_200", "probability": 0.1, "after_commit": True})
    weather.add({"kind": "expired", "every": 40})
    for outage in range(3):
        for _ in range(20):
            make_dose(facility)
        outbox.drain("pcare")
        sending.send_due(0.3)
        weather.start_outage()
        sending.send_due(0.1)
        assert violations() == {}, outage
        weather.end_outage()
    deadline = time.monotonic() + 120
    while Delivery.objects.exclude(state="sent").exists() and time.monotonic() < deadline:
        sending.send_due(60)
        time.sleep(0.05)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    numbers = [row["noVaksinasi"] for row in upstream_rows(simulator)]
    assert len(numbers) == 60
    assert set(numbers) == set(Delivery.objects.values_list("upstream_number", flat=True))
    assert violations() == {}


def test_no_request_begins_that_the_lease_would_not_outlast(simulator: Server) -> None:
    facility = make_facility()
    for _ in range(2):
        make_dose(facility)
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    usable, before = conf.lease_usable_seconds(), time.monotonic()
    works = sending._claim(upstream.pk, 2)
    assert usable < conf.lease_seconds()
    assert all(before + usable <= work.last_start <= time.monotonic() + usable for work in works)
    assert sending._prepare(works, Reference()) == []
    works[1].last_start = before  # its turn comes when another worker might hold the row
    for result in map(sending._send, works):
        settling.settle(result.delivery, result.outcome, result.calls, upstream.pk, result.account)
    assert simulator.service.total == 1
    late = Delivery.objects.get(state="waiting")
    assert late.pk == works[1].delivery.pk
    assert (late.error_class, late.outcome_unknown) == ("unreachable", False)
