import base64
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from scheduling import audits
from scheduling.models import Appointment, Place
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import booked, free_places, make_adult, make_schedule, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def phone(client, account):
    sign_in_citizen(client, account)
    return client


def hold(client, citizen, slot):
    """Choose a session; returns the address of the questions."""
    answer = client.post(
        reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]), {"sesi": slot.pk}
    )
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return answer.url


def answer_all(client, url, yes=()):
    """Answer the pre-screening; returns the address of the check page."""
    page = client.get(url)
    names = set(re.findall(r'name="([^"]+)" value="tidak"', page.content.decode()))
    key = re.search(r'name="kunci" value="([^"]+)"', page.content.decode())[1]
    assert names
    answer = client.post(url, {name: "ya" if name in yes else "tidak" for name in names} | {"kunci": key})
    assert answer.status_code == 302
    return answer.url


def confirm(client, url):
    """Press the last button of the check page."""
    page = client.get(url).content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(kunci|isi)" value="([^"]*)"', page))
    return client.post(urlsplit(url).path, fields)


def test_a_parent_books_for_a_child_and_gets_a_ticket(phone, account):
    slot = make_slot(vaccine="PENTA", dose_codes=["penta1"])
    parent = make_adult(account)
    birth = timezone.localdate() - timedelta(days=100)
    child = make_citizen(account, birth_date=birth, relation="anak", guardian=parent, full_name="Bayu Uji")

    chosen = phone.get(reverse("scheduling:new"), {"sesi": slot.pk}).content.decode()
    assert "Bayu Uji" in chosen and "Boleh untuk sesi ini" in chosen
    offer = phone.get(reverse("scheduling:new_for", args=[child.public_id]), {"sesi": slot.pk}).content.decode()
    assert "Pesan sesi pukul 08.00" in offer
    check = answer_all(phone, hold(phone, child, slot))
    assert free_places(slot) == 4
    done = confirm(phone, check)

    appointment = Appointment.objects.get()
    assert done.url == reverse("scheduling:ticket", args=[appointment.public_id]) + "?baru=1"
    assert (appointment.citizen, appointment.dose_code) == (child, "penta1")
    assert appointment.pre_screening["outcome"] == "lanjut" and appointment.questionnaire_id
    ticket = phone.get(done.url).content.decode()
    assert "Janji sudah tercatat" in ticket and appointment.code[:4] in ticket and "KK atau KIA anak" in ticket
    assert Place.objects.filter(state="held").count() == 0


def test_confirming_twice_by_double_click_and_by_back_button_is_one_booking(phone, account):
    slot = make_slot()
    check = answer_all(phone, hold(phone, make_adult(account), slot))

    first, second = confirm(phone, check), None
    page_again = phone.get(check)  # back button
    fields = {"kunci": str(Appointment.objects.get().client_uuid)}
    second = phone.post(urlsplit(check).path, fields)

    ticket = reverse("scheduling:ticket", args=[Appointment.objects.get().public_id])
    assert [urlsplit(answer.url).path for answer in (first, page_again, second)] == [ticket] * 3


def test_a_second_tab_says_already_booked_and_leads_to_the_ticket(phone, account):
    slot, citizen = make_slot(), make_adult(account)
    one, other = (answer_all(phone, hold(phone, citizen, slot)) for _ in range(2))

    confirm(phone, one)
    answer = confirm(phone, other)

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Sudah ada janji aktif" in page
    assert reverse("scheduling:ticket", args=[Appointment.objects.get().public_id]) in page
    assert free_places(slot) == 4


def test_a_session_that_filled_up_meanwhile_offers_others_and_makes_nothing(phone, account):
    slot = make_slot(places=1)
    other = make_slot(days=2)
    citizen = make_adult(account)
    check = answer_all(phone, hold(phone, citizen, slot))
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        booked(slot)  # the hold has run out, somebody else was faster

        answer = confirm(phone, check)

        page = answer.content.decode()
        assert answer.status_code == 409 and "Waktu penahanan tempat habis" in page
        assert reverse("scheduling:choose_slot", args=[citizen.public_id, other.schedule_id]) in page
    assert Appointment.objects.count() == 1


def test_a_hold_that_ran_out_still_books_when_a_place_is_left(phone, account):
    slot = make_slot(places=1)
    check = answer_all(phone, hold(phone, make_adult(account), slot))

    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        assert "Waktu penahanan habis" in phone.get(check).content.decode()
        assert confirm(phone, check).status_code == 302


def test_choosing_a_full_session_says_so_with_others_of_the_day(phone, account):
    schedule = make_schedule(walk_in_percent=0, places_per_slot=1)
    first, second = schedule.slots.all()
    booked(first)
    citizen = make_adult(account)

    answer = phone.post(reverse("scheduling:choose_slot", args=[citizen.public_id, schedule.pk]), {"sesi": first.pk})

    assert answer.status_code == 409
    assert "baru saja habis" in answer.content.decode()
    assert f'value="{second.pk}"' in answer.content.decode()


def test_somebody_too_young_reads_the_rule_and_the_date_and_cannot_book(phone, account):
    slot = make_slot()  # AstraZeneca, from 18 years
    born = timezone.localdate().replace(year=timezone.localdate().year - 10, day=1)
    child = make_citizen(account, birth_date=born, guardian=make_adult(account), full_name="Citra Uji")

    page = phone.get(reverse("scheduling:new_for", args=[child.public_id]), {"sesi": slot.pk}).content.decode()
    assert "Belum bisa" in page and "Usia minimal 18 tahun" in page
    answer = phone.post(reverse("scheduling:choose_slot", args=[child.public_id, slot.schedule_id]), {"sesi": slot.pk})

    assert answer.status_code == 409
    assert not Place.objects.filter(state="held").exists()


def test_what_no_source_confirms_is_not_booked_silently(phone, account):
    slot = make_slot(vaccine="COV_PFIZER")  # the primary rule is unverified as a whole
    citizen = make_adult(account)

    page = phone.get(reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id])).content.decode()

    assert "Tinjau manual" in page and "Puskesmas Poncol" in page
    assert phone.post(
        reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]), {"sesi": slot.pk}
    ).status_code == 409  # fmt: skip


