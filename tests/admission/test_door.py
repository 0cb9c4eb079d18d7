"""The door before booking and the pages of the waiting room, through the whole application."""

import gzip
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admission import board, clock, rooms, tokens
from admission.models import Room, Turn
from scheduling.booking import hold_key
from scheduling.models import Appointment, Schedule
from scheduling.services import hold_place
from tests.admission.conftest import forget_everything
from tests.admission.rush import crowd, make_room, release_now, serve, visitor
from tests.registration.people import make_account, sign_in_citizen
from tests.scheduling.world import booked, make_adult, make_city, make_slot
from tests.staff import make_staff, sign_in_staff

pytestmark = pytest.mark.django_db
FIVE_KB = 5000


def hidden_next(response):
    return re.search(r'name="next" value="([^"]*)"', response.content.decode())[1]


# --- the door ---------------------------------------------------------------------------------------------------------


def test_with_no_room_on_the_door_costs_no_query(monkeypatch):
    monkeypatch.setattr(rooms, "MEMORY_SECONDS", 600.0)  # of one moment: a page may take longer than a second
    slot = make_slot()
    browser, account = visitor()
    member = account.members.get()
    address = f"/janji/baru/{member.public_id}/jadwal/{slot.schedule_id}/"
    browser.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200
    assert not [query for query in queries.captured_queries if "admission_" in query["sql"]]


@pytest.mark.parametrize("language", ["", "/en"])
def test_with_a_room_on_booking_needs_a_turn_and_comes_back_to_where_it_was(language):
    slot = make_slot()
    browser, account = visitor()
    room = make_room(minutes=None)
    wanted = f"{language}/janji/baru/{account.members.get().public_id}/jadwal/{slot.schedule_id}/"
    answer = browser.get(wanted)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{language}/antrean/{room.pk}/?next=")
    page = browser.get(answer.headers["Location"])
    joined = browser.post(f"{language}/antrean/{room.pk}/ikut/", {"next": hidden_next(page)})
    serve(room, 1)
    page = browser.get(joined.headers["Location"])
    entered = browser.post(f"{language}/antrean/{room.pk}/masuk/", {"next": hidden_next(page)})
    assert entered.headers["Location"] == wanted
    assert browser.get(wanted).status_code == 200


def test_a_visitor_without_an_account_is_asked_to_sign_in_not_to_wait():
    make_city()
    make_room(minutes=None)
    assert Client().get("/janji/baru/").headers["Location"].startswith("/masuk/")


def test_a_post_past_the_door_holds_no_place():
    slot = make_slot(places=1)
    browser, account = visitor()
    make_room(minutes=None)
    member = account.members.get().public_id
    answer = browser.post(f"/janji/baru/{member}/jadwal/{slot.schedule_id}/", {"sesi": slot.pk})
    assert "/antrean/" in answer.headers["Location"]
    answer = browser.post(f"/janji/baru/{member}/sesi/{slot.pk}/periksa/", {"kunci": str(uuid4())})
    assert "/antrean/" in answer.headers["Location"]
    assert not slot.places.exclude(state="free").exists() and not Appointment.objects.exists()


def test_moving_is_booking_too():
    slot = make_slot()
    browser, account = visitor()
    appointment = booked(slot, account.members.get())
    assert browser.get(f"/janji/{appointment.public_id}/pindah/").status_code == 200
    make_room(minutes=None)
    assert "/antrean/" in browser.get(f"/janji/{appointment.public_id}/pindah/").headers["Location"]
    assert browser.get(f"/janji/{appointment.public_id}/").status_code == 200  # the ticket itself always opens


