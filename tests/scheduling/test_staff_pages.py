import io
import re
from datetime import time, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from python_calamine import CalamineWorkbook

from core import outbox
from core.models import ReadLog
from programmes.models import Vaccine
from regions.models import Facility
from scheduling import errors, reports
from scheduling.models import Displaced, Draw, Place, Schedule, ScheduleTemplate
from scheduling.publishing import at
from stock.services import waste
from tests.scheduling.world import booked, ensure_stock, make_adult, make_city, make_schedule, make_slot
from tests.staff import make_staff, sign_in_staff
from tests.stock.shelf import keeper, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    make_city()
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


@pytest.fixture
def nurse(client):
    make_city()
    return sign_in_staff(client, make_staff("petugas", facility=Facility.objects.get(code="pkm-poncol")))


PATTERN = {
    "name": "Pagi Poncol",
    "vaccine": "COV_AZ",
    "weekdays": ["0", "2", "4"],
    "open_time": "08:00",
    "close_time": "10:00",
    "slot_minutes": "30",
    "places_per_slot": "5",
    "walk_in_percent": "20",
    "walk_in_hour": "",
    "release_days_before": "1",
    "release_time": "",
    "release_mode": "first",
    "draw_hours_before": "2",
    "is_active": "on",
    "dose_codes": "booster1",
}


def test_an_admin_writes_a_pattern_looks_at_the_days_and_publishes_them(admin):
    poncol = Facility.objects.get(code="pkm-poncol")
    wrong = admin.post(
        reverse("schedules:new_template"),
        PATTERN | {"facility": poncol.pk, "dose_codes": "booster9", "close_time": "07:00"},
    )
    assert wrong.status_code == 422
    assert "Tidak dikenal untuk vaksin ini: booster9" in wrong.content.decode()
    assert "Jam tutup harus setelah jam buka" in wrong.content.decode()

    saved = admin.post(reverse("schedules:new_template"), PATTERN | {"facility": poncol.pk})
    template = ScheduleTemplate.objects.get()
    assert saved.url == reverse("schedules:publish", args=[template.pk]) and template.programme_id == "covid19"
    preview = admin.get(saved.url).content.decode()
    assert "Terbitkan 6 jadwal" in preview and Schedule.objects.count() == 0
    monday = timezone.localdate() + timedelta(days=7 - timezone.localdate().weekday())
    fields = {"dari": monday, "sampai": monday + timedelta(days=6)}
    for _ in range(2):  # double click
        assert admin.post(saved.url, fields).status_code == 302
    assert Schedule.objects.count() == 3 and Schedule.objects.first().dose_codes == ["booster1"]
    listing = admin.get(reverse("schedules:dinkes_list")).content.decode()
    assert "Puskesmas Poncol" in listing and "3 jadwal" in listing


DRAWN = {
    "release_mode": "draw",
    "release_time": "15:00",
    "release_days_before": "1",
    "draw_hours_before": "3",
    "dose_codes": "primary1",
}


def test_the_form_of_a_pattern_speaks_indonesian(admin):
    page = admin.get("/dinkes/jadwal/pola/baru/").content.decode()
    assert "Pilih fasilitas" in page and "Pilih vaksin" in page and "-----" not in page
    refused = admin.post("/dinkes/jadwal/pola/baru/", {}).content.decode()
    assert "Fasilitas: " in refused and "Vaksin: " in refused
    assert "Facility" not in page + refused and "Vaccine" not in page + refused


