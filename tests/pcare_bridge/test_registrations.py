"""The read-back of a registration: a whole day's list in hostile weather, each page once, and no second registration.

The simulator refuses no double here, so only reading to the true end of the list keeps registrations single.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from core import outbox
from pcare_bridge import sending
from pcare_bridge.models import Delivery
from pcare_bridge.profiles.common import WIB
from pcare_bridge.profiles.registrations import PROGRESS
from pcare_bridge.simulator import visits
from pcare_bridge.simulator.server import Server
from regions.models import Facility
from tests.pcare_bridge.doses import add_profiles, correct, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations
from vaccination.models import Immunization

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]
LIST = "pendaftaran/tglDaftar"


@pytest.fixture(autouse=True)
def _doubles_are_possible(simulator: Server) -> None:
    simulator.service.settings.guards_doubles = False


@pytest.fixture
def facility() -> Facility:
    place = make_facility()
    add_profiles(place, "kunjungan")
    return place


def day_of(dose: Immunization) -> str:
    return f"{dose.occurred_at.astimezone(WIB):%d-%m-%Y}"


def fill(simulator: Server, dose: Immunization, facility: Facility, people: int) -> list[str]:
    """Other people's registrations of that day; returns their keys in order of the list."""
    service = simulator.service
    for number in range(people):
        member = visits.participant(service.registry, service.settings, "nik", f"99750101{number:08d}").response
        body = {
            "noKartu": member["noKartu"], "tglDaftar": day_of(dose), "kdPoli": "023", "kunjSakit": False,
            "kdTkp": "50", "rujukBalik": 0, "keluhan": None, "kdProviderPeserta": "x",
        }  # fmt: skip
        visits.register(service.registry, service.settings, body, facility.pcare_account.provider_code)
    return list(service.registry.tables["pendaftaran"])


def pages_read(simulator: Server) -> list[int]:
    """First rows of the pages that were asked for, in order."""
    return [int(one.path.split("/")[-2]) for one in simulator.service.arrivals if f"/{LIST}/" in one.path]


def ours(simulator: Server) -> list[dict[str, Any]]:
    return [row for row in upstream_rows(simulator, "pendaftaran") if row["kdProviderPeserta"] != "x"]


def lose_the_answer(simulator: Server, kind: str = "close_after_commit") -> None:
    simulator.service.weather.add({"kind": kind, "method": "POST", "path": "pendaftaran", "times": 1})


def one_try() -> Delivery:
    """The delivery, after exactly one try."""
    before = Delivery.objects.get().attempts
    Delivery.objects.update(available_at=timezone.now())
    with override_settings(PCARE_RETRY_PAUSES=[3600]):
        sending.send_due(60)
    delivery = Delivery.objects.get()
    assert delivery.attempts == before + 1
    return delivery


def finish() -> Delivery:
    """The delivery, after as many tries as it needs."""
    Delivery.objects.update(available_at=timezone.now())
    run()
    return Delivery.objects.get()


def test_a_list_that_breaks_off_again_and_again_is_read_once(simulator: Server, facility: Facility) -> None:
    dose = make_dose(facility)
    fill(simulator, dose, facility, 450)
    outbox.drain("pcare")
    lose_the_answer(simulator, "close_before")
    # Each second page fails: from the beginning each time, the end of six pages would never be seen.
    simulator.service.weather.add({"kind": "close_before", "method": "GET", "path": LIST, "every": 2})
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1
    read = pages_read(simulator)
    assert read.count(0) == 1, read
    assert read == sorted(read)
    assert Delivery.objects.get().references[PROGRESS] == "", "where it stopped is forgotten with the end of the list"
    assert violations() == {}


@pytest.mark.parametrize("lost", ["close_before", "close_after_commit"])
def test_a_day_of_more_than_five_thousand_is_read_to_its_end(simulator: Server, facility: Facility, lost: str) -> None:
    dose = make_dose(facility)
    fill(simulator, dose, facility, 5050)
    lose_the_answer(simulator, lost)
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1


def test_rows_that_go_while_we_read_do_not_hide_ours(simulator: Server, facility: Facility) -> None:
    dose = make_dose(facility)
    outbox.drain("pcare")
    others = fill(simulator, dose, facility, 100)
    lose_the_answer(simulator)
    one_try()  # ours is row 100 of the list, the first of the second page
    simulator.service.weather.add({"kind": "close_before", "method": "GET", "path": LIST, "every": 2, "times": 1})
    assert one_try().references[PROGRESS]
    for gone in others[5:7]:
        simulator.service.registry.put("pendaftaran", gone, None)  # and slips onto the first
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1
    assert pages_read(simulator).count(0) == 1


def test_when_too_many_rows_have_gone_the_list_is_read_anew(simulator: Server, facility: Facility) -> None:
    dose = make_dose(facility)
    outbox.drain("pcare")
    others = fill(simulator, dose, facility, 100)
    lose_the_answer(simulator)
    one_try()
    simulator.service.weather.add({"kind": "close_before", "method": "GET", "path": LIST, "every": 2, "times": 1})
    one_try()
    for gone in others[:20]:
        simulator.service.registry.put("pendaftaran", gone, None)
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1
    assert pages_read(simulator).count(0) == 2


