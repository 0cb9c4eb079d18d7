"""Deliveries announced before they come: the pages, and what they tell who builds on stock."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from programmes.models import Vaccine
from scheduling.models import Place
from stock import announcements, changes, services
from stock.models import AnnouncedDelivery
from tests.scheduling.world import free_places, make_slot
from tests.staff import make_staff, sign_in_staff
from tests.stock.shelf import facility, keeper, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def stockroom(client):
    return sign_in_staff(client, keeper())


def today():
    return timezone.localdate()


def entry(days=2, doses=30, **fields):
    """What the form sends."""
    return {
        "vaccine": "COV_AZ", "doses": doses, "expected_on": today() + timedelta(days=days), "document": "SBBK 7",
        "client_uuid": uuid.uuid4(),
    } | fields  # fmt: skip


def test_a_keeper_announces_receives_and_places_follow(stockroom):
    slot = make_slot(places=10, days=4, stocked=False)
    data = entry(doses=6)
    for _ in range(2):  # double click
        assert stockroom.post(reverse("stock:announced"), data).status_code == 302
    row = AnnouncedDelivery.objects.get()
    assert free_places(slot) == 6
    page = stockroom.get(reverse("stock:announced")).content.decode()
    assert "Ditunggu" in page and "SBBK 7" in page

    form = stockroom.get(reverse("stock:receive") + f"?diumumkan={row.pk}").content.decode()
    assert f'<option value="{row.pk}" selected>' in form
    box = {
        "vaccine": "COV_AZ", "lot_number": "T1", "expiration_date": today() + timedelta(days=90), "doses": 9,
        "vvm_stage": "A", "document": "", "announced": row.pk, "client_uuid": uuid.uuid4(),
    }  # fmt: skip
    assert stockroom.post(reverse("stock:receive"), box).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.doses_arrived, free_places(slot)) == ("arrived", 9, 9)
    assert "Sudah tiba" in stockroom.get(reverse("stock:announced")).content.decode()


def test_an_announcement_of_another_vaccine_does_not_end_with_this_box(stockroom):
    row = announcements.announce(
        facility=facility(), vaccine_code="COV_SINOVAC", doses=5, expected_on=today(), actor=keeper()
    )
    box = {
        "vaccine": "COV_AZ", "lot_number": "T1", "expiration_date": today() + timedelta(days=90), "doses": 9,
        "vvm_stage": "A", "announced": row.pk, "client_uuid": uuid.uuid4(),
    }  # fmt: skip
    assert "bukan untuk vaksin ini" in stockroom.post(reverse("stock:receive"), box).content.decode()
    assert not services.StockMovement.objects.exists()


def test_a_keeper_takes_an_announcement_back_with_a_reason(stockroom):
    stockroom.post(reverse("stock:announced"), entry())
    row = AnnouncedDelivery.objects.get()
    url = reverse("stock:announced_cancel", args=[row.pk])
    assert stockroom.post(url, {"reason": ""}).status_code == 422
    assert stockroom.post(url, {"reason": "Ditunda"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.note) == ("cancelled", "Ditunda")


@pytest.mark.parametrize("wrong", [{"days": -1}, {"days": 400}, {"doses": 0}, {"vaccine": "X"}])
def test_a_wrong_announcement_is_explained_and_writes_nothing(stockroom, wrong):
    facility()
    assert stockroom.post(reverse("stock:announced"), entry(**wrong)).status_code == 422
    assert not AnnouncedDelivery.objects.exists()


def test_a_keeper_neither_sees_nor_ends_what_another_facility_expects(stockroom):
    other = facility("pkm-genuk")
    row = announcements.announce(
        facility=other, vaccine_code="COV_AZ", doses=5, expected_on=today(), actor=keeper(other), document="RAHASIA"
    )
    assert "RAHASIA" not in stockroom.get(reverse("stock:announced")).content.decode()
    assert stockroom.post(reverse("stock:announced_cancel", args=[row.pk]), {"reason": "x"}).status_code == 404


def test_the_office_announces_for_any_facility(client):
    other = facility("pkm-genuk")
    office = sign_in_staff(client, make_staff("admin_dinkes", city=True))
    page = office.get(reverse("stock:announced_city") + f"?fasilitas={other.pk}&vaksin=COV_AZ").content.decode()
    assert f'<option value="{other.pk}" selected>' in page
    assert office.post(reverse("stock:announced_city"), entry(facility=other.pk)).status_code == 302
    assert AnnouncedDelivery.objects.get().facility == other
    assert office.get(reverse("stock:announced_city") + "?fasilitas=x&vaksin=%00").status_code == 200


def test_an_overdue_announcement_is_named_as_such(stockroom):
    stockroom.post(reverse("stock:announced"), entry(days=1))
    assert announcements.expected(today()) == {(facility().pk, "COV_AZ"): today() + timedelta(days=1)}
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        sign_in_staff(stockroom, keeper())
        assert "Terlambat, tidak dihitung" in stockroom.get(reverse("stock:announced")).content.decode()
        assert announcements.expected(today()) == {}


def test_a_callback_that_fails_undoes_the_movement(monkeypatch):
    def refuse(_pairs):
        raise RuntimeError("no")

    facility()
    monkeypatch.setattr(changes, "_callbacks", [refuse])
    with pytest.raises(RuntimeError):
        stocked(5)
    assert not services.StockMovement.objects.exists()


def test_each_movement_tells_its_facilities_once_in_a_fixed_order(monkeypatch):
    heard = []
    lot, here, there = stocked(20), facility(), facility("pkm-genuk")
    monkeypatch.setattr(changes, "_callbacks", [lambda pairs: heard.append(list(pairs))])
    services.send(from_facility_id=there.pk, to_facility_id=here.pk, lot_id=stocked(9, at=there).pk, doses=2,
                  actor=keeper(there))  # fmt: skip
    services.waste(facility_id=here.pk, lot_id=lot.pk, doses=1, reason="Pecah", actor=keeper())
    services.take_dose(
        facility_id=here.pk, lot_id=lot.pk, at=timezone.now(), actor=keeper(), immunization_uuid=uuid.uuid4()
    )
    pair = (here.pk, "COV_AZ")
    assert heard == [[(there.pk, "COV_AZ")], sorted([pair, (there.pk, "COV_AZ")]), [pair]]  # a dose tells nobody
    assert Vaccine.objects.get(code="COV_AZ") and not Place.objects.exists()
