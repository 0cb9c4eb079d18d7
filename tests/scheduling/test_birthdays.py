"""Age counts on the day of the service; where a birthday until then decides, the page says so (RULES G-2)."""

from datetime import timedelta

import pytest
from dateutil.relativedelta import relativedelta
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registration.models import ADULT_AGE
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import booked, make_adult, make_slot

pytestmark = pytest.mark.django_db
BRINGS = "belum bisa, pada"
ENDS = "masih bisa, pada"


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def phone(account):
    client = Client()
    sign_in_citizen(client, account)
    return client


def born(account, years, *, reached_in, **fields):
    """Somebody who gets so many years old in so many days."""
    birth = timezone.localdate() + timedelta(days=reached_in) - relativedelta(years=years)
    if years <= ADULT_AGE:
        fields |= {"guardian": make_adult(account, full_name="Wali Uji"), "relation": "anak"}
    return make_citizen(account, birth_date=birth, **fields)


def pages(phone, citizen, slot):
    """The two pages of one person on which a day is chosen, as text."""
    choose = phone.get(reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]))
    programme = phone.get(reverse("scheduling:new_for", args=[citizen.public_id]), {"sesi": slot.pk})
    return [answer.content.decode() for answer in (choose, programme)]


def test_who_comes_of_age_before_the_day_may_book_and_is_told_not_to_come_earlier(phone, account):
    slot = make_slot(days=5)
    for page in pages(phone, born(account, 18, reached_in=3, full_name="Dewi Uji"), slot):
        assert "usia hari ini Dewi Uji belum bisa" in page and "jangan lebih awal" in page
        assert f'name="sesi" value="{slot.pk}"' in page


def test_who_outgrows_a_vaccine_before_the_day_is_told_to_look_for_an_earlier_one(phone, account):
    slot = make_slot(days=5, vaccine="BCG", dose_codes=["bcg"])
    for page in pages(phone, born(account, 1, reached_in=3, full_name="Bayu Uji"), slot):
        assert "usia hari ini Bayu Uji masih bisa" in page and "hari yang lebih awal" in page
        assert f'name="sesi" value="{slot.pk}"' not in page


@pytest.mark.parametrize("reached_in", [-1, 0, 6])
def test_a_birthday_before_today_or_after_the_day_is_not_spoken_of(phone, account, reached_in):
    for page in pages(phone, born(account, 18, reached_in=reached_in), make_slot(days=5)):
        assert BRINGS not in page and ENDS not in page


def test_a_birthday_that_decides_nothing_is_not_spoken_of(phone, account):
    for page in pages(phone, born(account, 60, reached_in=3), make_slot(days=5)):
        assert BRINGS not in page and ENDS not in page


def test_a_family_is_told_of_each_member_whom_a_birthday_concerns(phone, account):
    slot = make_slot(days=5)
    dewi = born(account, 18, reached_in=3, full_name="Dewi Uji")
    family = {"warga": [dewi.public_id, born(account, 40, reached_in=3, full_name="Ibu Uji").public_id]}
    choose = phone.get(reverse("scheduling:family_slots", args=[slot.schedule_id]), family)
    programme = phone.get(reverse("scheduling:family"), family | {"sesi": slot.pk})
    for answer in (choose, programme):
        page = answer.content.decode()
        assert "usia hari ini Dewi Uji belum bisa" in page and page.count(BRINGS) == 1


def test_moving_to_another_day_says_so_too(phone, account):
    slot, _earlier = make_slot(days=5), make_slot(days=4)
    appointment = booked(slot, born(account, 18, reached_in=3, full_name="Dewi Uji"))
    page = phone.get(reverse("scheduling:move", args=[appointment.public_id])).content.decode()
    assert "usia hari ini Dewi Uji belum bisa" in page


def test_the_warning_speaks_english(phone, account):
    citizen = born(account, 18, reached_in=3, full_name="Dewi Uji")
    slot = make_slot(days=5)
    page = phone.get("/en" + reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]))
    assert "Age counts on the day of the service. At today's age Dewi Uji" in page.content.decode()
