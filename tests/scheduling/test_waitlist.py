"""The waiting list: join, leave, merge, and what a person is told about their place in it."""

import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from core import audit
from regions.models import Facility
from registration.models import Citizen
from scheduling import errors, queries, sweeps
from scheduling.models import Offer, Place, WaitlistEntry, WaitlistMember
from scheduling.services import cancel
from scheduling.waiting import offers, waitlist
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.test_offers import full_slot, offer_of, wait
from tests.scheduling.world import booked, make_adult, make_slot
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_day")]


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def phone(client, account):
    return sign_in_citizen(client, account)


def test_the_same_form_sent_twice_is_one_entry_and_another_form_is_told():
    citizen, key = make_adult(), uuid.uuid4()
    entry = wait(citizen, client_uuid=key)
    assert wait(citizen, client_uuid=key) == entry
    with pytest.raises(errors.AlreadyWaiting) as refused:
        wait(make_adult(), citizen)
    assert (refused.value.entry, refused.value.citizen) == (entry, citizen)
    with pytest.raises(errors.KeyBelongsToAnother):
        wait(make_adult(), client_uuid=key)
    assert WaitlistEntry.objects.count() == 1


def test_who_has_an_appointment_does_not_wait_for_one():
    citizen = make_adult()
    made = booked(make_slot(), citizen)
    with pytest.raises(errors.AlreadyBooked) as refused:
        wait(citizen)
    assert refused.value.appointment == made


def test_who_left_may_join_again():
    citizen = make_adult()
    waitlist.leave(wait(citizen).pk)
    assert wait(citizen).state == "waiting"


def test_the_position_counts_those_who_seek_the_same():
    here, there = Facility.objects.get(code="pkm-poncol"), Facility.objects.exclude(kecamatan__name="").last()
    assert here.kecamatan_id != there.kecamatan_id
    wait(facility=here)
    wait(facility=there)
    wait(programme="rutin")
    wait(days=3, kecamatan=here.kecamatan)
    mine = wait(facility=here)
    wait()
    first = wait(facility=here, source="closed")
    assert waitlist.standing(mine).position == 4  # here, its kecamatan, and whose day was closed; not there
    assert waitlist.standing(first).position == 1


def test_every_reason_for_silence_has_its_sentence_and_a_date():
    entry = wait()

    def now_told():
        queries.forget()
        return waitlist.standing(entry)

    assert (now_told().code, now_told().news_on) == ("nothing_on", entry.last_date)
    release = timezone.now() + timedelta(hours=3)
    slot = make_slot(places=1, release_at=release, days=2)
    assert now_told().code == "later" and now_told().news_at == release
    with time_machine.travel(release + timedelta(minutes=1), tick=False):
        booked(slot)
        assert now_told().code == "full" and "penuh" in now_told().text
    make_slot(vaccine="COV_PFIZER", days=3, places=1)
    child = make_citizen(birth_date=timezone.localdate() - timedelta(days=400), full_name="Bayu Uji")
    entry = wait(child)
    assert now_told().code == "not_eligible" and "Bayu Uji" in now_told().text
    entry = wait(make_adult(), make_adult())
    make_slot(days=4, places=1)
    assert now_told().code == "apart"
    sweeps.tidy()
    entry = wait()
    make_slot(days=5, places=1)
    offers.forget()
    sweeps.tidy()
    assert now_told().code in ("offered", "full")


def test_merging_two_records_moves_the_wait_and_never_doubles_it():
    kept, merged, other = make_adult(), make_adult(), make_adult()
    moved = wait(merged, programme="rutin")
    first, double = wait(kept), wait(merged, other)
    waitlist.move_entries(kept, merged)
    double.refresh_from_db()
    assert moved.members.get().citizen == kept and first.state == "waiting"
    assert [one.citizen for one in double.members.filter(is_active=True)] == [other]
    assert not WaitlistMember.objects.filter(citizen=merged).exists()
    assert WaitlistMember.objects.filter(citizen=kept, programme="covid19", is_active=True).count() == 1