def test_moving_takes_two_taps_and_frees_the_old_place_at_once(phone, account):
    slot, later = make_slot(), make_slot(days=2)
    appointment = booked(slot, make_adult(account))
    ticket = reverse("scheduling:ticket", args=[appointment.public_id])
    move = reverse("scheduling:move", args=[appointment.public_id])
    assert move in phone.get(ticket).content.decode()

    assert f'value="{later.pk}"' in phone.get(move).content.decode()
    done = phone.post(move, {"sesi": later.pk})
    assert phone.post(move, {"sesi": later.pk}).status_code == 302  # double click

    assert urlsplit(done.url).path == ticket and "Janji sudah dipindahkan" in phone.get(done.url).content.decode()
    appointment.refresh_from_db()
    assert (appointment.slot, appointment.sequence) == (later, 1)
    assert (free_places(slot), free_places(later)) == (5, 4)
    assert audits.place_elsewhere() == audits.active_without_place() == 0


def test_cancelling_takes_two_taps_and_the_ticket_says_so(phone, account):
    slot = make_slot()
    appointment = booked(slot, make_adult(account))
    cancel = reverse("scheduling:cancel", args=[appointment.public_id])
    assert "Ya, batalkan" in phone.get(cancel).content.decode()
    ticket = reverse("scheduling:ticket", args=[appointment.public_id])
    assert "Kode QR tiket" in phone.get(ticket).content.decode()

    for _ in range(2):
        answer = phone.post(cancel)
        assert answer.status_code == 302

    page = phone.get(ticket).content.decode()
    assert "sudah dibatalkan" in page and "Kode QR tiket" not in page  # nothing left to scan or to print
    assert free_places(slot) == 5


