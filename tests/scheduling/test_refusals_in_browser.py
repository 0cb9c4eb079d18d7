"""What people meet when it does not work out, in a real browser: the last minute, an expired hold, full, closed.

SCREENSHOTS=folder keeps a picture of each page on both screens, to be looked at.
"""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from registration import session
from scheduling import families
from scheduling.models import Appointment, Place
from scheduling.services import close_schedule
from tests.journeys.visitor import DESKTOP, PHONE, Visitor
from tests.registration.people import make_account
from tests.scheduling.world import booked, make_adult, make_schedule, make_slot

pytestmark = pytest.mark.django_db(transaction=True)
SCREENS = {"phone": PHONE, "desktop": DESKTOP}


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def signed_in(live_server, browser, account):
    contexts = []

    def make(screen="phone", scripts=True):
        context = browser.new_context(java_script_enabled=scripts, viewport=SCREENS[screen])
        answer = HttpResponse()
        session.sign_in(answer, account)
        context.add_cookies([{"name": "warga", "value": answer.cookies["warga"].value, "url": live_server.url}])
        contexts.append(context)
        return Visitor(context, live_server.url, scripts=scripts)

    yield make
    for context in contexts:
        context.close()


def picture(visitor, name):
    if folder := os.environ.get("SCREENSHOTS"):
        width = visitor.page.viewport_size["width"]
        visitor.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


def choose(visitor, citizen, slot):
    visitor.visit(reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]))
    visitor.press(re.compile("^Pilih pukul"))


def answer_no(visitor):
    for question in visitor.page.locator("main fieldset").all():
        question.get_by_label("Tidak", exact=True).check(force=True)
    visitor.press("Lanjut", exact=True)


def test_the_last_minute_is_announced_in_words(signed_in, account):
    slot, citizen, visitor = make_slot(), make_adult(account), signed_in()
    choose(visitor, citizen, slot)
    assert not visitor.page.get_by_text("Sisa kurang dari satu menit.").is_visible()

    Place.objects.filter(slot=slot, state="held").update(held_until=timezone.now() + timedelta(seconds=63))
    visitor.page.reload()

    box = visitor.page.get_by_role("status")  # polite: a screen reader says what appears in it
    warning = box.get_by_text("Sisa kurang dari satu menit.")
    assert visitor.page.locator("[data-hold-clock]").get_attribute("aria-hidden") == "true"  # and not every second
    warning.wait_for(state="visible", timeout=60_000)
    picture(visitor, "last-minute")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_an_expired_hold_is_explained_and_held_again_with_the_answers_kept(signed_in, account, screen, scripts):
    slot, citizen, visitor = make_slot(places=1), make_adult(account), signed_in(screen, scripts)
    choose(visitor, citizen, slot)
    answer_no(visitor)

    # No worker runs here: the time in the row is all there is.
    Place.objects.filter(slot=slot, state="held").update(held_until=timezone.now() + timedelta(seconds=2))
    visitor.page.reload()
    if not scripts:
        visitor.page.wait_for_timeout(2100)
        visitor.page.reload()
    box = visitor.page.get_by_role("status")
    box.get_by_text("Waktu penahanan habis").wait_for(state="visible", timeout=60_000)
    assert "ditahan untuk Anda sampai" not in box.inner_text()
    assert "Jawaban Anda tidak hilang" in box.inner_text()
    picture(visitor, f"expired-{'js' if scripts else 'nojs'}")
    visitor.press("Tahan tempat lagi")

    visitor.arrives("Periksa sebelum memesan")
    assert "Satu tempat ditahan untuk Anda" in visitor.text
    visitor.press("Pesan tempat ini")
    visitor.arrives("Janji sudah tercatat")


def test_a_place_is_held_again_without_losing_what_was_ticked_and_not_sent(signed_in, account):
    slot, citizen, visitor = make_slot(places=1), make_adult(account), signed_in()
    visitor.page.clock.install()
    choose(visitor, citizen, slot)
    question = visitor.page.locator("main fieldset").first
    question.get_by_label("Ya", exact=True).check(force=True)
    Place.objects.filter(slot=slot, state="held").update(held_until=timezone.now() - timedelta(seconds=1))
    visitor.page.clock.run_for(301_000)
    visitor.page.get_by_role("button", name="Tahan tempat lagi").click()

    visitor.page.get_by_text("Satu tempat ditahan untuk Anda").wait_for(state="visible", timeout=60_000)
    assert question.get_by_label("Ya", exact=True).is_checked()
    assert Place.objects.get(slot=slot, state="held").held_until > timezone.now()
    visitor.page.clock.run_for(2000)
    assert visitor.page.locator("[data-hold-clock]").inner_text().startswith("4:")