def test_a_family_joins_from_a_full_day_sees_its_position_and_leaves(phone, account):
    slot, _taken = full_slot()
    parent = make_adult(account, full_name="Suparti Uji")
    other = make_adult(account, full_name="Wati Uji", relation="pasangan")
    detail = phone.get(f"/jadwal/{slot.schedule_id}/").content.decode()
    link = f"/janji/tunggu/baru/?jadwal={slot.schedule_id}"
    assert link in detail

    page = phone.get(link).content.decode()
    assert "Suparti Uji" in page and "Puskesmas Poncol" in page
    form = {
        "warga": [parent.public_id, other.public_id], "program": "covid19", "tempat": "f:pkm-poncol", "vaksin": "",
        "dari": timezone.localdate(), "sampai": timezone.localdate() + timedelta(days=9), "kunci": uuid.uuid4(),
    }  # fmt: skip
    assert [phone.post(link, form).status_code for _ in range(2)] == [302, 302]
    entry = WaitlistEntry.objects.get()
    assert {member.citizen for member in entry.members.all()} == {parent, other}
    page = phone.get("/janji/").content.decode()
    assert "Urutan ke-1" in page and "penuh" in page and "Suparti Uji, Wati Uji" in page
    again = phone.post(link, form | {"kunci": uuid.uuid4()})
    assert again.status_code == 409 and "sudah ada di daftar tunggu" in again.content.decode()
    left = phone.post(f"/janji/tunggu/{entry.public_id}/keluar/", follow=True).content.decode()
    assert "Anda sudah keluar dari daftar tunggu" in left
    entry.refresh_from_db()
    assert entry.state == "left" and "Urutan ke" not in phone.get("/janji/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("warga", [], "Pilih sedikitnya satu orang."),
        ("warga", [uuid.UUID(int=5)], "warga"),
        ("sampai", "2020-01-01", "sama atau sesudah"),
        ("sampai", "2999-01-01", "60 hari"),
        ("tempat", "f:nowhere", "tempat"),
        ("dari", "kemarin", "dari"),
    ],
)
def test_a_form_with_a_mistake_says_which(phone, account, field, value, said):
    citizen = make_adult(account)
    form = {
        "warga": [citizen.public_id], "program": "covid19", "tempat": "kota", "vaksin": "",
        "dari": timezone.localdate(), "sampai": timezone.localdate() + timedelta(days=9),
    }  # fmt: skip
    answer = phone.post("/janji/tunggu/baru/", form | {field: value})
    assert answer.status_code == 422 and said in answer.content.decode()
    assert not WaitlistEntry.objects.exists()


def test_one_tap_accepts_and_repeating_it_shows_the_same_ticket(phone, account):
    slot, [taken] = full_slot()
    citizen = make_adult(account)
    wait(citizen)
    cancel(taken.pk)
    sweeps.tidy()
    offer = Offer.objects.get()
    page = phone.get("/janji/").content.decode()
    assert f"/janji/tawaran/{offer.public_id}/" in page
    link = f"/janji/tawaran/{offer.public_id}/"
    page = phone.get(link).content.decode()
    assert (
        "Terima tempat ini" in page
        and "data-hold-seconds" in page
        and f"{timezone.localtime(offer.expires_at):%H.%M} WIB" in page
    )
    answers = {phone.post(link, {"aksi": "terima"}).url for _ in range(3)}
    made = citizen.appointments.get()
    assert answers == {f"/janji/{made.public_id}/?baru=1"} and made.slot == slot
    assert "sudah Anda terima" in phone.get(link).content.decode()


def test_accepting_to_move_lands_on_the_page_that_moves(phone, account):
    wait(make_adult(account))
    make_slot(places=1)
    sweeps.tidy()
    answer = phone.post(f"/janji/tawaran/{Offer.objects.get().public_id}/", {"aksi": "pindah"})
    assert answer.url.endswith("/pindah/")


def test_a_family_accepts_in_one_tap_and_sees_all_its_tickets(phone, account):
    people = [make_adult(account, full_name=name) for name in ("Suparti Uji", "Wati Uji")]
    wait(*people)
    make_slot(places=2)
    sweeps.tidy()
    link = f"/janji/tawaran/{Offer.objects.get().public_id}/"
    page = phone.get(link).content.decode()
    assert "Suparti Uji, Wati Uji" in page
    done = phone.post(link, {"aksi": "terima"})
    tickets = phone.get(done.url).content.decode()
    codes = [one.appointments.get().code for one in people]
    assert "/keluarga/" in done.url and all(code[:4] in tickets for code in codes)