def test_a_pattern_by_draw_publishes_each_day_with_a_draw_of_its_own(admin):
    poncol = Facility.objects.get(code="pkm-poncol")
    ensure_stock(poncol, Vaccine.objects.get(code="COV_AZ"))
    saved = admin.post(reverse("schedules:new_template"), PATTERN | DRAWN | {"facility": poncol.pk})
    assert "Diundi" in admin.get(reverse("schedules:templates")).content.decode()
    monday = timezone.localdate() + timedelta(days=14 - timezone.localdate().weekday())
    fields = {"dari": monday, "sampai": monday + timedelta(days=6)}
    assert "undian sampai" in admin.get(saved.url, fields).content.decode()
    for _ in range(2):  # double click
        assert admin.post(saved.url, fields).status_code == 302
    assert Schedule.objects.count() == Draw.objects.count() == 3
    for schedule in Schedule.objects.select_related("draw"):
        draw = schedule.draw
        assert draw.phase(timezone.now()) == "open" and draw.rest_at == schedule.release_at
        assert draw.closes_at == schedule.release_at - timedelta(hours=3)
        pools = Place.objects.filter(slot__schedule=schedule).values_list("pool", flat=True)
        assert set(pools) == {"draw", "walk_in"}
        with pytest.raises(errors.ToBeDrawn):
            booked(schedule.slots.first(), make_adult())


def test_a_day_whose_draw_could_not_be_held_any_more_is_not_published(admin):
    poncol = Facility.objects.get(code="pkm-poncol")
    every_day = {"weekdays": [str(day) for day in range(7)]}
    saved = admin.post(reverse("schedules:new_template"), PATTERN | DRAWN | every_day | {"facility": poncol.pk})
    tomorrow = timezone.localdate() + timedelta(days=1)
    with time_machine.travel(at(timezone.localdate(), time(13)), tick=True):
        sign_in_staff(admin, make_staff("admin_dinkes", city=True))  # a shift that began after midnight is over by now
        fields = {"dari": tomorrow, "sampai": tomorrow + timedelta(days=1)}
        assert "waktu undian sudah lewat" in admin.get(saved.url, fields).content.decode()
        done = admin.post(saved.url, fields, follow=True).content.decode()
    assert "1 jadwal terbit, 1 dilewati (waktu undian sudah lewat)" in done
    assert [one.date for one in Schedule.objects.all()] == [tomorrow + timedelta(days=1)]


@pytest.mark.parametrize("changes", [{"release_time": None}, {"release_time": time(9), "release_days_before": 0}])
def test_a_pattern_by_draw_without_an_hour_before_the_day_opens_nothing_to_the_quickest(admin, changes):
    """The form asks for the hour; a pattern may also come from the superuser's pages."""
    poncol = Facility.objects.get(code="pkm-poncol")
    saved = admin.post(reverse("schedules:new_template"), PATTERN | DRAWN | {"facility": poncol.pk})
    ScheduleTemplate.objects.update(**changes)
    monday = timezone.localdate() + timedelta(days=14 - timezone.localdate().weekday())
    done = admin.post(saved.url, {"dari": monday, "sampai": monday}, follow=True).content.decode()
    assert "0 jadwal terbit, 1 dilewati (sisa tempat undian tidak dibuka sebelum pelayanan)" in done
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"release_time": ""}, "Isi jam sisa tempat dibuka"),
        ({"release_days_before": "0"}, "sebelum pelayanan dimulai"),
        ({"draw_hours_before": "0"}, "paling sedikit 1 jam"),
    ],
)
def test_a_pattern_by_draw_needs_an_hour_for_it(admin, changes, words):
    facility = Facility.objects.get(code="pkm-poncol").pk
    answer = admin.post(reverse("schedules:new_template"), PATTERN | DRAWN | {"facility": facility} | changes)
    assert answer.status_code == 422 and words in answer.content.decode()
    assert not ScheduleTemplate.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"dari": "x"},
        {"dari": "2030-02-01", "sampai": "2030-01-01"},
        {"dari": "2030-01-01", "sampai": "2040-01-01"},
        {"dari": "2001-01-01", "sampai": "2001-01-02"},
    ],
)
def test_a_bad_range_is_explained_and_publishes_nothing(admin, changes):
    poncol = Facility.objects.get(code="pkm-poncol")
    admin.post(reverse("schedules:new_template"), PATTERN | {"facility": poncol.pk})
    url = reverse("schedules:publish", args=[ScheduleTemplate.objects.get().pk])
    answer = admin.post(url, {"dari": "2030-01-01", "sampai": "2030-01-02"} | changes)
    assert answer.status_code == 422 and Schedule.objects.count() == 0