def test_who_holds_a_place_when_a_room_opens_may_finish_there_and_nowhere_else():
    slot, other = make_slot(days=1), make_slot(days=2)
    browser, account = visitor()
    member = account.members.get()
    hold_place(slot.pk, hold_key(member, slot.schedule.programme_id))
    make_room(minutes=None)
    here = browser.get(f"/janji/baru/{member.public_id}/sesi/{slot.pk}/periksa/?kunci={uuid4()}")
    assert "/antrean/" not in here.headers.get("Location", "")
    there = browser.get(f"/janji/baru/{member.public_id}/sesi/{other.pk}/periksa/?kunci={uuid4()}")
    assert "/antrean/" in there.headers["Location"]


def test_before_the_release_what_is_open_already_can_still_be_booked():
    slot = make_slot()
    browser, account = visitor()
    room = make_room()
    member = account.members.get().public_id
    assert browser.get("/janji/baru/").headers["Location"].startswith(f"/antrean/{room.pk}/")
    assert browser.get(f"/janji/baru/{member}/jadwal/{slot.schedule_id}/").status_code == 200


def test_in_the_second_between_the_hour_and_the_shuffle_nobody_slips_past():
    browser, account = visitor()
    room = make_room()
    slot = make_slot(release_at=room.release_at)
    address = f"/janji/baru/{account.members.get().public_id}/jadwal/{slot.schedule_id}/"
    assert browser.get(address).status_code == 200
    release_now(room)
    rooms.forget()
    clock._next_try[room.pk] = float("inf")  # no step has run since the hour
    assert "/antrean/" in browser.post(address, {"sesi": slot.pk}).headers["Location"]
    assert Room.objects.get(pk=room.pk).state == "waiting" and not slot.places.exclude(state="free").exists()


def test_a_pass_is_for_its_account_its_room_and_its_time(settings):
    make_slot()
    browser, account = visitor()
    thief, other = visitor()
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 1)
    browser.post(f"/antrean/{room.pk}/masuk/")
    assert "/antrean/" not in browser.get("/janji/baru/").headers["Location"]

    thief.cookies[tokens.PASS_COOKIE] = browser.cookies[tokens.PASS_COOKIE].value
    assert "/antrean/" in thief.get("/janji/baru/").headers["Location"]
    until = int(timezone.now().timestamp())
    for value in (
        f"{room.pk}.{'0' * 32}.{account.pk}.{until - 5}",
        f"{room.pk + 1}.{'0' * 32}.{account.pk}.{until + 500}",
    ):
        browser.cookies[tokens.PASS_COOKIE] = signing.Signer(salt="admission.pass").sign(value)
        assert "/antrean/" in browser.get("/janji/baru/").headers["Location"]
    browser.cookies[tokens.PASS_COOKIE] = f"{room.pk}.{'0' * 32}.{account.pk}.{until + 500}:forged"
    assert "/antrean/" in browser.get("/janji/baru/").headers["Location"]
    assert other.pk != account.pk


def test_a_booking_ends_its_pass():
    slot = make_slot()
    browser, account = visitor()
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 1)
    browser.post(f"/antrean/{room.pk}/masuk/")
    member = account.members.get()
    key = uuid4()
    questions = f"/janji/baru/{member.public_id}/sesi/{slot.pk}/?kunci={key}"
    browser.post(f"/janji/baru/{member.public_id}/jadwal/{slot.schedule_id}/", {"sesi": slot.pk})
    page = browser.get(questions).content.decode()
    answers = dict.fromkeys(re.findall(r'<input type="radio" name="([^"]+)"', page), "tidak")
    check = browser.post(questions, answers | {"kunci": key}).headers["Location"]
    sealed = re.search(r"isi=([^&]+)", check)
    made = browser.post(check.partition("?")[0], {"kunci": key, "isi": sealed[1] if sealed else ""})
    assert "baru=1" in made.headers["Location"], made.content
    assert Turn.objects.get().used_at is not None


# --- one's own turn ---------------------------------------------------------------------------------------------------


