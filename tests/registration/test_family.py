"""Adding and changing people of a family, page by page, without JavaScript."""

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone

from registration import claims
from registration.models import Citizen, IdentityClaim
from tests.registration.people import make_account, make_citizen, nik_for, sign_in_citizen

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
BORN = date(1941, 8, 17)
SELF = {
    "has_nik": "ya",
    "nik": nik_for(BORN, "P", 9777),
    "full_name": "Siti Uji",
    "birth_date": "17-08-1941",
    "sex": "P",
}
PLACE = {"kelurahan": "", "domicile_kelurahan": "", "address": "Jl. Uji 1", "family_card_number": ""}
ADD = "/keluarga/tambah/"


@pytest.fixture
def account(client):
    account = make_account()
    sign_in_citizen(client, account)
    return account


def hidden(page):
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.content.decode()))


def save(client, **changes):
    return client.post(
        ADD, SELF | PLACE | {"step": "check", "entry_id": "5f4a4c1e-0000-4000-8000-000000000001"} | changes
    )


def test_an_empty_family_leads_to_adding_oneself(client, account):
    page = client.get("/keluarga/").content.decode()
    assert "Mulai dari diri Anda" in page
    assert 'href="/keluarga/tambah/"' in page


def test_answers_travel_from_page_to_page_and_end_in_one_person(client, account):
    page = client.get(ADD)
    assert hidden(page)["step"] == "nik"
    page = client.post(ADD, hidden(page) | {"has_nik": "ya", "nik": SELF["nik"]})
    assert hidden(page)["step"] == "person"
    page = client.post(ADD, hidden(page) | {"full_name": "Siti Uji", "birth_date": "17/08/1941", "sex": "P"})
    assert hidden(page)["step"] == "place"
    page = client.post(ADD, hidden(page) | PLACE)
    assert hidden(page)["step"] == "check"
    assert "Siti Uji" in page.content.decode()
    answer = client.post(ADD, hidden(page))
    assert answer.url == "/keluarga/"
    assert Citizen.objects.get().account == account
    assert "Siti Uji" in client.get("/keluarga/").content.decode()


def test_nothing_identifying_ever_stands_in_an_address(client, account):
    answer = save(client)
    assert SELF["nik"] not in answer.url
    assert SELF["nik"] not in client.get("/keluarga/").content.decode()


def test_going_back_keeps_what_was_typed(client, account):
    page = client.post(ADD, SELF | PLACE | {"step": "place", "goto": "person"})
    assert 'value="Siti Uji"' in page.content.decode()
    assert hidden(page)["nik"] == SELF["nik"]


def test_a_wrong_nik_is_explained_on_its_own_page(client, account):
    page = client.post(ADD, {"step": "nik", "has_nik": "ya", "nik": "123"})
    assert page.status_code == 422
    assert "Mohon periksa kembali 16 angka" in page.content.decode()


def test_a_hand_made_last_page_without_answers_goes_back_to_the_first_question(client, account):
    assert hidden(client.post(ADD, {"step": "check"}))["step"] == "nik"
    assert hidden(client.post(ADD, {"step": "nonsense"}))["step"] == "nik"
    assert not Citizen.objects.exists()


def test_the_last_page_sent_twice_makes_one_person(client, account):
    nobody = {"has_nik": "tidak", "nik": "", "no_nik_reason": "adat"}
    assert save(client, **nobody).url == "/keluarga/"
    assert save(client, **nobody).url == "/keluarga/"
    assert Citizen.objects.count() == 1


def test_a_difference_is_said_kindly_and_stored(client, account):
    page = client.post(ADD, SELF | PLACE | {"step": "place", "birth_date": "18-08-1941"})
    assert "Tanggal lahir berbeda dari yang tersirat pada NIK" in page.content.decode()
    save(client, birth_date="18-08-1941")
    assert Citizen.objects.get().nik_warnings == ["region", "birth_date"]


def test_a_child_is_added_under_its_parent(client, account):
    parent = make_citizen(account)
    born = timezone.localdate() - timedelta(days=400)
    child = {"relation": "anak", "has_nik": "tidak", "no_nik_reason": "bayi", "nik": "", "full_name": "Bayu Uji",
             "birth_date": f"{born:%d-%m-%Y}", "sex": "L"}  # fmt: skip
    page = client.post(ADD, child | {"step": "person"})
    assert hidden(page)["step"] == "guardian"
    assert parent.full_name in page.content.decode()
    guardian = {"guardian": str(parent.public_id), "birth_order": "1"}
    page = client.post(ADD, child | guardian | {"step": "guardian"})
    assert hidden(page)["step"] == "place"
    client.post(ADD, child | guardian | PLACE | {"step": "check"})
    assert parent.wards.get().full_name == "Bayu Uji"


def test_a_child_alone_is_asked_to_bring_a_parent_first(client, account):
    born = timezone.localdate() - timedelta(days=400)
    page = client.post(ADD, SELF | {"step": "person", "birth_date": f"{born:%d-%m-%Y}"})
    assert page.status_code == 422
    assert "Daftarkan dahulu orang tua atau wali" in page.content.decode()


def test_a_guardian_of_another_family_cannot_be_named(client, account):
    make_citizen(account)
    stranger = make_citizen(make_account())
    born = timezone.localdate() - timedelta(days=400)
    page = client.post(
        ADD,
        SELF | PLACE | {"relation": "anak", "step": "check", "birth_date": f"{born:%d-%m-%Y}",
                        "guardian": str(stranger.public_id), "birth_order": "1"},
    )  # fmt: skip
    assert hidden(page)["step"] == "guardian"
    assert not stranger.wards.exists()


