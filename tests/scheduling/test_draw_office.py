"""A draw behind the counter: a kader and the desk enter people, the health office announces and watches."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from core import outbox
from core.models import ReadLog
from messaging import services as messaging
from regions.models import Facility, Kecamatan
from scheduling.draws import weights as draw_weights
from scheduling.models import Draw, Schedule
from scheduling.views import draws as pages
from tests.registration.people import make_account
from tests.scheduling.lots import announce_form, enter, hold_draw, let_time_pass, make_draw, people_form
from tests.scheduling.world import make_adult, make_city, make_slot
from tests.staff import make_staff, sign_in_staff
from victori.management.commands.load_demo import RECAP

pytestmark = pytest.mark.django_db


def kader():
    return sign_in_staff(Client(), make_staff("kader", facility=_facility()))


def _facility():
    return Facility.objects.get(code="pkm-poncol")


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
    pages.DRAW.clear()
    assert "vaksin belum tiba" in Client().get(f"/undian/{draw.pk}/").content.decode()
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


def test_the_office_sees_how_far_telling_is(office):
    draw, account = make_draw(places=1), make_account()
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


@pytest.mark.parametrize("typed", ["Undian lansia", " undian  lansia", "lansia"])
def test_a_title_that_says_draw_says_it_once(office, typed):
    schedule = Schedule.objects.get()
    answer = office.post("/dinkes/undian/baru/", announce_form(schedule, judul=typed))
    assert answer.status_code == 302
    assert Draw.objects.get().title == "lansia"