def test_a_service_that_gives_shorter_pages_than_asked_for_is_read_to_its_end(
    simulator: Server, facility: Facility
) -> None:
    simulator.service.settings.longest_page = 40
    dose = make_dose(facility)
    fill(simulator, dose, facility, 130)
    lose_the_answer(simulator)
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1


def test_pages_too_long_for_the_time_out_become_shorter(simulator: Server, facility: Facility, settings: Any) -> None:
    dose = make_dose(facility)
    outbox.drain("pcare")
    fill(simulator, dose, facility, 130)
    lose_the_answer(simulator)
    one_try()
    settings.PCARE_READ_TIMEOUT = 0.5
    for long in range(60, 101, 5):
        simulator.service.weather.add({"kind": "delay", "path": f"/{long}", "method": "GET", "seconds": 2.0})
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1


def test_a_try_that_goes_on_reading_never_registers(simulator: Server, facility: Facility) -> None:
    dose = make_dose(facility)
    outbox.drain("pcare")
    fill(simulator, dose, facility, 150)
    lose_the_answer(simulator, "close_before")
    one_try()
    simulator.service.weather.add({"kind": "close_before", "method": "GET", "path": LIST, "every": 2, "times": 1})
    half_way = one_try()
    assert (half_way.error_class, half_way.outcome_unknown) == ("unreachable", True)
    assert half_way.references[PROGRESS]
    at_the_end = one_try()
    # Killed after a POST here, its successor would resume behind the place written down before that POST.
    assert ours(simulator) == []
    assert (at_the_end.error_class, at_the_end.outcome_unknown) == ("looking", False)
    assert at_the_end.references[PROGRESS] == ""
    assert one_try().state == "sent"
    assert len(ours(simulator)) == 1


def test_a_list_longer_than_the_lease_is_gone_on_with_and_is_no_outage(
    simulator: Server, facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for = sending._wait_for

    def lease_of_three_pages(slots: list[datetime], last_start: float) -> Callable[[], None]:
        in_time, over = wait_for(slots, last_start), wait_for([], 0.0)
        before = len(pages_read(simulator))
        return lambda: (in_time if len(pages_read(simulator)) < before + 3 else over)()

    monkeypatch.setattr(sending, "_wait_for", lease_of_three_pages)
    dose = make_dose(facility)
    outbox.drain("pcare")
    fill(simulator, dose, facility, 450)
    lose_the_answer(simulator)
    one_try()
    broken_off = one_try()
    assert (broken_off.error_class, broken_off.outcome_unknown) == ("looking", True)
    assert broken_off.references[PROGRESS]
    assert finish().state == "sent"
    assert len(ours(simulator)) == 1
    assert pages_read(simulator).count(0) == 1


def test_a_list_whose_rows_have_no_number_proves_nothing(simulator: Server, facility: Facility) -> None:
    dose = make_dose(facility)
    outbox.drain("pcare")
    (other,) = fill(simulator, dose, facility, 1)
    nameless = simulator.service.registry.tables["pendaftaran"][other] | {"noUrut": None}
    simulator.service.registry.put("pendaftaran", other, nameless)
    lose_the_answer(simulator, "close_before")
    one_try()
    assert one_try().error_class == "unreadable"
    assert ours(simulator) == []


@pytest.mark.parametrize("lost", ["", "close_before", "close_after_commit"])
def test_a_second_dose_of_the_day_needs_no_list(
    simulator: Server, facility: Facility, settings: Any, lost: str
) -> None:
    settings.PCARE_IN_FLIGHT = 1
    simulator.service.settings.guards_doubles = True
    child = make_citizen()
    first = make_dose(facility, child)
    fill(simulator, first, facility, 250)
    run()
    second = make_dose(facility, child, dose_code="lain", dose_number=1)
    if lost:
        lose_the_answer(simulator, lost)
    run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert pages_read(simulator) == []
    assert len(ours(simulator)) == 1
    assert len(upstream_rows(simulator, "kunjungan")) == 2
    for dose in (first, second):
        correct(dose, withdraw=True)
    run()
    assert ours(simulator) == [], "the last one takes the registration along"
    assert upstream_rows(simulator, "kunjungan") == []
    assert violations() == {}


def test_a_visit_at_another_place_is_no_registration_here(simulator: Server, facility: Facility) -> None:
    child = make_citizen()
    dose = make_dose(facility, child)
    elsewhere = {"noKartu": "", "tglDaftar": day_of(dose), "kdPoli": "023", "noKunjungan": "9999U9990000Y000001"}
    member = visits.participant(simulator.service.registry, simulator.service.settings, "nik", child.nik).response
    simulator.service.registry.put(
        "kunjungan", elsewhere["noKunjungan"], elsewhere | {"noKartu": member["noKartu"], "kdProvider": "9999U999"}
    )
    lose_the_answer(simulator, "close_before")
    run()
    assert Delivery.objects.get().state == "sent"
    assert len(ours(simulator)) == 1