def test_the_eleventh_person_is_one_too_many(client, account, settings):
    settings.FAMILY_LIMIT = 1
    make_citizen(account)
    answer = save(client, relation="lain")
    assert answer.url == "/keluarga/"
    page = client.get("/keluarga/").content.decode()
    assert "paling banyak 1 orang" in page
    assert Citizen.objects.count() == 1
    assert client.get(ADD, {"next": "/janji/baru/"}).url == "/keluarga/"  # told before the questions, not after them


def test_a_nik_of_another_family_gets_a_neutral_answer_and_a_code_for_the_desk(client, account):
    holder = make_citizen(make_account(), nik=SELF["nik"], full_name="Nama Rahasia", birth_date=BORN)
    answer = save(client)
    claim = IdentityClaim.objects.get()
    assert answer.url == f"/keluarga/periksa/{claim.public_code}/"
    page = client.get(answer.url).content.decode()
    assert claim.public_code in page
    for leak in ("Nama Rahasia", "terdaftar", "akun lain", holder.account.phone[-6:]):
        assert leak not in page
    assert save(client).url == answer.url
    assert IdentityClaim.objects.count() == 1
    assert claims.entered(claim)["full_name"] == "Siti Uji"


def test_a_foreign_claim_is_not_found(client, account):
    make_citizen(make_account(), nik=SELF["nik"], birth_date=BORN)
    save(client)
    url = f"/keluarga/periksa/{IdentityClaim.objects.get().public_code}/"
    sign_in_citizen(client, make_account())
    assert client.get(url).status_code == 404


def test_whoever_the_desk_wrote_down_with_this_phone_joins_at_once(client, account):
    known = make_citizen(nik=SELF["nik"], full_name="SITI UJI", birth_date=BORN, contact_phone=account.phone)
    assert save(client).url == "/keluarga/"
    known.refresh_from_db()
    assert known.account == account


@pytest.mark.parametrize(
    "difference", [{"birth_date": date(1941, 8, 18)}, {"full_name": "Orang Lain"}, {"contact_phone": ""}]
)
def test_any_difference_leads_to_the_desk_instead(client, account, difference):
    fields = {"full_name": "Siti Uji", "birth_date": BORN, "contact_phone": account.phone} | difference
    known = make_citizen(nik=SELF["nik"], **fields)
    save(client)
    known.refresh_from_db()
    assert known.account is None
    assert IdentityClaim.objects.count() == 1


def test_trying_nik_after_nik_is_stopped(client, account, settings):
    settings.LIMIT_NIK_PER_ACCOUNT = "2/day"
    answers = [
        save(client, nik=nik_for(BORN, "P", 9100 + n), relation="lain", entry_id="").status_code for n in range(3)
    ]
    assert answers == [302, 302, 429]


def test_a_person_is_changed(client, account):
    citizen = make_citizen(account, birth_date=BORN, nik=SELF["nik"])
    url = f"/keluarga/{citizen.public_id}/ubah/"
    assert client.get(url).status_code == 200
    answer = client.post(url, SELF | PLACE | {"full_name": "Siti Baru"})
    assert answer.url == "/keluarga/"
    citizen.refresh_from_db()
    assert (citizen.full_name, citizen.address) == ("Siti Baru", "Jl. Uji 1")


def test_after_the_desk_checked_the_card_the_identity_is_fixed(client, account):
    citizen = make_citizen(account, identity_verified=True, full_name="Tetap Uji")
    url = f"/keluarga/{citizen.public_id}/ubah/"
    assert "bawa KTP atau KK ke puskesmas" in client.get(url).content.decode()
    client.post(url, SELF | PLACE | {"full_name": "Lain"})
    citizen.refresh_from_db()
    assert citizen.full_name == "Tetap Uji"


def test_a_person_of_another_family_is_not_found(client, account):
    stranger = make_citizen(make_account())
    assert client.get(f"/keluarga/{stranger.public_id}/ubah/").status_code == 404


def test_the_family_page_asks_as_often_for_twenty_as_for_two(client, account, settings, django_assert_num_queries):
    settings.FAMILY_LIMIT = 30
    for _turn in range(20):
        make_citizen(account)
    with django_assert_num_queries(3):
        client.get("/keluarga/")


def test_who_was_sent_here_goes_back_to_where_they_were(client, account):
    """The waiting room, a draw or a booking sends people here; the address travels through all pages of the form."""
    back = "/antrean/7/?next=/janji/baru/"
    page = client.get(ADD, {"next": back})
    assert hidden(page)["next"] == back
    page = client.post(ADD, hidden(page) | {"has_nik": "ya", "nik": "1"})
    assert page.status_code == 422 and hidden(page)["next"] == back  # also over a mistake
    page = client.post(ADD, hidden(page) | {"has_nik": "ya", "nik": SELF["nik"]})
    page = client.post(ADD, hidden(page) | {"full_name": "Siti Uji", "birth_date": "17/08/1941", "sex": "P"})
    page = client.post(ADD, hidden(page) | PLACE)
    assert client.post(ADD, hidden(page)).url == back
    assert client.post(ADD, hidden(page)).url == back  # the button pressed twice


@pytest.mark.parametrize("elsewhere", ["https://jahat.example/", "//jahat.example/", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_host(client, account, elsewhere):
    page = client.get(ADD, {"next": elsewhere})
    assert "next" not in hidden(page)
    assert save(client, next=elsewhere).url == "/keluarga/"
