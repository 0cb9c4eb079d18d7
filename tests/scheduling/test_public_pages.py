from datetime import time, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from regions.models import Kelurahan
from scheduling import queries
from scheduling.publishing import at, close_schedule
from scheduling.services import cancel
from scheduling.views import public
from stock import announcements
from tests.registration.people import make_account, sign_in_citizen
from tests.scheduling.world import booked, make_adult, make_city, make_schedule, make_slot
from tests.stock.shelf import keeper, stocked

pytestmark = pytest.mark.django_db


def fresh():
    """A second has passed."""
    queries.forget()
    public.SCHEDULES.clear()
    public.SCHEDULE.clear()


def text(client, url):
    """The page as text, after a second."""
    fresh()
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_city_says_what_to_do(client):
    assert "Tidak ada jadwal untuk pilihan ini" in text(client, "/jadwal/")


def test_free_schedules_come_first_and_others_say_why_and_when(client):
    closed = make_schedule(facility="pkm-miroto")
    close_schedule(closed.pk, "petugas pelatihan")
    full = make_slot(facility="pkm-halmahera", places=1)
    booked(full)
    release = at(timezone.localdate() + timedelta(days=2), time(15))
    make_schedule(facility="pkm-genuk", days=4, release_at=release)
    make_schedule(facility="pkm-poncol", days=5)

    page = text(client, "/jadwal/")

    order = [page.index(f"Puskesmas {name}<") for name in ("Poncol", "Genuk", "Halmahera", "Miroto")]
    assert order == sorted(order)
    assert "petugas pelatihan" in page and "Pendaftaran dibuka" in page and "pukul 15.00 WIB" in page
    assert "Penuh" in page and "8 tempat" in page


def test_filters_narrow_and_a_wrong_value_is_named_not_a_500(client):
    covid = make_schedule()
    routine = make_schedule(vaccine="PENTA", dose_codes=["penta1"], facility="pkm-genuk", days=2)
    shown = {covid: f"/jadwal/{covid.pk}/", routine: f"/jadwal/{routine.pk}/"}

    for query, wanted in [
        ("program=rutin", routine), ("vaksin=COV_AZ", covid), ("dosis=penta1", routine), ("kecamatan=33.74.01", covid),
        (f"tanggal={routine.date}", routine),
    ]:  # fmt: skip
        page = text(client, f"/jadwal/?{query}")
        assert [link in page for link in shown.values()] == [schedule == wanted for schedule in shown], query
    for odd in (
        "tanggal=abc",
        "kecamatan=%00",
        "halaman=999999999999",
        "halaman=x",
        "dosis='--",
        "program=" + "x" * 3000,
    ):
        assert shown[covid] in text(client, f"/jadwal/?{odd}")
    assert "Ada yang perlu diperbaiki" in text(client, "/jadwal/?tanggal=abc")


def test_nearest_first_for_a_signed_in_family_and_on_request(client):
    make_schedule(facility="pkm-poncol", days=1)
    make_schedule(facility="pkm-genuk", days=2)
    account = make_account()
    make_adult(account, kelurahan=Kelurahan.objects.filter(kecamatan="33.74.05").first())  # Genuk

    public_page = text(client, "/jadwal/")
    assert public_page.index("Puskesmas Poncol<") < public_page.index("Puskesmas Genuk<")
    asked = text(client, "/jadwal/?dekat=33.74.05")
    assert asked.index("Puskesmas Genuk<") < asked.index("Puskesmas Poncol<") and "sekitar" in asked

    sign_in_citizen(client, account)
    mine = text(client, "/jadwal/")
    assert mine.index("Puskesmas Genuk<") < mine.index("Puskesmas Poncol<")


@pytest.mark.usefixtures("kept_fresh")
def test_the_public_page_costs_no_query_and_sets_no_cookie_while_fresh(client, django_assert_num_queries):
    slot = make_slot()
    for url in ("/jadwal/", f"/jadwal/{slot.schedule_id}/"):
        first = client.get(url)
        with django_assert_num_queries(0):
            again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304 and "public" in first.headers["Cache-Control"]
        assert not first.cookies and not again.cookies