def test_a_place_that_is_gone_when_it_is_held_again_is_told_on_a_page(signed_in, account):
    slot, citizen, visitor = make_slot(places=1), make_adult(account), signed_in()
    visitor.page.clock.install()
    choose(visitor, citizen, slot)
    Place.objects.filter(slot=slot, state="held").update(held_until=timezone.now() - timedelta(seconds=1))
    booked(slot)
    visitor.page.clock.run_for(301_000)
    visitor.page.get_by_role("button", name="Tahan tempat lagi").click()
    visitor.page.get_by_text("baru saja habis").wait_for(state="visible", timeout=60_000)
    assert not Place.objects.filter(slot=slot, state="held").exists()


@pytest.mark.parametrize("screen", SCREENS)
def test_an_expired_hold_that_somebody_else_took_offers_ways_on(signed_in, account, screen):
    slot, citizen, visitor = make_slot(places=1), make_adult(account), signed_in(screen)
    other = make_schedule(days=2)
    choose(visitor, citizen, slot)
    answer_no(visitor)
    Place.objects.filter(slot=slot, state="held").update(held_until=timezone.now() - timedelta(seconds=1))
    booked(slot)

    visitor.press("Pesan tempat ini")

    assert "tempatnya sudah diambil warga lain" in visitor.text
    assert "Tidak ada janji baru yang dibuat" in visitor.text
    assert visitor.page.locator(f'a[href*="/jadwal/{other.pk}/"]').count()
    picture(visitor, "taken")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_full_day_and_a_closed_day_say_so_and_what_to_do(signed_in, account, screen):
    slot, citizen, visitor = make_slot(places=1), make_adult(account), signed_in(screen)
    booked(slot)
    visitor.visit(reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]))
    assert "Penuh" in visitor.text and visitor.page.get_by_role("link", name="Masuk daftar tunggu").count()
    picture(visitor, "full")

    closing = make_slot(days=2)
    choose(visitor, citizen, closing)
    answer_no(visitor)
    close_schedule(closing.schedule_id, "petugas sakit")
    visitor.press("Pesan tempat ini")
    assert "Jadwal ini ditutup: petugas sakit." in visitor.text
    picture(visitor, "closed")
    assert not Appointment.objects.filter(citizen=citizen).exists()


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_of_a_family_on_both_screens(signed_in, account, screen):
    schedule = make_schedule(walk_in_percent=0, places_per_slot=2)
    people = [make_adult(account, full_name=name) for name in ("Wati Uji", "Budi Santoso Uji", "Sari Uji")]
    make_schedule(days=3, places_per_slot=6)
    visitor = signed_in(screen)
    query = "?" + "&".join(f"warga={person.public_id}" for person in people)
    visitor.visit("/janji/baru/")
    picture(visitor, "family-1-who")
    visitor.visit(reverse("scheduling:family") + query)
    picture(visitor, "family-2-programme")
    visitor.visit(reverse("scheduling:family_schedules", args=["covid19"]) + query)
    picture(visitor, "family-3-schedule")
    visitor.visit(reverse("scheduling:family_slots", args=[schedule.pk]) + query)
    assert "3 tempat berdampingan: 08.00 (2) dan 08.30 (1)" in visitor.text
    picture(visitor, "family-4-slot")
    visitor.press("Pilih pukul 08.00")
    for number in range(3):
        if number == 1:
            picture(visitor, "family-5-questions")
        answer_no(visitor)
    picture(visitor, "family-6-check")
    visitor.press("Pesan 3 tempat ini")
    picture(visitor, "family-7-tickets")
    visitor.follow("Pindahkan semua")
    picture(visitor, "family-8-move")
    visitor.visit("/janji/")
    picture(visitor, "family-9-list")
    visitor.follow("Tiket keluarga")
    visitor.follow("Batalkan semua")
    picture(visitor, "family-cancel")
    families.cancel_family(list(Appointment.objects.values_list("pk", flat=True)))

    booked(schedule.slots.first())
    booked(schedule.slots.last())
    visitor.visit(reverse("scheduling:family_slots", args=[schedule.pk]) + query)
    assert "Tinggal 2 tempat berdampingan" in visitor.text
    picture(visitor, "family-too-few")


def test_the_way_out_of_an_error_looks_like_a_button(signed_in, account):
    booked(make_slot(days=3), make_adult(account))
    visitor = signed_in()
    visitor.visit("/janji/tunggu/baru/?program=covid19")
    visitor.press("Masuk daftar tunggu")  # the look on arrival judges its contrast
    assert "Sudah ada janji aktif" in visitor.text
    assert visitor.page.get_by_role("link", name="Lihat tiket").bounding_box()["height"] >= 44
