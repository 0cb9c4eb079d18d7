"""The desk and a kader put people on the waiting list, and answer for those whom no message reaches."""

import re
import uuid
from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.models import ReadLog
from regions.models import Facility
from scheduling import sweeps
from scheduling.models import Appointment, Offer, WaitlistEntry
from scheduling.services import cancel
from scheduling.waiting import waitlist
from tests.registration.people import make_account
from tests.scheduling.lots import people_form
from tests.scheduling.test_offers import full_slot
from tests.scheduling.world import booked, make_adult, make_slot
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_day")]
LIST, JOIN = "/petugas/tunggu/", "/petugas/tunggu/baru/"


def worker(role, at="pkm-poncol"):
    return sign_in_staff(Client(), make_staff(role, facility=Facility.objects.get(code=at)))


@pytest.fixture
def kader():
    return worker("kader")


def form(*citizens, **changes):
    today = timezone.localdate()
    wanted = {
        "program": "covid19", "tempat": "kota", "vaksin": "", "dari": f"{today:%Y-%m-%d}",
        "sampai": f"{today + timedelta(days=7):%Y-%m-%d}", "kunci": str(uuid.uuid4()),
    }  # fmt: skip
    return people_form(*citizens) | wanted | changes


def answer(client, action, page=""):
    """Press a button of the list, as it is now or was when `page` was shown; what the next page says."""
    entry = WaitlistEntry.objects.get()
    named = re.search(r'name="tawaran" value="([^"]+)"', page or client.get(LIST).content.decode())
    said = {"aksi": action} | ({"tawaran": named[1]} if named else {})
    return client.post(f"{LIST}{entry.public_id}/jawab/", said, follow=True).content.decode()


@pytest.mark.parametrize(("role", "channel"), [("kader", "kader"), ("vaksinator", "desk")])
def test_kader_and_desk_put_a_person_on_the_list(role, channel):
    client, citizen = worker(role), make_adult(full_name="Mbah Karto")
    assert JOIN in client.get(LIST).content.decode()
    sent = form(citizen)
    for _ in range(2):  # the button pressed twice
        assert client.post(JOIN, sent).status_code == 302
    entry = WaitlistEntry.objects.get()
    assert (entry.joined_via, entry.source, entry.members.get().citizen) == (channel, "citizen", citizen)
    assert ReadLog.objects.filter(citizen_id=citizen.pk, purpose="waitlist").exists()
    page = client.get(LIST).content.decode()
    assert "Mbah Karto" in page and "Urutan ke-1" in page and "Tanpa telepon" in page
    assert "Belum ada jadwal yang terbit" in page  # why nothing was offered, as the person would read it


def test_the_order_is_that_of_joining_whatever_the_door(kader):
    _slot, tickets = full_slot(2, days=3)
    first, second = make_adult(), make_adult()
    kader.post(JOIN, form(first))
    client = worker("vaksinator")
    client.post(JOIN, form(second))
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert Offer.objects.get().entry.members.get().citizen == first


def test_a_family_is_one_entry_and_a_person_without_nik_is_found_by_their_number(kader):
    pair = make_adult(), make_adult(nik=None, no_nik_reason="lain")
    assert kader.post(JOIN, form(*pair)).status_code == 302
    assert WaitlistEntry.objects.get().members.count() == 2


def test_mistakes_are_named_and_nobody_is_given_away(kader):
    citizen = make_adult(full_name="Mbah Karto")
    wrong = kader.post(JOIN, form(citizen) | {"orang-0-lahir": "1990-01-01"})
    unknown = kader.post(JOIN, form(citizen) | {"orang-0-identitas": "9974011705319999"})
    for page in (wrong, unknown):
        assert page.status_code == 422 and "Data tidak ditemukan" in page.content.decode()
        assert "Mbah Karto" not in page.content.decode()
    nobody = kader.post(JOIN, form())
    assert nobody.status_code == 422 and "paling sedikit satu orang" in nobody.content.decode()
    late = kader.post(JOIN, form(citizen, sampai="2020-01-01"))
    assert late.status_code == 422 and "sama atau sesudah" in late.content.decode()
    assert not WaitlistEntry.objects.exists()


def test_who_waits_or_is_booked_is_not_put_there_twice(kader):
    citizen = make_adult(full_name="Mbah Karto")
    kader.post(JOIN, form(citizen))
    again = kader.post(JOIN, form(citizen))
    assert again.status_code == 409 and "Mbah Karto: Orang ini sudah ada di daftar tunggu" in again.content.decode()
    other = make_adult()
    booked(make_slot(), other)
    assert kader.post(JOIN, form(other)).status_code == 409
    assert WaitlistEntry.objects.count() == 1


def test_the_kader_answers_for_people_without_a_phone_and_has_a_day_for_it(kader):
    slot, [ticket] = full_slot(1, days=5)
    kader.post(JOIN, form(make_adult(full_name="Mbah Karto")))
    cancel(ticket.pk)
    sweeps.tidy()
    offer = Offer.objects.get()
    assert offer.expires_at - timezone.now() > timedelta(hours=23)
    page = kader.get(LIST).content.decode()
    assert "Ada tempat" in page and slot.schedule.facility.name in page
    said = answer(kader, "terima", page)
    made = Appointment.objects.get(citizen__full_name="Mbah Karto")
    assert made.code in said and made.slot == slot
    assert made.code in kader.get(LIST).content.decode()
    assert "Tempat diterima" in answer(kader, "terima", page)  # the button pressed twice
    assert Appointment.objects.filter(citizen=made.citizen).count() == 1