def test_a_declined_and_a_late_offer_say_what_happens_now(phone, account):
    entry = wait(make_adult(account))
    make_slot(places=1)
    sweeps.tidy()
    link = f"/janji/tawaran/{Offer.objects.get().public_id}/"
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        page = phone.get(link).content.decode()
        assert "Waktu menjawab sudah habis" in page and "Terima tempat ini" not in page
        refused = phone.post(link, {"aksi": "terima"})
        assert refused.status_code == 409 and "orang berikutnya" in refused.content.decode()
    assert phone.post(link, {"aksi": "tolak"}).status_code == 302
    page = phone.get(link).content.decode()
    assert "Tawaran sudah ditolak" in page and "urutan ke-1" in page
    assert offer_of(entry) is None


def test_somebody_elses_entry_and_offer_are_not_there(phone):
    entry = wait()
    make_slot(places=1)
    sweeps.tidy()
    offer = Offer.objects.get()
    assert phone.get(f"/janji/tawaran/{offer.public_id}/").status_code == 404
    assert phone.post(f"/janji/tawaran/{offer.public_id}/", {"aksi": "terima"}).status_code == 404
    assert phone.post(f"/janji/tunggu/{entry.public_id}/keluar/").status_code == 404


# --- the audit: each check broken on purpose ------------------------------------------------------------------------


@pytest.fixture
def offer():
    wait()
    make_slot(places=2)
    sweeps.tidy()
    assert violations() == set()
    return Offer.objects.get()


def violations():
    """Titles of the checks of this app that complain."""
    return {check.title for check, count in audit.run() if check.id in ("I1", "I2") and count}


def test_i1_an_offer_that_lost_its_place_is_found(offer):
    Place.objects.filter(held_by=offer.public_id).update(state="free", held_by=None, held_until=None)
    assert violations() == {"setiap tawaran terbuka punya tempat untuk semua orangnya"}


def test_i1_an_offer_that_ran_out_and_stayed_is_found(offer):
    long_ago = timezone.now() - timedelta(minutes=2)
    Offer.objects.filter(pk=offer.pk).update(expires_at=long_ago)
    assert violations() == {"setiap tawaran terbuka punya tempat untuk semua orangnya"}


def test_i1_a_place_kept_for_no_offer_is_found(offer):
    place = Place.objects.filter(state="free").first()
    Place.objects.filter(pk=place.pk).update(
        state="held", pool="offered", held_by=uuid.uuid4(), held_until=timezone.now() + timedelta(hours=1)
    )
    assert violations() == {"tidak ada tempat tertahan tanpa tawaran terbuka"}


@pytest.mark.parametrize("state", ["waiting", "served"])
def test_i1_an_entry_that_does_not_know_its_offer_is_found(offer, state):
    WaitlistEntry.objects.update(state=state)
    assert violations() == {"daftar tunggu dan tawarannya sekata"}


def test_i2_an_offer_to_somebody_with_an_appointment_is_found(offer):
    citizen = Citizen.objects.get(waitlist__entry=offer.entry)
    made = booked(make_slot(days=3), citizen)
    assert violations() == set()  # the worker has a minute to settle it
    type(made).objects.update(booked_at=timezone.now() - timedelta(minutes=2))
    assert violations() == {"yang sudah punya janji tidak ditawari tempat lagi"}


def test_staff_see_how_many_wait_and_how_many_are_offered(client):
    slot = make_slot(places=1)
    wait(make_adult(), make_adult())
    wait(facility=Facility.objects.get(code="pkm-miroto"))
    wait()
    sweeps.tidy()
    assert waitlist.waiting_for(slot.schedule) == (2, 1)
    user = make_staff("admin_dinkes", city=True)
    page = sign_in_staff(client, user).get(f"/dinkes/jadwal/{slot.schedule_id}/").content.decode()
    numbers = dict(re.findall(r"<dt>(Menunggu tempat|Sedang ditawari)</dt><dd class=\"stat__value\">(\d+)", page))
    assert numbers == {"Menunggu tempat": "2", "Sedang ditawari": "1"}
    assert "Suparti" not in page
