"""The identity desk: claims decided with the card in hand, temporary identities that meet their NIK."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from core.models import ReadLog
from messaging.models import Message
from regions.models import Facility, Kecamatan
from registration import claims, queries, services
from registration.models import Citizen, CitizenMerge, IdentityClaim
from tests.registration.people import make_account, make_citizen, nik_for
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
BORN = date(1941, 8, 17)
NIK = nik_for(BORN, "P", 9778)


@pytest.fixture
def facility():
    kecamatan = Kecamatan.objects.create(code="99.74.01", name="Uji", grid_row=0, grid_col=0)
    return Facility.objects.create(code="pkm-uji", name="Puskesmas Uji", kind="puskesmas", kecamatan=kecamatan)


@pytest.fixture
def nurse(client, facility):
    user = make_staff("petugas", facility=facility)
    sign_in_staff(client, user)
    return user


@pytest.fixture
def claim():
    make_citizen(make_account(), nik=NIK, full_name="Siti Lama", birth_date=BORN)
    entry = {"nik": NIK, "full_name": "Siti Uji", "birth_date": BORN, "sex": "P", "relation": "diri"}
    return claims.add_member(make_account(), entry)


def decide(client, claim, decision, **fields):
    data = {"card_nik": NIK, "decision": decision, "seen": "on", "note": "KTP asli"} | fields
    return client.post(f"/petugas/identitas/{claim.public_code}/", data)


def test_a_desk_opens_a_claim_by_its_code_only(client, nurse, claim):
    page = client.get("/petugas/identitas/").content.decode()
    assert claim.public_code not in page
    typed = claim.public_code.lower().replace("-", "")
    assert client.get(f"/petugas/identitas/?kode={typed}").url == f"/petugas/identitas/{claim.public_code}/"
    assert "tidak ditemukan" in client.get("/petugas/identitas/?kode=KL-BBBB-BBBB").content.decode()
    admin = sign_in_staff(Client(), make_staff("admin_dinkes", city=True))
    assert claim.public_code in admin.get("/petugas/identitas/").content.decode()


def test_opening_a_claim_is_logged_on_the_record_it_shows(client, nurse, claim):
    page = client.get(f"/petugas/identitas/{claim.public_code}/").content.decode()
    assert "Siti Lama" in page
    assert NIK not in page
    log = ReadLog.objects.get()
    assert (log.user, log.citizen_id, log.purpose) == (nurse, services.find_by_nik(NIK).pk, "identity")


def test_attaching_moves_the_record_to_the_family_and_tells_the_person(client, nurse, claim):
    decide(client, claim, "attach")
    holder = services.find_by_nik(NIK)
    claim.refresh_from_db()
    assert holder.account == claim.account
    assert holder.identity_verified_at
    assert (claim.state, claim.decided_by) == (IdentityClaim.RESOLVED, nurse)
    assert claim.entered == "{}"
    assert claim.public_code in Message.objects.get().body


def test_the_nik_on_the_card_must_be_the_nik_of_the_claim(client, nurse, claim):
    page = decide(client, claim, "attach", card_nik=nik_for(BORN, "P", 9001))
    assert "berbeda dari NIK yang diajukan" in page.content.decode()
    claim.refresh_from_db()
    assert claim.state == IdentityClaim.OPEN


def test_without_the_card_nothing_is_given(client, nurse, claim):
    page = decide(client, claim, "attach", seen="")
    assert "memerlukan kartu asli" in page.content.decode()
    assert IdentityClaim.objects.get().state == IdentityClaim.OPEN


def test_a_wrongly_typed_nik_is_released_and_its_owner_written_anew(client, nurse, claim):
    wrong = services.find_by_nik(NIK)
    decide(client, claim, "release")
    wrong.refresh_from_db()
    assert wrong.nik is None
    assert wrong.temporary_code
    owner = services.find_by_nik(NIK)
    assert (owner.full_name, owner.account) == ("Siti Uji", claim.account)


def test_a_rejected_claim_says_so_and_keeps_the_record(client, nurse, claim):
    before = services.find_by_nik(NIK).account
    decide(client, claim, "reject", seen="", note="Kartu bukan miliknya")
    claim.refresh_from_db()
    assert claim.state == IdentityClaim.REJECTED
    assert services.find_by_nik(NIK).account == before
    assert "belum dapat disetujui" in Message.objects.get().body


def test_a_claim_is_decided_once(client, nurse, claim):
    decide(client, claim, "attach")
    assert "sudah diputuskan" in decide(client, claim, "reject").content.decode()
    with pytest.raises(ValidationError):
        claims.attach(claim.pk, by=nurse, card_nik=NIK)
    assert Message.objects.count() == 1


def test_a_full_family_takes_nobody_more(client, nurse, claim, settings):
    settings.FAMILY_LIMIT = 0
    assert "paling banyak 0 orang" in decide(client, claim, "attach").content.decode()


def test_a_temporary_identity_is_merged_into_the_record_with_the_nik(client, nurse):
    known, temporary = make_citizen(nik=NIK, birth_date=BORN), make_citizen(make_account(), no_nik_reason="lapas")
    form = {"temporary_code": temporary.temporary_code.lower(), "nik": NIK, "reason": "KTP dilihat"}
    page = client.post("/petugas/identitas/gabung/", form).content.decode()
    assert "Apakah ini orang yang sama?" in page
    assert "Tanggal lahir berbeda" in page
    assert ReadLog.objects.count() == 2
    client.post("/petugas/identitas/gabung/", form | {"confirm": "1"})
    temporary.refresh_from_db()
    assert temporary.merged_into == known
    assert CitizenMerge.objects.get().by == nurse
    assert queries.family(temporary.account) == [known]


def test_a_nik_nobody_holds_is_given_to_the_temporary_record(client, nurse):
    temporary = make_citizen(no_nik_reason="bayi", birth_date=BORN)
    form = {"temporary_code": temporary.temporary_code, "nik": NIK, "reason": "NIK terbit", "confirm": "1"}
    client.post("/petugas/identitas/gabung/", form)
    assert services.find_by_nik(NIK) == temporary
    assert Citizen.objects.get().identity_verified_at


@pytest.mark.parametrize("code", ["TS-BBBB-BBBB", "salah", "\x00", ""])
def test_an_unknown_temporary_number_is_explained(client, nurse, code):
    page = client.post("/petugas/identitas/gabung/", {"temporary_code": code, "nik": NIK, "reason": "x"})
    assert page.status_code == 200
    assert "Ada yang perlu diperbaiki" in page.content.decode()


def test_only_those_who_check_identities_come_here(facility):
    keeper = make_staff("pengelola_stok", facility=facility)
    for path in ("", "gabung/", "KL-BBBB-BBBB/"):
        assert Client().get(f"/petugas/identitas/{path}").status_code == 302
        assert sign_in_staff(Client(), keeper).get(f"/petugas/identitas/{path}").status_code == 403


@pytest.mark.parametrize("path", ["KL-BBBB-BBBB/", "%00%00%00%00/", "?kode=%00"])
def test_odd_addresses_are_no_errors(client, nurse, path):
    assert client.get(f"/petugas/identitas/{path}").status_code in (200, 404)
