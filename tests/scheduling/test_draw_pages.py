"""The pages of a draw, as a visitor, a family, a kader, the desk and the health office see them."""

import hashlib
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from core import outbox
from portal.views import HOME
from scheduling import queries
from scheduling.demo import ensure_demo_schedules
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.draws.demo import ensure_demo_draw
from scheduling.models import Draw, DrawEntry, Place
from scheduling.templatetags.undian import announced_draws
from scheduling.views import draws as pages
from scheduling.views.public import SCHEDULES
from scheduling.waiting import waitlist
from stock.demo import ensure_demo_stock
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.lots import by_outcome, enter, hold_draw, let_time_pass, make_draw, slot_of
from tests.scheduling.world import booked, make_adult, make_city, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept():
    for snapshot in (pages.DRAWS, pages.DRAW, pages.PARTICIPANTS, pages.RESULT):
        snapshot.clear()


def fresh(client, address):
    _clear()
    return client.get(address)


def _clear():
    queries.forget()
    for snapshot in (pages.DRAWS, pages.DRAW, pages.PARTICIPANTS, pages.RESULT):
        snapshot.clear()


def two_days(**options):
    release = timezone.now() + timedelta(hours=3)
    return make_draw(*(make_slot(places=2, days=days, release_at=release).schedule for days in (3, 4)), **options)


# --- in public ------------------------------------------------------------------------------------------------------


def test_the_public_page_tells_before_what_it_proves_afterwards(client):
    draw = make_draw(places=2, weights=[draw_weights.age_rule(60, 2)])
    for _ in range(3):
        enter(draw)
    page = fresh(client, f"/undian/{draw.pk}/")
    text = page.content.decode()
    assert not page.cookies
    assert draw.seed_hash in text and draw.seed not in text
    assert "Berusia 60 tahun atau lebih" in text and "+2 undi" in text
    assert "3 nomor" in text and "Ikut undian" in text
    for name in ("peserta.csv", "hasil.csv"):
        assert client.get(f"/undian/{draw.pk}/{name}").status_code == 404
    let_time_pass(draw)
    text = fresh(client, f"/undian/{draw.pk}/").content.decode()
    assert draw.list_hash in text and draw.seed not in text
    assert client.get(f"/undian/{draw.pk}/hasil.csv").status_code == 404
    hold_draw(draw)
    text = fresh(client, f"/undian/{draw.pk}/").content.decode()
    assert draw.seed in text and "2 dari 3 nomor mendapat tempat" in text
    for entry in draw.entries.all():
        assert entry.ticket in text
        assert not any(member.citizen.full_name in text for member in entry.members.all())


def test_sha256sum_of_the_download_is_the_published_hash(client):
    draw = make_draw()
    for _ in range(3):
        enter(draw)
    let_time_pass(draw)
    body = client.get(f"/undian/{draw.pk}/peserta.csv").content
    assert hashlib.sha256(body).hexdigest() == draw.list_hash
    assert body.decode().splitlines()[0] == "nomor_undian,undi,orang,pilihan"
    assert len(body.splitlines()) == 4


def test_a_number_can_be_looked_up_in_the_result(client):
    draw = make_draw(places=1)
    for _ in range(3):
        enter(draw)
    hold_draw(draw)
    first, *others = [entry.ticket for entry in draw.entries.order_by("rank")]
    shown = fresh(client, f"/undian/{draw.pk}/?nomor={first[:4].lower()}-{first[4:].lower()}").content.decode()
    assert first in shown and not any(number in shown for number in others)
    assert "tidak ada dalam undian ini" in fresh(client, f"/undian/{draw.pk}/?nomor=XXXX").content.decode()


def test_the_list_and_the_schedules_lead_to_the_draw(client):
    draw = make_draw()
    assert f'href="/undian/{draw.pk}/"' in fresh(client, "/undian/").content.decode()
    schedule = draw.schedules.get()
    assert "Diundi" in fresh(client, "/jadwal/").content.decode()
    page = fresh(client, f"/jadwal/{schedule.pk}/").content.decode()
    assert "Lihat undian" in page and "Pesan" not in re.sub("Pesanan", "", page.split("<main")[1].split("</main")[0])
    assert client.get("/en/undian/").status_code == 200
    assert client.get("/undian/0/").status_code == 404


