"""The pages of a draw, as a visitor, a family, a kader, the desk and the health office see them."""

import hashlib
import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from core import outbox
from core.models import ReadLog
from messaging import services as messaging
from portal.views import HOME
from regions.models import Facility, Kecamatan
from scheduling import queries
from scheduling.demo import ensure_demo_schedules
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.draws.demo import ensure_demo_draw
from scheduling.draws.forms import DrawForm
from scheduling.models import Draw, DrawEntry, Place, Schedule
from scheduling.templatetags.undian import announced_draws
from scheduling.views import draws as pages
from scheduling.views.public import SCHEDULES
from scheduling.waiting import waitlist
from stock.demo import ensure_demo_stock
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.lots import by_outcome, enter, hold_draw, let_time_pass, make_draw, slot_of
from tests.scheduling.world import booked, make_adult, make_city, make_slot
from tests.staff import make_staff, sign_in_staff
from victori.management.commands.load_demo import RECAP

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


def test_the_office_sees_how_far_telling_is(office, account):
    draw = make_draw(places=1)
    for _ in range(3):
        enter(draw, make_adult(account))
    hold_draw(draw)
    page = office.get(f"/dinkes/undian/{draw.pk}/").content.decode()
    assert "Nomor sudah diberi tahu: 0 dari 3." in page and 'http-equiv="refresh"' in page
    while outbox.drain():
        pass
    page = office.get(f"/dinkes/undian/{draw.pk}/").content.decode()
    assert "Nomor sudah diberi tahu: 1 dari 3." in page  # two messages wait for their provider
    messaging.drain()
    page = office.get(f"/dinkes/undian/{draw.pk}/").content.decode()
    assert "diberi tahu" not in page and 'http-equiv="refresh"' not in page


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


# --- kader, desk, office --------------------------------------------------------------------------------------------


def kader():
    return sign_in_staff(Client(), make_staff("kader", facility=_facility()))


def _facility():
    return Facility.objects.get(code="pkm-poncol")


def people_form(*citizens, **more):
    form = {"orang-TOTAL_FORMS": str(max(2, len(citizens))), "orang-INITIAL_FORMS": "0", **more}
    for number, citizen in enumerate(citizens):
        form[f"orang-{number}-identitas"] = citizen.nik or citizen.temporary_code
        form[f"orang-{number}-lahir"] = f"{citizen.birth_date:%Y-%m-%d}"
    return form


@pytest.mark.parametrize(("role", "channel"), [("kader", "kader"), ("vaksinator", "desk")])
def test_kader_and_desk_enter_a_person_who_has_no_phone(role, channel):
    draw = make_draw()
    client = sign_in_staff(Client(), make_staff(role, facility=_facility()))
    assert draw.title in client.get("/petugas/undian/").content.decode()
    citizen = make_adult()
    page = client.post(f"/petugas/undian/{draw.pk}/", people_form(citizen)).content.decode()
    entry = draw.entries.get()
    assert (entry.channel, entry.entered_by.memberships.get().role) == (channel, role)
    assert entry.ticket in page and citizen.full_name not in page
    assert ReadLog.objects.filter(citizen_id=citizen.pk, purpose="draw").exists()


def test_a_kader_enters_a_family_as_one_number():
    draw = make_draw()
    pair = make_adult(), make_adult(nik=None, no_nik_reason="lain")
    assert kader().post(f"/petugas/undian/{draw.pk}/", people_form(*pair)).status_code == 200
    assert draw.entries.get().members.count() == 2