def test_the_turn_is_kept_over_refresh_another_phone_a_restart_and_an_empty_redis(monkeypatch):
    monkeypatch.setattr(clock, "tick", lambda *_: None)  # the figures stand still
    make_city()
    browser, account = visitor()
    room = make_room(minutes=None)
    crowd(room, 1239)
    browser.post(f"/antrean/{room.pk}/ikut/")
    Room.objects.filter(pk=room.pk).update(served_number=980, rate=17, places_left=5000)
    board.publish(Room.objects.get(pk=room.pk))
    said = "Nomor Anda 1.240, sedang dilayani 980"
    assert said in browser.get(f"/antrean/{room.pk}/").content.decode()
    assert "Kira-kira 12–19 menit" in browser.get(f"/antrean/{room.pk}/").content.decode()
    assert browser.post(f"/antrean/{room.pk}/ikut/").status_code == 302  # pressed again
    board.client().flushdb()
    forget_everything()
    assert said in browser.get(f"/antrean/{room.pk}/").content.decode()
    other_phone = sign_in_citizen(Client(), account)
    assert said in other_phone.get(f"/antrean/{room.pk}/").content.decode()
    assert tokens.TURN_COOKIE in other_phone.cookies
    assert Turn.objects.filter(room=room).count() == 1240


def test_a_phone_that_goes_round_shows_each_person_their_own_turn(monkeypatch):
    monkeypatch.setattr(clock, "tick", lambda *_: None)  # nobody is called
    make_city()
    browser, account = visitor()
    room = make_room(minutes=None)
    crowd(room, 4)
    browser.post(f"/antrean/{room.pk}/ikut/")
    page = f"/antrean/{room.pk}/"
    assert "Nomor Anda 5" in browser.get(page).content.decode()

    other = make_account()
    make_adult(other)
    sign_in_citizen(browser, other)  # the same browser, with the cookie of the first
    assert "Ambil nomor" in browser.get(page).content.decode()
    browser.post(f"/antrean/{room.pk}/ikut/")
    assert "Nomor Anda 6" in browser.get(page).content.decode()
    sign_in_citizen(browser, account)
    assert "Nomor Anda 5" in browser.get(page).content.decode()


def test_a_turn_goes_with_its_person_to_another_account_and_lets_nobody_else_in():
    make_city()
    browser, account = visitor()
    eldest = account.members.get()
    make_adult(account)
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 1)
    other = make_account()
    eldest.account = other
    eldest.save(update_fields=["account"])

    refused = browser.post(f"/antrean/{room.pk}/masuk/")
    assert tokens.PASS_COOKIE not in refused.cookies
    assert "Ambil nomor" in browser.get(f"/antrean/{room.pk}/").content.decode()  # a turn of those who are left
    elsewhere = sign_in_citizen(Client(), other)
    elsewhere.get(f"/antrean/{room.pk}/")
    assert tokens.PASS_COOKIE in elsewhere.post(f"/antrean/{room.pk}/masuk/").cookies


def test_a_forged_turn_is_no_turn():
    make_city()
    room = make_room(minutes=None)
    turn = crowd(room, 1)[0]
    stranger = Client()
    stranger.cookies[tokens.TURN_COOKIE] = f"{room.pk}.{turn.public_id.hex}.1.0.1:forged"
    assert stranger.get("/antrean/keadaan.json").status_code == 403


