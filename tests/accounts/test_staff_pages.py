"""/dinkes/petugas/, /dinkes/mitra/, /dinkes/pesan/: what an admin does to accounts, and that it leaves a trail."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, PartnerToken, User
from messaging.models import Message
from messaging.services import send
from regions.models import Facility, Kecamatan
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def facility():
    kecamatan = Kecamatan.objects.create(code="99.74.01", name="Uji", grid_row=0, grid_col=0)
    return Facility.objects.create(code="rs-uji", name="RS Uji", kind="rumah_sakit", kecamatan=kecamatan)


@pytest.fixture
def admin(client):
    user = make_staff("admin_dinkes", city=True, full_name="Admin Uji")
    sign_in_staff(client, user)
    return user


def test_an_invited_person_gets_a_password_once_and_must_replace_it(client, admin):
    page = client.post(
        "/dinkes/petugas/baru/", {"username": "ratri", "full_name": "Ns. Ratri Uji", "professional_id": ""}
    )
    password = re.search(r'ticket__code">([a-z0-9-]+)<', page.content.decode()).group(1)
    user = User.objects.get(username="ratri")
    assert user.check_password(password)
    assert user.must_change_password
    assert password not in client.get(f"/dinkes/petugas/{user.pk}/").content.decode()


def test_a_taken_or_odd_user_name_is_explained(client, admin):
    for name, words in ((admin.username, "sudah dipakai"), ("Ratri Uji", "huruf kecil")):
        page = client.post("/dinkes/petugas/baru/", {"username": name, "full_name": "x"}).content.decode()
        assert words in page


def test_an_assignment_needs_the_place_of_its_scope(client, admin, facility):
    person = User.objects.create(username="ratri")
    url = f"/dinkes/petugas/{person.pk}/penugasan/"
    today = f"{timezone.localdate()}"
    wrong = client.post(url, {"role": "petugas", "scope": "facility", "valid_from": today})
    assert "Pilih tempatnya" in wrong.content.decode()
    whole_city = client.post(url, {"role": "petugas", "scope": "city", "valid_from": today})
    assert "bekerja untuk satu fasilitas" in whole_city.content.decode()
    client.post(url, {"role": "petugas", "scope": "facility", "facility": facility.pk, "valid_from": today})
    assert Membership.objects.get(user=person).facility == facility
    assert person.territory().can("desk.view")


def test_ending_an_assignment_ends_its_rights_today(client, admin, facility):
    nurse = make_staff("petugas", facility=facility)
    membership = nurse.memberships.get()
    client.post(f"/dinkes/petugas/{nurse.pk}/penugasan/{membership.pk}/akhiri/")
    assert not User.objects.get(pk=nurse.pk).territory().capabilities


def test_a_deactivated_person_is_signed_out_at_once(client, admin, facility):
    nurse, browser = make_staff("petugas", facility=facility), Client()
    sign_in_staff(browser, nurse)
    assert browser.get("/petugas/akun/").status_code == 200
    client.post(f"/dinkes/petugas/{nurse.pk}/nonaktifkan/")
    assert browser.get("/petugas/akun/").status_code == 302
    client.post(f"/dinkes/petugas/{nurse.pk}/aktifkan/")
    assert User.objects.get(pk=nurse.pk).is_active


def test_nobody_deactivates_themselves(client, admin):
    page = client.post(f"/dinkes/petugas/{admin.pk}/nonaktifkan/", follow=True)
    assert "Akun sendiri" in page.content.decode()
    admin.refresh_from_db()
    assert admin.is_active


def test_a_lost_phone_is_forgotten_and_its_sessions_end(client, admin, facility):
    nurse, browser = make_staff("petugas", facility=facility), Client()
    Authenticator.objects.create(user=nurse, type="totp", data={"secret": "x"})
    sign_in_staff(browser, nurse)
    client.post(f"/dinkes/petugas/{nurse.pk}/reset-faktor/")
    assert not Authenticator.objects.filter(user=nurse).exists()
    assert browser.get("/petugas/akun/").status_code == 302


def test_a_reset_password_is_shown_once(client, admin, facility):
    nurse = make_staff("petugas", facility=facility)
    page = client.post(f"/dinkes/petugas/{nurse.pk}/reset-sandi/").content.decode()
    nurse.refresh_from_db()
    assert nurse.check_password(re.search(r'ticket__code">([a-z0-9-]+)<', page).group(1))


def test_an_admin_releases_a_lockout(client, admin, facility):
    nurse, browser = make_staff("petugas", facility=facility), Client()
    for _turn in range(5):
        browser.post("/petugas/masuk/", {"login": nurse.username, "password": "salah sekali"})
    page = client.get(f"/dinkes/petugas/{nurse.pk}/").content.decode()
    assert "Buka kunci" in page
    client.post(f"/dinkes/petugas/{nurse.pk}/buka-kunci/")
    assert not AccessAttempt.objects.exists()
    assert "Buka kunci" not in client.get(f"/dinkes/petugas/{nurse.pk}/").content.decode()


def test_the_trail_names_who_did_it(client, admin, facility):
    nurse = make_staff("petugas", facility=facility)
    client.post(f"/dinkes/petugas/{nurse.pk}/nonaktifkan/")
    page = client.get(f"/dinkes/petugas/{nurse.pk}/").content.decode()
    assert "Akun dinonaktifkan oleh Admin Uji" in page


def test_sensitive_actions_ask_for_the_password_again_after_a_while(client, admin, facility):
    nurse = make_staff("petugas", facility=facility)
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 1000
    session.save()
    answer = client.post(f"/dinkes/petugas/{nurse.pk}/reset-faktor/")
    assert answer.url.startswith("/petugas/akun/pastikan/")


@pytest.mark.parametrize(
    "path", ["petugas/", "petugas/baru/", "petugas/1/", "petugas/1/penugasan/", "mitra/", "mitra/baru/", "pesan/"]
)
def test_only_admins_come_here(path, facility):
    nurse, viewer = make_staff("petugas", facility=facility), make_staff("pemantau_dinkes", city=True)
    assert Client().get(f"/dinkes/{path}").status_code == 302
    for user in (nurse, viewer):
        assert sign_in_staff(Client(), user).get(f"/dinkes/{path}").status_code == 403


@pytest.mark.parametrize(
    "query",
    ["", "?cari=uji", "?peran=petugas", "?hanya=berakhir", "?peran=%00", "?cari=%00&page=9999999999999", "?page=x"],
)
def test_the_list_copes_with_any_filter(client, admin, query):
    assert client.get(f"/dinkes/petugas/{query}").status_code == 200


def test_the_list_asks_as_often_for_twenty_as_for_two(client, admin, facility, django_assert_max_num_queries):
    for _turn in range(20):
        make_staff("petugas", facility=facility)
    with django_assert_max_num_queries(16):
        client.get("/dinkes/petugas/")


def test_missing_rows_are_404(client, admin):
    for path in ("petugas/999999/", "petugas/999999999999999999/", "petugas/999999/penugasan/"):
        assert client.get(f"/dinkes/{path}").status_code == 404
    assert client.post("/dinkes/petugas/999999/nonaktifkan/").status_code == 404


def test_a_token_is_made_shown_once_and_revoked(client, admin, facility):
    membership = make_staff("mitra", facility=facility).memberships.get()
    empty = client.get("/dinkes/mitra/baru/").content.decode()
    assert "Pilih akun" in empty and "-----" not in empty
    form = {"name": "SIMRS", "membership": membership.pk, "scopes": ["doses.write"], "days": 30, "rate_per_minute": 60}
    text = re.search(r"vmt_[\w-]+", client.post("/dinkes/mitra/baru/", form).content.decode()).group()
    token = PartnerToken.objects.get()
    assert token.expires_at - timezone.now() < timedelta(days=31)
    page = client.get("/dinkes/mitra/").content.decode()
    assert "SIMRS" in page
    assert text not in page
    client.post(f"/dinkes/mitra/{token.pk}/cabut/")
    assert "dicabut" in client.get("/dinkes/mitra/").content.decode()


def test_messages_are_listed_masked_and_without_their_text(client, admin):
    with transaction.atomic():
        message = send(kind="sign_in_code", to="+6289900001234", text="Kode 654321", urgent=True)
    Message.objects.filter(pk=message.pk).update(state=Message.FAILED)
    page = client.get("/dinkes/pesan/?keadaan=failed").content.decode()
    assert "+62899****1234" in page
    assert "654321" not in page
    client.post(f"/dinkes/pesan/{message.pk}/ulang/")
    message.refresh_from_db()
    assert message.state == Message.WAITING
    assert client.get("/dinkes/pesan/?keadaan=%00&page=abc").status_code == 200
