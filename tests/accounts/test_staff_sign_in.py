"""Staff sign in with password and second factor; no staff page opens without both."""

import re

import pytest
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from accounts import demo
from accounts.access import staff_required
from accounts.models import User
from tests.staff import make_staff, sign_in_staff
from victori.urls import urlpatterns as project_urls

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client"), pytest.mark.urls(__name__)]


@staff_required()
def any_staff(request):
    return HttpResponse("meja")


@staff_required("staff.manage")
def only_admin(request):
    return HttpResponse("dinkes")


@staff_required(fresh=True)
def sensitive(request):
    return HttpResponse("penting")


urlpatterns = [path("uji/", any_staff), path("uji/admin/", only_admin), path("uji/penting/", sensitive), *project_urls]


@pytest.fixture
def nurse():
    user = make_staff("petugas", city=True)
    user.set_password(demo.PASSWORD)
    user.save()
    Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": demo.encrypt(demo.TOTP_SECRET)}
    )
    return user


def give_password(client, user, password=demo.PASSWORD, next_url="/uji/"):
    return client.post("/petugas/masuk/", {"login": user.username, "password": password, "next": next_url})


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/petugas/stok/?baris=3", "/petugas/stok/%3Fbaris%3D3"),
        ("http://lain.example/petugas/stok/", "/petugas/"),
        ("http://[rusak", "/petugas/"),
        ("", "/petugas/"),
    ],
)
def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client, came_from, leads_to):
    assert client.post("/uji/", headers={"referer": came_from}).url == f"/petugas/masuk/?next={leads_to}"


def test_password_and_code_open_the_desk(client, nurse):
    assert client.get("/uji/").url == "/petugas/masuk/?next=/uji/"
    assert give_password(client, nurse).url.startswith("/petugas/masuk/kode/")
    assert client.get("/uji/").status_code == 302
    page = client.get("/petugas/masuk/kode/").content.decode()
    assert 'autocomplete="one-time-code"' in page
    answer = client.post("/petugas/masuk/kode/", {"code": demo.current_code()})
    assert answer.url == "/uji/"
    assert client.get("/uji/").content == b"meja"


def test_a_wrong_code_does_not_sign_in(client, nurse):
    give_password(client, nurse)
    wrong = "000000" if demo.current_code() != "000000" else "111111"
    page = client.post("/petugas/masuk/kode/", {"code": wrong})
    assert "Kode belum sesuai" in page.content.decode()
    assert client.get("/uji/").status_code == 302


def test_guessing_codes_is_stopped(client, nurse):
    give_password(client, nurse)
    for number in range(12):
        page = client.post("/petugas/masuk/kode/", {"code": f"{number:06d}"})
    assert "Terlalu banyak percobaan" in page.content.decode()
    assert client.post("/petugas/masuk/kode/", {"code": demo.current_code()}).status_code == 200


def test_a_code_serves_once(nurse):
    one, other = Client(), Client()
    for client in (one, other):
        give_password(client, nurse)
    code = demo.current_code()
    assert one.post("/petugas/masuk/kode/", {"code": code}).status_code == 302
    assert other.post("/petugas/masuk/kode/", {"code": code}).status_code == 200