def test_with_javascript_off_the_page_reloads_itself_and_leads_to_the_ticket():
    slot = make_slot()
    browser, account = visitor()
    release = timezone.now() + timedelta(minutes=5)
    Schedule.objects.filter(pk=slot.schedule_id).update(release_at=release)
    room = rooms.create(reason="schedule", release_at=release)
    forget_everything()

    page = browser.get("/antrean/")
    assert f"/antrean/{room.pk}/" in page.content.decode() and room.seed_hash in page.content.decode()
    assert not page.cookies
    page = browser.get(f"/antrean/{room.pk}/")
    page = browser.get(browser.post(f"/antrean/{room.pk}/ikut/", {"next": hidden_next(page)}).headers["Location"])
    text = page.content.decode()
    assert "Anda sudah di ruang tunggu" in text
    seconds = int(re.search(r'<noscript><meta http-equiv="refresh" content="(\d+)">', text)[1])
    assert 5 <= seconds <= 120

    release_now(Room.objects.get(pk=room.pk))
    clock.tick(room.pk, timezone.now() + timedelta(seconds=1))
    clock.tick(room.pk, timezone.now() + timedelta(seconds=3))
    page = browser.get(f"/antrean/{room.pk}/")
    assert "Giliran Anda" in page.content.decode()
    entered = browser.post(f"/antrean/{room.pk}/masuk/", {"next": hidden_next(page)})
    member = account.members.get().public_id
    assert browser.get(entered.headers["Location"]).headers["Location"] == f"/janji/baru/{member}/"


def test_everybody_hears_at_once_that_places_are_gone_and_where_to_go():
    browser, _account = visitor()
    room = make_room()
    slot = make_slot(places=1, release_at=room.release_at)
    browser.post(f"/antrean/{room.pk}/ikut/")
    release_now(room)
    clock.tick(room.pk, timezone.now() + timedelta(seconds=1))
    booked(slot, make_adult())
    clock.tick(room.pk, timezone.now() + timedelta(seconds=3))
    assert browser.get("/antrean/keadaan.json").json()["phase"] == "gone"
    text = browser.get(f"/antrean/{room.pk}/").content.decode()
    assert "Semua tempat pembukaan ini sudah habis" in text and 'href="/janji/tunggu/baru/"' in text


def test_who_has_nobody_to_vaccinate_is_shown_how_to_add_them():
    make_city()
    browser = sign_in_citizen(Client(), make_account())
    room = make_room(minutes=None)
    assert browser.post(f"/antrean/{room.pk}/ikut/").headers["Location"].startswith("/keluarga/tambah/?")
    assert not Turn.objects.exists()


def test_next_leads_to_booking_only():
    make_city()
    browser, _account = visitor()
    room = make_room(minutes=None)
    for bad in ("https://jahat.example/", "//jahat.example/", "/janji\\\\jahat", "/petugas/"):
        page = browser.get(f"/antrean/{room.pk}/", {"next": bad})
        assert hidden_next(page) == "/janji/baru/"


# --- size and cost ----------------------------------------------------------------------------------------------------


