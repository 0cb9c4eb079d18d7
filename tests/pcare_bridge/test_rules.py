"""Upstream rules besides the clock: who may finish a record, and what cannot be added after desk 1."""

from typing import Any

import pytest
import time_machine
from django.template import Context, Template
from django.test import Client

from core import outbox
from pcare_bridge import queries, sending, services
from pcare_bridge.models import Delivery, FacilityAccount
from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from registration.services import update_citizen
from tests.pcare_bridge.doses import add_profiles, correct, make_citizen, make_dose, make_facility, make_vaccine
from tests.pcare_bridge.running import run, upstream_rows
from tests.pcare_bridge.test_deadlines import wib
from tests.staff import make_staff, sign_in_staff
from vaccination.models import Visit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


def change_account(simulator: Server) -> None:
    """The facility writes with another account of its own from now on, which the service knows."""
    account = FacilityAccount.objects.get()
    simulator.service.keys.passwords["uji.baru"] = "Baru:1"
    FacilityAccount.objects.update(username="uji.baru")
    account.refresh_from_db()
    account.password = "Baru:1"
    account.save(update_fields=["password"])


def test_what_one_account_began_another_does_not_finish(simulator: Server) -> None:
    facility = make_facility()
    dose = make_dose(facility)
    run()
    change_account(simulator)
    new = correct(dose)
    run()
    delivery = Delivery.objects.get(immunization=new)
    assert (delivery.state, delivery.error_class) == ("refused", "other_account")
    assert defaults.account(facility.pcare_account.provider_code)[0] in delivery.error_message
    assert [row["noBatch"] for row in upstream_rows(simulator)] == ["UJI-01"]
    make_dose(facility, lot_number="BARU")
    run()
    assert {row["noBatch"] for row in upstream_rows(simulator)} == {"UJI-01", "BARU"}, "new doses go by the new account"


def test_the_rule_can_be_switched_off(simulator: Server, settings: Any) -> None:
    settings.PCARE_SAME_ACCOUNT = False
    dose = make_dose(make_facility())
    run()
    change_account(simulator)
    new = correct(dose)
    run()
    assert Delivery.objects.get(immunization=new).state == "sent"


def test_a_dose_that_never_reached_the_service_is_nobodys_yet(simulator: Server) -> None:
    facility = make_facility()
    FacilityAccount.objects.update(username="salah")
    make_dose(facility)
    outbox.drain("pcare")
    sending.send_due(60)
    assert Delivery.objects.get().state == "paused"
    change_account(simulator)
    FacilityAccount.objects.update(pause_class="", paused_until=None)
    Delivery.objects.update(state="waiting")
    run()
    assert Delivery.objects.get().state == "sent"


def test_a_missing_telephone_is_named_while_the_person_is_there_and_filled_in_at_once(
    client: Client, settings: Any
) -> None:
    facility, vaccine = make_facility(), make_vaccine()
    nurse = make_staff("vaksinator", facility=facility)
    visit = Visit.objects.create(
        citizen=make_citizen(), facility=facility, programme=vaccine.programme, vaccine=vaccine, checked_in_by=nurse
    )
    page = Template("{% load pcare %}{% pcare_missing visit %}").render(Context({"visit": visit}))
    address = f"/petugas/kunjungan/{visit.public_id}/lengkapi/"
    assert "nomor telepon" in page
    assert address in page
    sign_in_staff(client, nurse)
    assert "Diminta laporan nasional:</strong> nomor telepon" in client.get(address).text
    person = visit.citizen
    form = {"full_name": person.full_name, "birth_date": "1950-01-01", "sex": "L", "seen": "on"}
    assert client.post(address, form | {"contact_phone": "12"}).status_code == 422
    assert client.post(address, form | {"contact_phone": "081234500001"}).status_code == 302
    visit = Visit.objects.get()
    assert "telepon" not in Template("{% load pcare %}{% pcare_missing visit %}").render(Context({"visit": visit}))
    settings.PCARE_PHONE_FIXED = False
    person.refresh_from_db()
    person.contact_phone = None
    person.save()
    visit = Visit.objects.get()
    assert "telepon" not in Template("{% load pcare %}{% pcare_missing visit %}").render(Context({"visit": visit}))


def test_the_evening_list_names_what_each_dose_lacks_and_leads_there(client: Client) -> None:
    user = make_staff("admin_dinkes", city=True)
    with time_machine.travel(wib(15), tick=True):
        make_dose(make_facility(), make_citizen("Tanpa Nomor", nik=None), occurred_at=wib(14))
        outbox.drain("pcare")
    with time_machine.travel(wib(20, 1), tick=False):
        [(delivery, missing)] = queries.late(user, 20)
        assert missing == ["NIK", "nomor telepon"]
        text = sign_in_staff(client, user).get("/dinkes/pcare/").text
    assert "Tanpa Nomor" in text
    assert "Belum ada: NIK, nomor telepon" in text
    assert f"/petugas/kiriman/{delivery.pk}/" in text


def test_a_dose_in_doubt_is_looked_for_under_the_number_it_was_sent_with(simulator: Server, client: Client) -> None:
    """Written, the answer lost, the NIK mended before the next look: still one record."""
    simulator.service.settings.guards_doubles = False  # as PCare: nothing there refuses a second one
    delivery_of = make_dose(make_facility(), make_citizen("Salah Nomor", nik="9974010101507001"))
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "times": 1})
    simulator.service.weather.add({"kind": "html_500", "method": "GET"})
    outbox.drain("pcare")
    sending.send_due(60)
    simulator.service.weather.clear()
    assert Delivery.objects.get().outcome_unknown
    assert not Delivery.objects.get().upstream_number
    Delivery.objects.update(state="refused", error_class="expired", outcome_unknown=True)
    delivery = Delivery.objects.get(immunization=delivery_of)
    sign_in_staff(client, make_staff("admin_dinkes", city=True))
    form = {"nik": "9974010101507002", "full_name": "Salah Nomor", "birth_date": "1950-01-01", "sex": "L", "seen": "on"}
    Delivery.objects.update(error_field="nik")
    assert client.post(f"/petugas/kiriman/{delivery.pk}/", form).status_code == 302
    run()
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert len(upstream_rows(simulator)) == 1


def test_a_dose_without_a_number_goes_to_every_service_by_itself_once_it_is_known(simulator: Server) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi", "satusehat")
    person = make_citizen("Tanpa Nomor", nik=None)
    make_dose(facility, person)
    run()
    assert set(Delivery.objects.values_list("error_class", "error_field")) == {
        ("incomplete", "nik"),
        ("incomplete", "patient"),
    }
    update_citizen(person.pk, by_staff=True, nik="9974010101507003")
    assert services.release_identified() == 2
    run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
