"""A cadre writes down residents of their own kelurahan, and learns nothing about anybody else."""

from datetime import date

import pytest

from core.models import ReadLog
from regions.models import Kecamatan, Kelurahan
from registration import audits
from registration.models import Citizen
from tests.registration.people import make_account, make_citizen, nik_for
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
URL = "/petugas/kader/"
BORN = date(1941, 8, 17)


@pytest.fixture
def kelurahan():
    kecamatan = Kecamatan.objects.create(code="99.74.01", name="Uji", grid_row=0, grid_col=0)
    return [Kelurahan.objects.create(code=f"99.74.01.100{n}", name=f"K{n}", kecamatan=kecamatan) for n in (1, 2)]


@pytest.fixture
def cadre(client, kelurahan):
    user = make_staff("kader", kelurahan=kelurahan[0])
    sign_in_staff(client, user)
    return user


def entry(place, **changes):
    person = {
        "has_nik": "tidak",
        "no_nik_reason": "disabilitas",
        "full_name": "Warsini Uji",
        "birth_date": "17-08-1941",
    }
    return person | {"sex": "P", "kelurahan": place.code, "contact_phone": "0899 1111 2222"} | changes


def test_a_resident_without_nik_gets_a_temporary_number(client, cadre, kelurahan):
    page = client.post(URL, entry(kelurahan[0])).content.decode()
    citizen = Citizen.objects.get()
    assert citizen.temporary_code in page
    assert (citizen.account, citizen.kelurahan) == (None, kelurahan[0])
    assert ReadLog.objects.get().user == cadre
    assert audits.reads_outside_residence() == 0


def test_only_the_own_kelurahan_can_be_chosen(client, cadre, kelurahan):
    page = client.get(URL).content.decode()
    assert kelurahan[0].code in page
    assert kelurahan[1].code not in page
    client.post(URL, entry(kelurahan[1]))
    assert not Citizen.objects.exists()


def test_of_somebody_on_record_nothing_is_told_or_changed(client, cadre, kelurahan):
    known = make_citizen(make_account(), nik=nik_for(BORN, "P", 9555), full_name="Nama Rahasia", birth_date=BORN)
    page = client.post(URL, entry(kelurahan[0], has_nik="ya", nik=known.nik, no_nik_reason="")).content.decode()
    assert "Nama Rahasia" not in page
    assert "Warsini Uji dapat langsung datang" in page
    known.refresh_from_db()
    assert (known.full_name, known.contact_phone) == ("Nama Rahasia", None)


def test_a_wrong_entry_is_explained(client, cadre, kelurahan):
    page = client.post(URL, entry(kelurahan[0], birth_date="x", contact_phone="1")).content.decode()
    assert "Tanggal lahir belum sesuai" in page
    assert "Nomor telepon belum sesuai" in page
    assert not Citizen.objects.exists()