def wire(response):
    """Bytes of an answer as a browser receives it: headers and the body as sent."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    cookies = "".join(f"Set-Cookie: {cookie.OutputString()}\r\n" for cookie in response.cookies.values())
    return len(headers) + len(cookies) + 17 + len(response.content)


def test_page_and_poll_stay_under_five_kilobytes_on_the_wire():
    """Counted: headers and body of the poll; headers and body of the page as it is reloaded with JavaScript off, not
    packed; and for the first visit the same page with its style sheet and script, packed as they are served."""
    make_city()
    browser, _account = visitor()
    room = make_room(minutes=None)
    crowd(room, 50)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 0)
    Room.objects.filter(pk=room.pk).update(message="Mohon sabar. " * 15)
    poll = wire(browser.get("/antrean/keadaan.json"))
    page = wire(browser.get(f"/antrean/{room.pk}/"))
    assert poll < 1200
    assert page < FIVE_KB
    packed = sum(
        len(gzip.compress(Path(finders.find(name)).read_bytes())) + 400 for name in ("css/antrean.css", "js/waiting.js")
    )
    html = browser.get(f"/antrean/{room.pk}/")
    first = wire(html) - len(html.content) + len(gzip.compress(html.content)) + packed
    assert first < FIVE_KB
    serve(room, 51)
    assert wire(browser.get(f"/antrean/{room.pk}/")) < FIVE_KB  # the page with the button


def test_poll_and_page_cost_no_query_and_the_poll_sets_no_cookie():
    make_city()
    browser, _account = visitor()
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    clock.tick(room.pk, timezone.now() + timedelta(seconds=1))
    browser.get("/antrean/keadaan.json")
    clock._next_try[room.pk] = float("inf")  # this second's step is done, by one of them
    for address in ("/antrean/keadaan.json", f"/antrean/{room.pk}/", "/en/antrean/keadaan.json"):
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(address)
        assert answer.status_code == 200
        assert not queries.captured_queries, address
    assert not browser.get("/antrean/keadaan.json").cookies
    assert browser.get("/antrean/keadaan.json").headers["Cache-Control"] == "private, no-store"


def test_after_the_shuffle_the_number_travels_in_the_token_and_a_poll_is_not_even_a_redis_read(asked, monkeypatch):
    monkeypatch.setattr(board, "LINE_SECONDS", 600.0)  # of one moment
    make_city()
    browser, _account = visitor()
    room = make_room()
    browser.post(f"/antrean/{room.pk}/ikut/")
    assert not browser.get("/antrean/keadaan.json").cookies
    rooms.release(release_now(room).pk)
    board.publish(Room.objects.get(pk=room.pk))
    assert tokens.TURN_COOKIE in browser.get("/antrean/keadaan.json").cookies
    clock._next_try[room.pk] = float("inf")  # this second's step is done
    browser.get("/antrean/keadaan.json")
    asked.clear()
    for _ in range(20):
        assert browser.get("/antrean/keadaan.json").json()["number"] == 1
    assert asked == []


def test_a_number_from_before_a_missed_call_is_set_right_at_the_door(settings):
    make_city()
    browser, _account = visitor()
    room = make_room(minutes=None)
    browser.post(f"/antrean/{room.pk}/ikut/")
    serve(room, 1)
    Turn.objects.update(pass_until=timezone.now() - timedelta(seconds=1), passes=2, claimed_at=timezone.now())
    page = browser.post(f"/antrean/{room.pk}/masuk/")
    assert "late=1" in page.headers["Location"]
    text = browser.get(page.headers["Location"]).content.decode()
    assert "Nomor Anda 2, sedang dilayani 1" in text and "mendapat nomor baru" in text


def test_the_poll_is_answered_before_all_other_middleware():
    from core import express

    assert django_settings.MIDDLEWARE[0].startswith("core.express.")
    assert "/antrean/keadaan.json" in express._handlers and "/en/antrean/keadaan.json" in express._handlers


# --- the health office ------------------------------------------------------------------------------------------------


def test_the_health_office_steers_and_every_press_is_written_down():
    make_city()
    office = sign_in_staff(Client(), make_staff("admin_dinkes", city=True))
    office.post("/dinkes/antrean/nyalakan/")
    room = Room.objects.get()
    turn = crowd(room, 3)[2]
    for action, field, value in (
        ("cepat", "rate", 375), ("lambat", "rate", 300), ("jeda", "paused", True), ("lanjut", "paused", False),
        ("pesan", "message", "Server sehat, mohon sabar."),
    ):  # fmt: skip
        office.post(f"/dinkes/antrean/{room.pk}/{action}/", {"pesan": "Server sehat, mohon sabar."})
        room.refresh_from_db()
        assert getattr(room, field) == value, action
    assert board.look(room.pk, turn.public_id.hex).status.message == "Server sehat, mohon sabar."
    page = office.get("/dinkes/antrean/").content.decode()
    assert "Menunggu" in page and "Laju diubah menjadi 375" in page
    assert room.events.filter(by__isnull=False).count() == 6
    office.post(f"/dinkes/antrean/{room.pk}/mati/")
    assert board.look(room.pk, turn.public_id.hex).status.state == "closed"
    assert "Riwayat" in office.get("/dinkes/antrean/").content.decode()
    assert room.seed not in office.get("/dinkes/antrean/").content.decode()
