"""Order by deadline, the warning of the evening, and what is missing named while the person is still there."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import outbox
from pcare_bridge import deadlines, sending, services
from pcare_bridge.models import Delivery, FacilityAccount
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_citizen, make_dose, make_facility, make_vaccine
from tests.pcare_bridge.running import run, upstream_rows
from tests.staff import make_staff, sign_in_staff
from vaccination.models import Visit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


def wib(hour: int, minute: int = 0) -> datetime:
    today = timezone.now().astimezone(deadlines.WIB)
    return today.replace(hour=hour, minute=minute, second=0, microsecond=0)


def test_the_next_limit_is_tonight_then_the_backdating_limit_then_none() -> None:
    given = wib(9)
    tonight = wib(23, 59) + timedelta(minutes=1)
    assert deadlines.next_deadline(given, "pcare", given) == tonight
    assert deadlines.next_deadline(given, "pcare", tonight) == wib(0) + timedelta(days=31)
    assert deadlines.next_deadline(given, "pcare", given + timedelta(days=40)) is None
    assert deadlines.next_deadline(given, "satusehat", given) is None


def test_what_must_arrive_tonight_goes_before_what_came_first(simulator: Server, settings: Any) -> None:
    settings.PCARE_IN_FLIGHT = 1
    with time_machine.travel(wib(12), tick=True):  # in the last minute of a day nothing can arrive in time
        facility = make_facility()
        old = make_dose(facility, lot_number="LAMA", occurred_at=timezone.now() - timedelta(days=2))
        outbox.drain("pcare")
        make_dose(facility, lot_number="HARI-INI", occurred_at=timezone.now())
        run()
    assert [row["noBatch"] for row in upstream_rows(simulator)] == ["HARI-INI", "LAMA"]
    assert old.deliveries.get().deadline_at is not None


def test_a_missed_limit_gives_way_to_the_next_one() -> None:
    dose = make_dose(make_facility())
    outbox.drain("pcare")
    Delivery.objects.update(deadline_at=timezone.now() - timedelta(minutes=1))
    assert services.renew_deadlines() == 1
    expected = deadlines.next_deadline(dose.occurred_at, "pcare")
    assert Delivery.objects.get().deadline_at == expected
    assert services.renew_deadlines() == 0


def test_from_eight_in_the_evening_names_are_shown_of_doses_that_would_miss(client: Client) -> None:
    user = make_staff("admin_dinkes", city=True)
    with time_machine.travel(wib(15), tick=True):
        make_dose(make_facility(), make_citizen("Warga Tertinggal"), occurred_at=wib(14))
        outbox.drain("pcare")
    with time_machine.travel(wib(19, 59), tick=False):
        assert not deadlines.would_miss(user)
    with time_machine.travel(wib(20, 1), tick=False):
        assert [row.immunization.citizen.full_name for row in deadlines.would_miss(user)] == ["Warga Tertinggal"]
        assert "Warga Tertinggal" in sign_in_staff(client, user).get("/dinkes/pcare/").text
        stranger = make_staff("vaksinator", facility=make_facility(8))
        assert not deadlines.would_miss(stranger)
    Delivery.objects.update(available_at=timezone.now())
    sending.send_due(60)
    with time_machine.travel(wib(20, 1), tick=False):
        assert not deadlines.would_miss(user)


def test_the_desk_reads_what_is_missing_before_the_dose_is_entered() -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi", "kunjungan")
    FacilityAccount.objects.update(practitioner_code="")
    vaccine = make_vaccine()
    visit = Visit.objects.create(
        citizen=make_citizen(nik=None),
        facility=facility,
        programme=vaccine.programme,
        vaccine=vaccine,
        checked_in_by=make_staff("admin_dinkes", city=True),
    )
    with CaptureQueriesContext(connection) as asked:
        page = Template("{% load pcare %}{% pcare_missing visit %}").render(Context({"visit": visit}))
    assert sum(query["sql"].startswith("EXECUTE pcare_screenings") for query in asked) == 1, "once for all profiles"
    assert "NIK" in page
    assert "kode vaksinator di PCare (PCare Kunjungan)" in page
    assert page.count("NIK") == 1
    assert "batch" not in page
    FacilityAccount.objects.update(practitioner_code="000001", profiles=["kunjungan"])
    visit.citizen = make_citizen()
    assert "notice" not in Template("{% load pcare %}{% pcare_missing visit %}").render(Context({"visit": visit}))