@pytest.mark.usefixtures("kept_fresh")
def test_a_fresh_page_costs_no_query(client, django_assert_num_queries):
    draw = make_draw()
    fresh(client, f"/undian/{draw.pk}/")
    with django_assert_num_queries(0):
        assert client.get(f"/undian/{draw.pk}/").status_code == 200


# --- the family -----------------------------------------------------------------------------------------------------


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def home(account):
    return sign_in_citizen(Client(), account)


def test_a_family_ticks_who_takes_part_and_sees_its_numbers(home, account):
    draw = two_days(weights=[draw_weights.age_rule(60, 2)])
    first, second = make_adult(account, full_name="Ibu Sri"), make_adult(account, full_name="Pak Joko")
    born = timezone.localdate() - timedelta(days=60)
    baby = make_citizen(account, birth_date=born, full_name="Adik Kecil", guardian=first)
    page = home.get(f"/janji/undian/{draw.pk}/").content.decode()
    assert str(first.public_id) in page and str(baby.public_id) not in page and "Adik Kecil" in page
    wish = draw.schedules.order_by("date").values_list("pk", flat=True)
    key = str(uuid.uuid4())
    form = {"warga": [first.public_id, second.public_id], "pilihan1": wish[1], "pilihan2": wish[0], "kunci": key}
    for _ in range(2):  # the button pressed twice
        assert home.post(f"/janji/undian/{draw.pk}/", form).status_code in (302, 422)
    entries = list(draw.entries.all())
    assert len(entries) == 2 and all(entry.wishes == [wish[1], wish[0]] for entry in entries)
    page = home.get(f"/janji/undian/{draw.pk}/?baru=1").content.decode()
    assert all(entry.ticket in page for entry in entries)
    assert "3 undi" in page and "usia" in page
    assert entries[0].ticket in home.get("/janji/").content.decode()


def test_one_number_for_all_of_them(home, account):
    draw = make_draw(places=3)
    people = [make_adult(account) for _ in range(2)]
    form = {"warga": [one.public_id for one in people], "bersama": "on"}
    assert home.post(f"/janji/undian/{draw.pk}/", form).status_code == 302
    assert draw.entries.get().members.count() == 2


def test_withdrawing_is_one_button_and_only_for_ones_own(home, account):
    draw = make_draw()
    mine, other = enter(draw, make_adult(account)), enter(draw)
    assert "Batal ikut" in home.get(f"/janji/undian/{draw.pk}/").content.decode()
    assert home.post(f"/janji/undian/{draw.pk}/mundur/", {"nomor": other.ticket}).status_code == 404
    gone = home.post(f"/janji/undian/{draw.pk}/mundur/", {"nomor": mine.ticket}, follow=True)
    assert "Anda tidak ikut undian lagi dengan nomor itu" in gone.content.decode()
    assert set(by_outcome(draw)) == {"withdrawn", "waiting"}


def test_each_state_is_told_kindly(home, account):
    draw = make_draw(places=1)
    mine = [enter(draw, make_adult(account)) for _ in range(2)]
    hold_draw(draw)
    page = home.get("/janji/").content.decode()
    assert "Dapat tempat" in page and "Belum dapat tempat" in page
    assert len(mine) == 2
    closed = home.get(f"/janji/undian/{draw.pk}/")
    assert closed.status_code == 200 and "Batal ikut" not in closed.content.decode()
    late = home.post(f"/janji/undian/{draw.pk}/", {"warga": [make_adult(account).public_id]})
    assert late.status_code == 409 and "sudah ditutup" in late.content.decode()


