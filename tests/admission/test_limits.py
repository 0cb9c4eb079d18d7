"""Limits against machines that refuse no family, and doors that are not there."""

import html
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client

from admission import tokens
from admission.models import Turn
from core.crypto import blind_index
from registration.session import COOKIE
from scheduling.models import Appointment
from tests.admission.rush import make_room, serve, visitor
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import make_city, make_slot

pytestmark = pytest.mark.django_db
FIVE_KB = 5000


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_family_behind_an_address_of_five_hundred_is_not_refused(settings):
    """500 people of one address block join; the block's limit makes polls rarer and refuses nobody."""
    settings.LIMIT_TURN_PER_BLOCK = "100/hour"  # the test itself may take longer than a minute
    make_city()
    room = make_room(minutes=None)
    slow = 0
    for number in range(500):
        account = make_account()
        make_citizen(account)
        browser = sign_in_citizen(Client(REMOTE_ADDR=f"114.79.1.{number % 250}"), account)
        answer = browser.post(f"/antrean/{room.pk}/ikut/")
        assert answer.status_code == 302 and tokens.TURN_COOKIE in answer.cookies
        slow += answer.cookies[tokens.TURN_COOKIE].value.partition(":")[0].split(".")[3] == "1"
    assert Turn.objects.filter(room=room).count() == 500
    assert slow == 400


def test_one_account_that_hammers_is_slowed_and_others_of_its_address_are_not(settings):
    make_city()
    settings.LIMIT_TURN_PER_ACCOUNT = "20/hour"
    browser, account = visitor()
    room = make_room(minutes=None)
    answers = [browser.post(f"/antrean/{room.pk}/ikut/") for _ in range(25)]
    assert [answer.status_code for answer in answers] == [302] * 20 + [429] * 5
    assert int(answers[-1].headers["Retry-After"]) > 0
    again = sign_in_citizen(Client(), account)
    assert again.post(f"/antrean/{room.pk}/ikut/").status_code == 429  # a second browser is the same person
    neighbour, _ = visitor()
    assert neighbour.post(f"/antrean/{room.pk}/ikut/").status_code == 302


def test_hammering_the_booking_form_ends_in_a_polite_wait(settings):
    settings.LIMIT_BOOKING_PER_ACCOUNT = "5/hour"
    slot = make_slot()
    browser, account = visitor()
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 1)
    browser.post(f"/antrean/{room.pk}/masuk/")
    address = f"/janji/baru/{account.members.get().public_id}/jadwal/{slot.schedule_id}/"
    answers = [browser.post(address, {"sesi": slot.pk}).status_code for _ in range(8)]
    assert answers == [302] * 5 + [429] * 3


def test_public_availability_is_the_same_for_all():
    make_slot()
    bodies = {
        Client(REMOTE_ADDR=address, HTTP_USER_AGENT=agent).get("/jadwal/").content
        for address, agent in (("10.0.0.1", "curl"), ("114.79.1.1", "Mozilla"), ("114.79.1.2", ""))
    }
    assert len(bodies) == 1


def test_no_address_of_the_api_makes_an_appointment(client):
    text = client.get("/api/v1/openapi.json").json()
    writing = {
        path for path, methods in text["paths"].items() for method in methods if method not in ("get", "parameters")
    }
    assert not {path for path in writing if not path.startswith(("/api/v1/immunizations/", "/api/v1/certificates/"))}
    slot = make_slot()
    browser, account = visitor()
    for path in text["paths"]:
        for method in ("post", "put", "patch", "delete"):
            getattr(browser, method)(
                path.replace("{key}", str(uuid4())),
                {"citizen": str(account.members.get().public_id), "slot": slot.pk, "schedule": slot.schedule_id},
                content_type="application/json",
            )
    assert not Appointment.objects.exists() and not slot.places.exclude(state="free").exists()
    assert COOKIE in browser.cookies


def _take_turns(room, browser, times):
    return [browser.post(f"/antrean/{room.pk}/ikut/").status_code for _ in range(times)]


def test_a_person_who_goes_to_another_account_starts_no_new_window(settings):
    """By NIK: the same family under a new phone and account is still the one that asked too often."""
    settings.LIMIT_TURN_PER_PERSON = "5/hour"
    make_city()
    browser, account = visitor()
    room = make_room(minutes=None)
    assert _take_turns(room, browser, 7) == [302] * 5 + [429] * 2
    other = make_account()
    account.members.update(account=other)
    assert _take_turns(room, sign_in_citizen(Client(), other), 1) == [429]
    neighbour, _ = visitor()
    assert _take_turns(room, neighbour, 5) == [302] * 5


def test_a_phone_keeps_its_window_under_a_new_account(settings):
    settings.LIMIT_TURN_PER_PERSON = "3/hour"
    make_city()
    room = make_room(minutes=None)
    first = make_account()
    make_citizen(first, nik=None, no_nik_reason="lain")
    assert _take_turns(room, sign_in_citizen(Client(), first), 4) == [302] * 3 + [429]
    phone, index = first.phone, first.phone_index
    first.phone, first.phone_index = "+628990099999", blind_index("+628990099999", "phone")
    first.save()
    again = make_account(phone=phone)
    assert bytes(again.phone_index) == bytes(index)
    make_citizen(again, nik=None, no_nik_reason="lain")
    assert _take_turns(room, sign_in_citizen(Client(), again), 1) == [429]


def test_booking_forms_are_counted_for_the_person_they_are_for(settings):
    """One NIK that was moved on is slowed; another person of the new account is not."""
    settings.LIMIT_BOOKING_PER_PERSON = "3/hour"
    settings.LIMIT_TURN_PER_PERSON = "100/hour"
    slot = make_slot()
    browser, account = visitor()
    room = make_room(minutes=None)
    person = account.members.get()

    def send(client, citizen):
        return client.post(f"/janji/baru/{citizen.public_id}/jadwal/{slot.schedule_id}/", {"sesi": slot.pk})

    assert [send(browser, person).status_code for _ in range(4)] == [302] * 3 + [429]
    other = make_account()
    account.members.update(account=other)
    new = sign_in_citizen(Client(), other)
    relative = make_citizen(other)
    assert send(new, person).status_code == 429
    assert send(new, relative).status_code == 302
    assert Turn.objects.filter(room=room).count() == 0


def test_who_has_nobody_to_book_for_comes_back_to_the_waiting_room():
    make_city()
    browser = sign_in_citizen(Client(), make_account())
    room = make_room(minutes=None)
    answer = browser.post(f"/antrean/{room.pk}/ikut/", {"next": "/janji/baru/?sesi=4"})
    own = f"/antrean/{room.pk}/?next=%2Fjanji%2Fbaru%2F%3Fsesi%3D4"
    assert answer.url == f"/keluarga/tambah/?{urlencode({'next': own})}"
    assert own in html.unescape(browser.get(answer.url).content.decode())
    assert "Ambil nomor" in browser.get(own).content.decode()