def test_a_freed_place_is_on_the_public_page_within_two_seconds(client):
    slot = make_slot(places=1)
    appointment = booked(slot)
    url = f"/jadwal/{slot.schedule_id}/"
    assert "Semua tempat daring sudah terisi" in client.get(url).content.decode()

    cancel(appointment.pk)
    fresh()
    page = client.get(url).content.decode()

    assert public.SCHEDULE.max_age <= 1.0 and queries.MAX_AGE_SECONDS <= 1.0
    assert f"?sesi={slot.pk}" in page


def test_the_number_of_queries_does_not_grow_with_the_number_of_schedules(django_assert_max_num_queries):
    make_city()
    for days in range(1, 15):
        make_schedule(days=days)
    with django_assert_max_num_queries(2):
        assert len(queries.overview()) == 14


def test_after_the_walk_in_hour_the_page_sends_people_to_the_gate(client):
    schedule = make_schedule(days=0, open_time=time(0), close_time=time(23, 59), walk_in_at=timezone.now())
    page = text(client, f"/jadwal/{schedule.pk}/")
    assert "Sisa tempat dilayani langsung di lokasi" in page and "tempat di lokasi" in page


def test_drafts_and_missing_schedules_are_404(client):
    schedule = make_schedule()
    type(schedule).objects.update(state="draft")
    assert client.get(f"/jadwal/{schedule.pk}/").status_code == 404
    assert client.get("/jadwal/999999999999999999999999/").status_code == 404


def test_a_closed_schedule_offers_others(client):
    schedule, other = make_schedule(), make_schedule(days=2)
    close_schedule(schedule.pk, "listrik padam")
    page = text(client, f"/jadwal/{schedule.pk}/")
    assert "listrik padam" in page and f"/jadwal/{other.pk}/" in page
    assert ">Datang langsung<" not in page  # nobody is served there


def test_the_family_page_leads_to_what_this_person_may_have(client):
    citizen = make_adult()
    answer = client.get("/jadwal/", {"warga": str(citizen.public_id)})
    assert answer.status_code == 302 and answer.url == f"/janji/baru/{citizen.public_id}/"
    assert client.get("/jadwal/?warga=abc").status_code == 200


def test_a_day_without_walk_in_share_says_so_instead_of_nought_per_cent(client):
    schedule = make_schedule(walk_in_percent=0, walk_in_at=None)
    page = client.get(f"/jadwal/{schedule.pk}/").content.decode()
    assert "Tidak ada, hanya dengan janji." in page and "0 persen" not in page


def test_a_schedule_that_ended_today_is_no_longer_listed():
    schedule = make_schedule(days=1)
    with time_machine.travel(at(schedule.date, time(8, 59)), tick=False):
        queries.forget()
        assert len(queries.overview()) == 1
    with time_machine.travel(at(schedule.date, time(9)), tick=False):
        queries.forget()
        assert queries.overview() == []


def test_a_day_without_vaccine_says_that_it_waits_for_it_and_when_it_is_expected(client):
    slot = make_slot(days=9, stocked=False)
    url = reverse("scheduling:detail", args=[slot.schedule_id])
    assert "Menunggu kiriman vaksin" in client.get(url).content.decode()
    due = timezone.localdate() + timedelta(days=20)
    announcements.announce(
        facility=slot.schedule.facility, vaccine_code="COV_AZ", doses=5, expected_on=due, actor=keeper()
    )
    public.SCHEDULE.clear()
    page = client.get(url).content.decode()
    assert "Diperkirakan tiba" in page and str(due.year) in page and "0 tempat" not in page
    stocked(5)
    fresh()
    assert "Menunggu kiriman vaksin" not in client.get(url).content.decode()


def test_a_session_without_vaccine_is_not_there_and_not_called_full(client):
    schedule = make_schedule(places_per_slot=4, walk_in_percent=0, stocked=False)
    stocked(3)
    fresh()
    page = client.get(reverse("scheduling:detail", args=[schedule.pk])).content.decode()
    assert "08.00–08.30" in page and "08.30–09.00" not in page and "Penuh" not in page