def test_closing_asks_for_a_reason_shows_progress_and_can_be_undone(admin):
    slot = make_slot()
    booked(slot)
    url = reverse("schedules:close", args=[slot.schedule_id])
    assert "1 warga terdaftar" in admin.get(url).content.decode()
    assert admin.post(url, {"alasan": " "}).status_code == 422

    done = admin.post(url, {"alasan": "listrik padam"})
    page = admin.get(done.url).content.decode()
    assert "listrik padam" in page and "0 / 1" in page and 'http-equiv="refresh"' in page

    assert admin.post(reverse("schedules:reopen", args=[slot.schedule_id])).status_code == 302
    assert Schedule.objects.get().state == "open"


def test_the_office_gets_the_list_without_names(admin):
    slot = make_slot()
    appointment = booked(slot, make_adult(full_name="Ani Uji"))
    text = admin.get(reverse("schedules:dinkes_download", args=[slot.schedule_id, "csv"])).content.decode()
    assert appointment.code in text and "Ani Uji" not in text
    assert not ReadLog.objects.exists()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_facility_gets_names_and_each_is_logged(nurse, kind):
    slot = make_slot()
    appointment = booked(slot, make_adult(full_name="Ani Uji"))
    body = nurse.get(reverse("schedules:petugas_download", args=[slot.schedule_id, kind])).content
    if kind == "csv":
        assert "Ani Uji" in body.decode("utf-8-sig")
    else:
        rows = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
        assert rows[1][2] == "Ani Uji" and rows[1][1] == appointment.code
    assert list(ReadLog.objects.values_list("citizen_id", "purpose")) == [(appointment.citizen_id, "day_list")]


def test_who_does_not_serve_people_gets_no_names(client):
    slot = make_slot()
    booked(slot, make_adult(full_name="Ani Uji"))
    keeper = make_staff("pengelola_stok", facility=Facility.objects.get(code="pkm-poncol"))
    url = reverse("schedules:petugas_download", args=[slot.schedule_id, "csv"])
    assert "Ani Uji" not in sign_in_staff(client, keeper).get(url).content.decode()


def test_a_facility_sees_only_its_own_schedules_and_manages_none(nurse):
    own, foreign = make_schedule(), make_schedule(facility="pkm-genuk")
    listing = nurse.get(reverse("schedules:petugas_list")).content.decode()
    assert f"/petugas/jadwal/{own.pk}/" in listing and f"/petugas/jadwal/{foreign.pk}/" not in listing
    assert nurse.get(reverse("schedules:petugas_detail", args=[own.pk])).status_code == 200
    assert nurse.get(reverse("schedules:petugas_detail", args=[foreign.pk])).status_code == 404
    assert nurse.get(reverse("schedules:petugas_download", args=[foreign.pk, "csv"])).status_code == 404
    assert nurse.get(reverse("schedules:dinkes_list")).status_code == 403
    assert nurse.post(reverse("schedules:close", args=[own.pk]), {"alasan": "x"}).status_code == 403
    assert Schedule.objects.filter(state="closed").count() == 0


def test_a_viewer_may_look_but_not_close(client):
    make_city()
    viewer = sign_in_staff(client, make_staff("pemantau_dinkes", city=True))
    schedule = make_schedule()
    page = viewer.get(reverse("schedules:dinkes_detail", args=[schedule.pk])).content.decode()
    assert "Tutup jadwal" not in page
    assert viewer.post(reverse("schedules:close", args=[schedule.pk]), {"alasan": "x"}).status_code == 403


def test_the_sessions_stand_in_the_order_of_the_day_and_doses_have_names(admin):
    schedule = make_schedule(close_time=time(14), dose_codes=("primary1", "booster1"))
    starts = [row.starts_at for row in reports.sessions(schedule)]
    assert len(starts) == 12
    assert starts == sorted(starts)
    page = admin.get(reverse("schedules:dinkes_detail", args=[schedule.pk])).content.decode()
    assert "Dosis 1, Booster 1" in page
    assert "primary1" not in page