def test_a_session_that_skipped_the_second_factor_is_asked_for_it(client, nurse):
    client.force_login(nurse, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.get("/uji/")
    assert answer.url == "/petugas/akun/pastikan/kode/?next=%2Fuji%2F"
    assert client.get(answer.url).status_code == 200
    client.post("/petugas/akun/pastikan/kode/", {"code": demo.current_code(), "next": "/uji/"})
    assert client.get("/uji/").content == b"meja"


@pytest.mark.django_db(transaction=True)
def test_the_first_sign_in_enrols_the_second_factor(client):
    user = make_staff("petugas", city=True)
    user.set_password(demo.PASSWORD)
    user.save()
    assert give_password(client, user).url == "/uji/"
    answer = client.get("/uji/")
    assert answer.url == "/petugas/akun/autentikator/?next=%2Fuji%2F"
    page = client.get(answer.url).content.decode()
    secret = re.search(r"<strong>([A-Z2-7]{32})</strong>", page).group(1)
    code = demo.format_hotp_value(demo.hotp_value(secret, int(demo.time.time()) // 30))
    with_codes = client.post("/petugas/akun/autentikator/", {"code": code})
    assert with_codes.url == "/petugas/akun/kode-cadangan/"
    assert len(re.findall(r'ticket__code">', client.get(with_codes.url).content.decode())) == 10
    assert client.get("/uji/").content == b"meja"


def test_secrets_of_the_second_factor_are_encrypted(client, nurse):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        assert all(demo.TOTP_SECRET not in row[0] for row in cursor.fetchall())


def test_the_second_factor_cannot_be_switched_off(client, nurse):
    sign_in_staff(client, nurse)
    client.post("/petugas/akun/autentikator/matikan/")
    assert Authenticator.objects.filter(user=nurse, type="totp").exists()


def test_five_wrong_passwords_lock_the_account_and_an_admin_sees_it(client, nurse):
    for _turn in range(5):
        answer = give_password(client, nurse, "bukan kata sandinya")
    assert answer.status_code == 429
    assert "Akun terkunci sementara" in answer.content.decode()
    assert give_password(client, nurse).status_code == 429
    assert AccessAttempt.objects.get().username == nurse.username


def test_an_invitation_password_must_be_replaced_first(client, nurse):
    User.objects.filter(pk=nurse.pk).update(must_change_password=True)
    sign_in_staff(client, nurse)
    assert client.get("/uji/").url == "/petugas/akun/kata-sandi/"
    new = "pagi di lapangan Pancasila"
    client.post("/petugas/akun/kata-sandi/", {"oldpassword": demo.PASSWORD, "password1": new, "password2": new})
    nurse.refresh_from_db()
    assert (nurse.must_change_password, nurse.check_password(new)) == (False, True)


def test_a_right_not_held_is_refused_and_an_ended_assignment_too(client, nurse):
    sign_in_staff(client, nurse)
    assert client.get("/uji/admin/").status_code == 403
    nurse.memberships.update(valid_until="2020-01-01")
    assert client.get("/uji/").status_code == 403


def test_a_sensitive_post_asks_again_after_a_quarter_of_an_hour(client, nurse):
    sign_in_staff(client, nurse)
    assert client.post("/uji/penting/").content == b"penting"
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 1000
    session.save()
    assert client.post("/uji/penting/").url.startswith("/petugas/akun/pastikan/")
    assert client.get("/uji/penting/").content == b"penting"


def test_the_stock_admin_is_for_superusers_with_a_second_factor(client, nurse):
    assert client.get("/admin/").url.startswith("/admin/login/")
    assert client.get("/admin/login/?next=/admin/").url == "/petugas/masuk/?next=%2Fadmin%2F"
    sign_in_staff(client, nurse)
    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/login/?next=/admin/").status_code == 403
    User.objects.filter(pk=nurse.pk).update(is_superuser=True, is_staff=True)
    assert client.get("/admin/").status_code == 200
    bare = Client()
    bare.force_login(User.objects.get(pk=nurse.pk), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert bare.get("/admin/", follow=False).status_code == 302


def test_nobody_signs_up_by_themselves(client):
    assert client.get("/petugas/masuk/daftar/").url == "/petugas/masuk/"
    assert not User.objects.exists()


def test_signing_in_works_while_redis_is_dead(client, nurse, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere/redis.sock?db=0"}}
    give_password(client, nurse)
    assert client.post("/petugas/masuk/kode/", {"code": demo.current_code()}).url == "/uji/"


def test_own_account_page_and_sign_out(client, nurse):
    sign_in_staff(client, nurse)
    page = client.get("/petugas/akun/").content.decode()
    assert nurse.username in page
    assert client.post("/petugas/keluar/").url == "/petugas/masuk/"
    assert client.get("/uji/").status_code == 302


def test_every_demo_account_signs_in_with_the_printed_password_and_code(client):
    demo.ensure_demo_staff()
    first = {user.pk for user in demo.ensure_demo_staff()}
    assert len(first) == len(demo.ACCOUNTS) == User.objects.count()
    give_password(client, User.objects.get(username="dinkes"), next_url="/uji/admin/")
    page = Client().get("/demo/akun/").content.decode()
    code = re.search(r'ticket__code">(\d{6})<', page).group(1)
    assert client.post("/petugas/masuk/kode/", {"code": code}).url == "/uji/admin/"
    assert client.get("/uji/admin/").content == b"dinkes"


def test_demo_accounts_refuse_to_exist_outside_demo_mode(settings):
    settings.DEMO = False
    with pytest.raises(RuntimeError):
        demo.ensure_demo_staff()
    assert not User.objects.exists()


def test_capabilities_are_readable_by_the_test_that_walks_every_address():
    assert only_admin.capabilities == ("staff.manage",)