def test_the_calendar_entry_keeps_its_uid_and_raises_its_sequence(phone, account):
    slot, later = make_slot(), make_slot(days=2)
    appointment = booked(slot, make_adult(account))
    url = reverse("scheduling:calendar", args=[appointment.public_id])

    before = phone.get(url).content.decode()
    phone.post(reverse("scheduling:move", args=[appointment.public_id]), {"sesi": later.pk})
    after = phone.get(url).content.decode()
    phone.post(reverse("scheduling:cancel", args=[appointment.public_id]))
    cancelled = phone.get(url).content.decode()

    uid = re.search(r"UID:(.+)\r", before)[1]
    assert uid == re.search(r"UID:(.+)\r", after)[1] == re.search(r"UID:(.+)\r", cancelled)[1]
    assert [re.search(r"SEQUENCE:(\d)", text)[1] for text in (before, after, cancelled)] == ["0", "1", "2"]
    assert "METHOD:CANCEL" in cancelled and "Suparti" not in before


def test_another_familys_ticket_does_not_exist(phone):
    appointment = booked(make_slot(), make_adult(make_account()))
    for name in ("ticket", "calendar", "move", "cancel"):
        assert phone.get(reverse(f"scheduling:{name}", args=[appointment.public_id])).status_code == 404
    assert phone.post(reverse("scheduling:cancel", args=[appointment.public_id])).status_code == 404
    stranger = appointment.citizen.public_id
    assert phone.get(reverse("scheduling:new_for", args=[stranger])).status_code == 404


def test_answers_of_one_person_do_not_open_for_another_and_never_show_in_the_address(phone, account):
    slot = make_slot()
    one, other = make_adult(account), make_adult(account)
    check = answer_all(phone, hold(phone, one, slot), yes={"A2"})
    sealed = parse_qs(urlsplit(check).query)["isi"][0]
    assert b'"A2"' not in base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))

    borrowed = check.replace(str(one.public_id), str(other.public_id))

    assert "/periksa/" not in phone.get(borrowed).url


def test_signed_out_visitors_sign_in_first_and_come_back(client):
    slot = make_slot()
    answer = client.get(reverse("scheduling:new"), {"sesi": slot.pk})
    assert answer.status_code == 302 and "/masuk/?next=" in answer.url and f"sesi%3D{slot.pk}" in answer.url


@pytest.mark.parametrize("raw", ["", "abc", "0", "9" * 30, "-1", "\x00", "١"])
def test_a_malformed_session_never_breaks_the_flow(phone, account, raw):
    citizen, slot = make_adult(account), make_slot()
    appointment = booked(make_slot(days=3), citizen)
    assert phone.get(reverse("scheduling:new"), {"sesi": raw}).status_code in (200, 302)
    choose = reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id])
    assert phone.post(choose, {"sesi": raw}).status_code == 302
    assert phone.post(reverse("scheduling:move", args=[appointment.public_id]), {"sesi": raw}).status_code == 302
    check = reverse("scheduling:check", args=[citizen.public_id, slot.pk])
    assert phone.post(check, {"kunci": raw, "isi": raw}).status_code in (302, 409)
    assert (
        phone.get(reverse("scheduling:questions", args=[citizen.public_id, slot.pk]), {"isi": raw}).status_code == 200
    )
    for kind in ("sesi", "jadwal"):
        for number in ("9" * 25, 2**63):
            assert phone.get(f"/janji/baru/{citizen.public_id}/{kind}/{number}/").status_code == 404
    assert phone.get("/janji/tunggu/baru/", {"program": raw, "jadwal": raw, "warga": raw}).status_code == 200


def test_the_list_shows_active_and_past_with_their_state(phone, account):
    assert "Belum ada janji" in phone.get("/janji/").content.decode()
    booked(make_slot(), make_adult(account, full_name="Ani Uji"))
    gone = booked(make_slot(days=2), make_adult(account, full_name="Budi Uji"))
    phone.post(reverse("scheduling:cancel", args=[gone.public_id]))

    page = phone.get("/janji/").content.decode()
    english = phone.get("/en/janji/")

    assert page.index("Ani Uji") < page.index("Lewat atau dibatalkan") < page.index("Budi Uji")
    assert english.status_code == 200