def test_who_lost_is_told_what_is_true_of_them_now(home, account):
    """Somebody who waited before keeps that wait: the draw's rank is not theirs, and the card must not say so."""
    draw = make_draw(places=1)
    new, before = make_adult(account, full_name="Baru Menunggu"), make_adult(account, full_name="Lama Menunggu")
    day = timezone.localdate() + timedelta(days=5)
    earlier = waitlist.join(citizens=[before], programme="covid19", first=timezone.localdate(), last=day)
    enter(draw, new), enter(draw, before)
    draw.schedules.update(state="closed")  # then nobody wins
    hold_draw(draw)

    def cards():
        page = home.get(f"/janji/undian/{draw.pk}/").content.decode()
        found = re.findall(r'<li class="card.*?</li>', page, re.S)
        return {name: next(card for card in found if name in card) for name in ("Baru Menunggu", "Lama Menunggu")}

    assert all("sedang dimasukkan ke daftar tunggu" in card for card in cards().values())
    while outbox.drain():
        pass
    shown = cards()
    assert "menunggu di daftar tunggu menurut urutan itu" in shown["Baru Menunggu"]
    assert "yang sudah Anda punya tetap berlaku" in shown["Lama Menunggu"]
    assert "Urutan undian" not in shown["Lama Menunggu"]
    waitlist.leave(earlier.pk)
    card = cards()["Lama Menunggu"]
    assert "tidak sedang menunggu" in card and "/janji/tunggu/baru/?program=covid19" in card


def test_a_page_without_ticks_says_what_to_do(home, account):
    draw = make_draw()
    make_adult(account), make_adult(account)
    answer = home.post(f"/janji/undian/{draw.pk}/", {})
    assert answer.status_code == 422 and "Centang paling sedikit satu orang" in answer.content.decode()
    assert not draw.entries.exists()


def test_a_booking_of_a_drawn_schedule_is_shown_the_way(home, account):
    draw = make_draw()
    slot, citizen = slot_of(draw), make_adult(account)
    page = home.get(f"/janji/baru/{citizen.public_id}/jadwal/{slot.schedule_id}/").content.decode()
    assert f'href="/janji/undian/{draw.pk}/"' in page
    answer = home.post(f"/janji/baru/{citizen.public_id}/jadwal/{slot.schedule_id}/", {"sesi": slot.pk})
    assert answer.status_code == 409 and "undian" in answer.content.decode()
    assert not citizen.appointments.exists()


def test_a_trial_has_a_draw_to_look_at(client):
    make_city()
    ensure_demo_stock()
    ensure_demo_schedules(timezone.localdate())
    assert (ensure_demo_draw(), ensure_demo_draw()) == (1, 0)
    draw = Draw.objects.get()
    assert Place.objects.filter(slot__schedule__draw=draw, pool="draw").count() > 20
    assert draw.title in fresh(client, "/undian/").content.decode()


def test_who_is_booked_is_told_so_instead_of_a_tick(home, account):
    draw = make_draw()
    citizen = make_adult(account, full_name="Ibu Sudah")
    booked(make_slot(days=9), citizen=citizen)
    page = home.get(f"/janji/undian/{draw.pk}/").content.decode()
    assert "sudah punya janji" in page and f'value="{citizen.public_id}"' not in page
    with pytest.raises(draws.errors.AlreadyBooked):
        enter(draw, citizen)
    assert not DrawEntry.objects.exists()


def test_an_open_draw_is_announced_wherever_people_look_for_a_place(home, account):
    """On the home page, the list of schedules, and while one person or a family chooses a day; not once it is over."""
    draw = make_draw(places=4)
    people = [make_adult(account) for _ in range(2)]
    family = "&".join(f"warga={one.public_id}" for one in people)
    pages_of_draw = (
        "/", "/jadwal/", f"/janji/baru/{people[0].public_id}/program/covid19/",
        f"/janji/baru/keluarga/program/covid19/?{family}",
    )  # fmt: skip

    def announced(address):
        _clear()
        HOME.clear()
        SCHEDULES.clear()
        return f'href="/undian/{draw.pk}/"' in home.get(address).content.decode()

    assert [announced(address) for address in pages_of_draw] == [True] * 4
    assert (
        f'href="/janji/undian/{draw.pk}/"'
        in home.get(f"/janji/baru/keluarga/jadwal/{slot_of(draw).schedule_id}/?{family}").content.decode()
    )
    Draw.objects.filter(pk=draw.pk).update(opens_at=timezone.now() + timedelta(minutes=30))
    assert announced("/jadwal/")
    let_time_pass(draw, frozen=False)
    assert [announced(address) for address in pages_of_draw] == [False] * 4


@pytest.mark.usefixtures("kept_fresh")
def test_what_a_page_announces_costs_no_query_of_its_own(client, django_assert_num_queries):
    make_draw()
    fresh(client, "/jadwal/")
    with django_assert_num_queries(0):
        assert len(announced_draws()["draws"]) == 1