def test_unknown_and_wrong_birth_date_look_the_same():
    draw, client, citizen = make_draw(), kader(), make_adult()
    wrong = people_form(citizen) | {"orang-0-lahir": "1990-01-01"}
    unknown = people_form(citizen) | {"orang-0-identitas": "9974011705319999"}
    answers = [client.post(f"/petugas/undian/{draw.pk}/", form) for form in (wrong, unknown)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("Data tidak ditemukan" in answer.content.decode() for answer in answers)
    assert client.post(f"/petugas/undian/{draw.pk}/", people_form()).status_code == 422
    assert not draw.entries.exists()


@pytest.fixture
def office():
    make_slot(days=20, release_at=timezone.now() + timedelta(hours=3))
    return sign_in_staff(Client(), make_staff("admin_dinkes", city=True))


def announce_form(*schedules, **changes):
    start = timezone.localtime() + timedelta(hours=1)
    clock = "%Y-%m-%dT%H:%M"
    return {
        "judul": "Booster lansia",
        "jadwal": [one.pk for one in schedules],
        "buka": f"{start:{clock}}",
        "tutup": f"{start + timedelta(hours=5):{clock}}",
        "sisa": f"{start + timedelta(hours=6):{clock}}",
    } | changes


def test_the_office_announces_watches_and_cancels(office):
    schedule = Schedule.objects.get()
    assert schedule.facility.name in office.get("/dinkes/undian/baru/").content.decode()
    form = announce_form(schedule, usia="60", usia_undi="2", gagal_undi="1", cakupan="50", cakupan_undi="1")
    answer = office.post("/dinkes/undian/baru/", form)
    draw = Draw.objects.get()
    assert answer["Location"] == f"/dinkes/undian/{draw.pk}/"
    assert [rule["kind"] for rule in draw.weights] == ["age", "missed", "coverage"]
    Draw.objects.filter(pk=draw.pk).update(opens_at=timezone.now() - timedelta(minutes=1))
    enter(draw, channel="kader")
    page = office.get(f"/dinkes/undian/{draw.pk}/").content.decode()
    assert "Kader" in page and draw.seed not in page
    report = office.get(f"/dinkes/undian/{draw.pk}/laporan.csv").content.decode()
    assert "Melalui,Kader,1,0" in report
    assert "1 nomor" in office.get(f"/dinkes/undian/{draw.pk}/batal/").content.decode()
    assert office.post(f"/dinkes/undian/{draw.pk}/batal/", {"alasan": ""}).status_code == 422
    assert office.post(f"/dinkes/undian/{draw.pk}/batal/", {"alasan": "vaksin belum tiba"}).status_code == 302
    assert "vaksin belum tiba" in fresh(Client(), f"/undian/{draw.pk}/").content.decode()
    assert "vaksin belum tiba" in office.get(f"/dinkes/undian/{draw.pk}/").content.decode()
    assert draw.title in office.get("/dinkes/undian/").content.decode()


def test_the_favoured_kecamatan_are_those_of_the_coverage_page():
    """Genuk had the lowest booster coverage of the 2023 recap, 26.67 per cent."""
    make_city()
    call_command(
        "import_recap", str(RECAP), programme="covid19", dose="booster1", source="uji", as_of="2023-12-31", verbosity=0
    )
    rule = draw_weights.coverage_rule("covid19", "booster1", Decimal("26.68"), 1)
    assert [Kecamatan.objects.get(code=code).name for code in rule["codes"]] == ["Genuk"]
    assert draw_weights.coverage_rule("covid19", "tidak-ada", Decimal(50), 1)["codes"] == []
    [(who, extra)] = draw_weights.describe([rule])
    assert "Genuk" in who and extra == "+1 undi"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jadwal": []}, "Centang paling sedikit satu jadwal"),
        ({"sisa": "2020-01-01T08:00"}, "30 menit"),
        ({"tutup": "2020-01-01T08:00"}, "harus ditutup setelah dibuka"),
        ({"usia": "60"}, "Isi keduanya"),
        ({"cakupan_undi": "2"}, "Isi keduanya"),
        ({"sisa": "2099-01-01T08:00"}, "sebelum sisa tempat dibuka"),
    ],
)
def test_a_draw_that_cannot_be_is_refused_with_words(office, changes, words):
    answer = office.post("/dinkes/undian/baru/", announce_form(Schedule.objects.get(), **changes))
    assert answer.status_code == 422 and words in answer.content.decode()
    assert not Draw.objects.exists()


def test_a_draw_whose_window_is_over_is_not_cancelled(office):
    draw = make_draw()
    let_time_pass(draw)
    answer = office.post(f"/dinkes/undian/{draw.pk}/batal/", {"alasan": "tidak berkenan"})
    assert answer.status_code == 422 and "tidak dapat dibatalkan" in answer.content.decode()
    assert office.get(f"/dinkes/undian/{draw.pk}/").status_code == 200


def test_lists_cost_the_same_queries_for_two_and_for_many(office, django_assert_max_num_queries):
    for number in range(6):
        make_draw(title=f"Undian {chr(65 + number)}")
    with django_assert_max_num_queries(20):
        office.get("/dinkes/undian/")


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


@pytest.mark.parametrize("typed", ["Undian lansia", " undian  lansia", "lansia"])
def test_a_title_that_says_draw_says_it_once(typed):
    form = DrawForm({"judul": typed}, schedules=Schedule.objects.none())
    form.is_valid()
    assert form.cleaned_data["judul"] == "lansia"