@pytest.mark.parametrize(
    "query",
    ["tanggal=abc", "fasilitas=x", "fasilitas=99999999999999999999", "keadaan=%00", "page=x", "page=9999999999999"],
)
def test_odd_filters_show_the_list(admin, query):
    make_schedule()
    assert admin.get(f"{reverse('schedules:dinkes_list')}?{query}").status_code == 200


def test_the_list_needs_as_many_queries_for_twenty_as_for_two(admin, django_assert_max_num_queries):
    for days in range(1, 21):
        make_schedule(days=days)
    with django_assert_max_num_queries(12):
        assert admin.get(reverse("schedules:dinkes_list")).status_code == 200


def test_a_schedule_without_enough_stock_says_why_and_where_to_announce(admin, client):
    slot = make_slot(places=10, stocked=False)
    lot = stocked(6)
    people = [booked(slot) for _ in range(4)]
    url = reverse("schedules:dinkes_detail", args=[slot.schedule_id])
    page = admin.get(url).content.decode()
    assert "4 tempat menunggu stok" in page and "6 dosis di gudang, untuk 10 tempat" in page
    assert reverse("stock:announced_city") in page and "Kekurangan" not in page
    assert "4 menunggu stok" in admin.get(reverse("schedules:dinkes_list")).content.decode()

    waste(facility_id=slot.schedule.facility_id, lot_id=lot.pk, doses=5, reason="Pecah", actor=keeper())
    page = admin.get(url).content.decode()
    assert "Kekurangan 3 dosis" in page
    assert people[3].code in page and people[0].code not in page  # who booked last lacks it first
    assert "Vaksin kurang" in admin.get(reverse("schedules:dinkes_list")).content.decode()
    viewer = sign_in_staff(client, make_staff("pemantau_dinkes", city=True))
    assert reverse("stock:announced_city") not in viewer.get(url).content.decode()


def test_shrinking_shows_the_consequence_first_then_happens_once(admin):
    slot, near = make_slot(places=6), make_slot(places=9, days=2)
    for _ in range(5):
        booked(slot)
    url = reverse("schedules:shrink", args=[slot.schedule_id])
    assert "sekarang 6 tempat" in admin.get(url).content.decode()
    wrong = admin.get(url, {"alasan": "x", "tempat": "3", "persen": "50"})
    assert wrong.status_code == 422 and "salah satu saja" in wrong.content.decode()
    fields = {"alasan": "tenaga kurang", "persen": "50", "sesi": [slot.pk]}
    page = admin.get(url, fields).content.decode()
    assert "3 warga tetap, 2 warga dipindahkan" in page and "(9)" in page and not Displaced.objects.exists()
    kept = re.search(r'name="sisa" value="([^"]+)"', page)[1]
    for _ in range(2):  # double click: a half of the half is not what was asked for
        assert admin.post(url, {"alasan": "tenaga kurang", "sisa": kept}).status_code == 302
    while outbox.drain():
        pass
    assert Displaced.objects.count() == 2

    detail = admin.get(reverse("schedules:dinkes_detail", args=[slot.schedule_id])).content.decode()
    assert "Ditawari, belum menjawab: 2" in detail and "Kembalikan tempat yang dikurangi" in detail
    report = admin.get(reverse("schedules:displaced", args=[slot.schedule_id])).content.decode()
    assert report.count("Ditawari, belum menjawab") == 3  # two rows and their sum
    rows = admin.get(reverse("schedules:displaced_csv", args=[slot.schedule_id])).content.decode("utf-8-sig")
    assert rows.splitlines()[0].startswith("Sesi semula,Kode tiket,Hasil") and rows.count("Puskesmas Poncol") == 2
    assert Place.objects.filter(slot=near, state="held").count() == 2

    admin.post(reverse("schedules:reopen", args=[slot.schedule_id]))
    assert not Place.objects.filter(slot=slot, pool="closed").exists()


@pytest.mark.parametrize("query", ["alasan=x&tempat=-1", "alasan=x&sesi=abc&tempat=1", "alasan=&tempat=1", "alasan=x"])
def test_odd_wishes_to_shrink_are_explained(admin, query):
    slot = make_slot()
    assert admin.get(reverse("schedules:shrink", args=[slot.schedule_id]) + "?" + query).status_code == 422
