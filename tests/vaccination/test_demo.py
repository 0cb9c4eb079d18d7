"""The demo family: what the README promises is possible today."""

import re

import pytest
from django.utils import timezone

from accounts.models import Membership
from registration.models import Citizen
from stock.demo import ensure_demo_stock
from stock.queries import usable_lots
from tests.scheduling.world import make_city
from tests.stock.shelf import facility
from vaccination.demo import ensure_demo_history
from vaccination.eligibility import options_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo():
    make_city()
    ensure_demo_stock()
    ensure_demo_history()


def eligible(name):
    citizen = Citizen.objects.get(full_name=name)
    return {option.dose_code for option in options_for(citizen) if option.eligible}


def test_the_family_has_boosters_and_routine_doses_to_take_today(demo):
    assert "booster1" in eligible("Ratna Contoh")
    assert "booster2" in eligible("Slamet Contoh")
    assert "primary1" in eligible("Dewi Contoh")
    assert "penta1" in eligible("Bima Contoh")
    assert "mr1" in eligible("Kirana Contoh")


def test_the_demo_shelf_holds_what_the_family_needs(demo):
    for vaccine in ("COV_AZ", "COV_PFIZER", "PENTA", "MR", "OPV"):
        assert usable_lots(facility().pk, vaccine, timezone.now())


def test_the_partner_hospital_records_from_a_shelf_of_its_own(demo):
    hospital = Membership.objects.get(role=Membership.Role.PARTNER).facility
    assert usable_lots(hospital.pk, "COV_AZ", timezone.now())


def test_a_second_start_adds_nothing_and_asks_little(demo, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        assert ensure_demo_stock() == 0
        assert ensure_demo_history() == 0


def test_nobody_in_the_demo_can_be_a_living_person(demo):
    niks = [citizen.nik for citizen in Citizen.objects.all()]
    assert niks
    assert all(re.fullmatch(r"9974\d{8}9\d{3}", nik) for nik in niks)