def test_an_answer_from_an_old_page_is_not_taken_for_the_offer_that_is_open_now(kader):
    _slot, [ticket] = full_slot(1, days=5)
    _slot, [other] = full_slot(1, days=6)
    kader.post(JOIN, form(make_adult()))
    cancel(ticket.pk)
    sweeps.tidy()
    old = kader.get(LIST).content.decode()
    answer(kader, "tolak", old)
    cancel(other.pk)
    sweeps.tidy()
    assert Offer.objects.filter(state="open").exists()
    assert "sudah tidak berlaku" in answer(kader, "terima", old)
    assert Offer.objects.filter(state="open").exists() and not Appointment.objects.filter(status="booked").exists()
    assert "Tempat diterima" in answer(kader, "terima")
    assert kader.post(f"{LIST}{WaitlistEntry.objects.get().public_id}/jawab/", {"aksi": "terima"}).status_code == 404


def test_people_with_a_phone_answer_within_the_usual_time(kader):
    _slot, [ticket] = full_slot(1, days=5)
    kader.post(JOIN, form(make_adult(make_account())))
    cancel(ticket.pk)
    sweeps.tidy()
    assert Offer.objects.get().expires_at - timezone.now() < timedelta(minutes=31)
    assert "Tanpa telepon" not in kader.get(LIST).content.decode()


def test_declining_waits_on_and_leaving_ends(kader):
    _slot, [ticket] = full_slot(1, days=5)
    kader.post(JOIN, form(make_adult()))
    cancel(ticket.pk)
    sweeps.tidy()
    page = kader.get(LIST).content.decode()
    assert "tetap menunggu hari lain" in answer(kader, "tolak", page)
    assert Offer.objects.get().state == "declined"
    assert "sudah tidak berlaku" in answer(kader, "terima", page)
    assert "Sudah keluar" in answer(kader, "keluar")
    assert WaitlistEntry.objects.get().state == "left"
    assert "Keluar dari daftar" in kader.get(LIST).content.decode()


def test_a_long_list_comes_in_pages_with_the_offers_first(kader):
    _slot, [ticket] = full_slot(1, days=5)
    kader.post(JOIN, form(make_adult(full_name="Mbah Karto")))
    cancel(ticket.pk)
    sweeps.tidy()
    user = WaitlistEntry.objects.get().entered_by
    today = timezone.localdate()
    for number in range(25):
        waitlist.join(
            citizens=[make_adult(full_name=f"Warga {chr(65 + number)}")], programme="covid19", first=today, last=today,
            user=user,
        )  # fmt: skip
    first, second = (kader.get(LIST, {"page": number}).content.decode() for number in (1, 2))
    assert re.findall(r"<h2>(.*?)</h2>", first)[:2] == ["Mbah Karto", "Warga Y"]
    assert len(re.findall("<h2>", first)) == 20 and re.findall(r"<h2>(.*?)</h2>", second)[-1] == "Warga A"


def test_another_kader_neither_sees_nor_answers(kader):
    kader.post(JOIN, form(make_adult(full_name="Mbah Karto")))
    other = worker("kader")
    assert "Mbah Karto" not in other.get(LIST).content.decode()
    entry = WaitlistEntry.objects.get()
    assert other.post(f"{LIST}{entry.public_id}/jawab/", {"aksi": "keluar"}).status_code == 404
    entry.refresh_from_db()
    assert entry.state == "waiting"


def test_a_desk_answers_as_one_for_whoever_put_somebody_there():
    _slot, [ticket] = full_slot(1, days=5)
    morning, afternoon = worker("vaksinator"), worker("petugas")
    morning.post(JOIN, form(make_adult(full_name="Mbah Karto")))
    assert "Dimasukkan oleh" not in morning.get(LIST).content.decode()
    entry = WaitlistEntry.objects.get()
    cancel(ticket.pk)
    sweeps.tidy()
    page = afternoon.get(LIST).content.decode()
    assert "Mbah Karto" in page and f"Dimasukkan oleh {entry.entered_by}" in page
    assert "Tempat diterima" in answer(afternoon, "terima", page)
    assert "sudah tidak berlaku" not in answer(morning, "terima", page)  # both pressed it: one answer
    assert Appointment.objects.filter(citizen__full_name="Mbah Karto").count() == 1


def test_another_desk_the_kader_and_who_has_moved_away_see_nothing():
    morning = worker("vaksinator")
    morning.post(JOIN, form(make_adult(full_name="Mbah Karto")))
    entry = WaitlistEntry.objects.get()
    who = entry.entered_by.memberships.get()
    who.facility = Facility.objects.get(code="pkm-srondol")
    who.save()
    for client in (worker("vaksinator", "pkm-srondol"), worker("kader"), morning):
        assert "Mbah Karto" not in client.get(LIST).content.decode()
        assert client.post(f"{LIST}{entry.public_id}/jawab/", {"aksi": "keluar"}).status_code == 404
    entry.refresh_from_db()
    assert entry.state == "waiting"
    assert "Mbah Karto" in worker("petugas").get(LIST).content.decode()


def test_desk_entries_of_before_are_given_to_their_desk():
    morning = worker("vaksinator")
    morning.post(JOIN, form(make_adult()))
    WaitlistEntry.objects.update(desk_facility=None)
    migration = import_module("scheduling.migrations.0012_waitlist_desk")
    with connection.cursor() as cursor:
        cursor.execute(migration.TO_THEIR_DESK)
    assert WaitlistEntry.objects.get().desk_facility.code == "pkm-poncol"
