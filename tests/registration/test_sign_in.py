"""Signing in by a one-time code, and the signed cookie that follows."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from messaging.models import Message
from registration import codes, session
from registration.models import CitizenAccount, OneTimeCode
from tests.registration.people import make_account, sign_in_citizen

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
PHONE = "+6289900000001"
TYPED = "0899-0000-0001"


def sent_code(message=None):
    message = message or Message.objects.order_by("-created_at").first()
    return re.search(r"\b\d{6}\b", message.body).group()


def ask(client, phone=TYPED, next_url=""):
    return client.post("/masuk/", {"phone": phone, "next": next_url})


def wrong_for(code):
    return "000000" if code != "000000" else "111111"


def test_a_phone_and_its_code_open_the_family_page(client):
    answer = ask(client)
    assert (answer.status_code, answer.url) == (302, "/masuk/kode/")
    page = client.get("/masuk/kode/").content.decode()
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert "+62899****0001" in page
    signed_in = client.post("/masuk/kode/", {"code": sent_code()})
    assert signed_in.url == "/keluarga/"
    assert client.get("/keluarga/").status_code == 200
    assert CitizenAccount.objects.get().phone == PHONE


def test_the_code_is_neither_in_the_table_nor_its_hash_without_the_key(client):
    ask(client)
    row = OneTimeCode.objects.get()
    assert sent_code().encode() not in bytes(row.code_hash)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(m)::text FROM messaging_message m")
        assert sent_code() not in cursor.fetchone()[0]


def test_known_and_unknown_phones_get_the_same_bytes():
    make_account(PHONE)

    def answers(phone):
        browser = Client()
        posted = ask(browser, phone)
        page = browser.get("/masuk/kode/").content.decode()
        page = re.sub(
            r'name="csrfmiddlewaretoken" value="[^"]+"|nonce="[^"]*"|\+62\d+\*+\d+|\d+ detik|\d\d\.\d\d', "", page
        )
        return posted.status_code, posted.url, sorted(posted.cookies), page

    assert answers(TYPED) == answers("089900000002")


def test_a_code_is_worth_nothing_in_another_browser(client):
    ask(client)
    code, other = sent_code(), Client()
    ask(other, "089900000009")
    assert other.post("/masuk/kode/", {"code": code}).status_code == 422
    stranger = Client()
    assert stranger.post("/masuk/kode/", {"code": code}).url == "/masuk/"


def test_a_code_works_once(client):
    ask(client)
    row, browser = OneTimeCode.objects.get(), client.cookies["masuk"].value
    client.post("/masuk/kode/", {"code": sent_code()})
    again = Client()
    again.cookies["masuk"] = browser
    assert again.post("/masuk/kode/", {"code": sent_code()}).status_code == 422
    assert OneTimeCode.objects.get(pk=row.pk).used_at


def test_after_ten_minutes_the_code_is_over(client):
    ask(client)
    OneTimeCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = client.post("/masuk/kode/", {"code": sent_code()})
    assert answer.status_code == 422
    assert "tidak berlaku lagi" in answer.content.decode()


def test_the_fifth_try_may_still_be_the_right_one_and_the_sixth_never(client):
    ask(client)
    code = sent_code()
    for left in (4, 3, 2, 1):
        assert f"tersisa {left} kali" in client.post("/masuk/kode/", {"code": wrong_for(code)}).content.decode()
    assert client.post("/masuk/kode/", {"code": code}).status_code == 302


def test_five_wrong_tries_end_the_code(client):
    ask(client)
    code = sent_code()
    for _turn in range(5):
        client.post("/masuk/kode/", {"code": wrong_for(code)})
    assert client.post("/masuk/kode/", {"code": code}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_parallel_tries_use_up_exactly_the_five_there_are(monkeypatch):
    browser = codes.new_browser_secret()
    row = codes.issue(phone=PHONE, browser=browser)
    wrong, compared, original = wrong_for(sent_code()), [], codes._hash_code
    monkeypatch.setattr(codes, "_hash_code", lambda *given: compared.append(1) or original(*given))

    def attempt(_turn):
        try:
            codes.verify(row.pk, browser=browser, typed=wrong)
        except (codes.CodeWrong, codes.CodeOver):
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(attempt, range(20)))
    row.refresh_from_db()
    assert (len(compared), row.attempts_left) == (5, 0)


@pytest.mark.django_db(transaction=True)
def test_a_right_code_sent_twice_at_once_is_accepted_once():
    browser = codes.new_browser_secret()
    row = codes.issue(phone=PHONE, browser=browser)
    code = sent_code()

    def attempt(_turn):
        try:
            codes.verify(row.pk, browser=browser, typed=code)
        except codes.CodeOver:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1


def test_asking_again_waits_a_minute_and_ends_the_earlier_code(client, settings):
    ask(client)
    first = sent_code()
    assert "tunggu" in client.post("/masuk/kode/ulang/", follow=True).content.decode().lower()
    assert Message.objects.count() == 1
    settings.CODE_RESEND_SECONDS = 0
    client.post("/masuk/kode/ulang/")
    assert Message.objects.count() == 2
    second = sent_code()
    if first != second:
        assert client.post("/masuk/kode/", {"code": first}).status_code == 422
    assert client.post("/masuk/kode/", {"code": second}).status_code == 302


def test_a_stranger_who_asks_for_codes_does_not_void_the_owners(client):
    ask(client)
    code = sent_code()
    ask(Client())
    assert client.post("/masuk/kode/", {"code": code}).status_code == 302


def test_one_phone_gets_only_so_many_codes(client, settings):
    settings.LIMIT_CODE_PER_PHONE = "3/15minute"
    assert [ask(Client()).status_code for _turn in range(4)] == [302, 302, 302, 429]
    assert ask(Client(), "089900000005").status_code == 302


def test_one_address_asks_only_so_often(settings):
    settings.LIMIT_CODE_PER_ADDRESS = "2/15minute"
    phones = [f"08990000{number:04d}" for number in range(3)]
    assert [ask(Client(), phone).status_code for phone in phones] == [302, 302, 429]


def test_limits_hold_without_redis(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    settings.LIMIT_CODE_PER_PHONE = "2/15minute"
    assert [ask(Client(), "089900000077").status_code for _turn in range(3)] == [302, 302, 429]


def test_redis_holds_no_phone(client, redis_client):
    ask(client)
    dump = b" ".join(redis_client.keys("*"))
    assert b"limit" in dump
    assert b"9900000001" not in dump


@pytest.mark.parametrize(
    "target", ["https://jahat.example/", "//jahat.example/", "/\\jahat.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_to_another_host(client, target):
    ask(client, next_url=target)
    assert client.post("/masuk/kode/", {"code": sent_code(), "next": target}).url == "/keluarga/"


def test_signing_in_without_a_page_to_return_to_opens_the_family(client):
    hidden = re.search(r'name="next" value="([^"]*)"', client.get("/masuk/").content.decode()).group(1)
    assert ask(client, next_url=hidden).url == "/masuk/kode/"
    hidden = re.search(r'name="next" value="([^"]*)"', client.get("/masuk/kode/").content.decode()).group(1)
    assert client.post("/masuk/kode/", {"code": sent_code(), "next": hidden}).url == "/keluarga/"


def test_signing_in_leads_back_to_the_page_that_asked(client):
    answer = client.get("/keluarga/tambah/")
    assert answer.url == "/masuk/?next=%2Fkeluarga%2Ftambah%2F"
    assert 'value="/keluarga/tambah/"' in client.get(answer.url).content.decode()
    ask(client, next_url="/keluarga/tambah/")
    assert client.post("/masuk/kode/", {"code": sent_code(), "next": "/keluarga/tambah/"}).url == "/keluarga/tambah/"


def test_a_wrong_phone_is_explained_beside_its_field(client):
    answer = ask(client, "12345")
    assert answer.status_code == 200
    assert "Nomor telepon belum sesuai" in answer.content.decode()
    assert not OneTimeCode.objects.exists()


def test_signing_out_everywhere_ends_every_browser():
    account = make_account()
    one, other = sign_in_citizen(Client(), account), sign_in_citizen(Client(), account)
    assert other.get("/keluarga/").status_code == 200
    one.post("/masuk/keluar/", {"everywhere": "1"})
    assert other.get("/keluarga/").status_code == 302


def test_a_forged_or_old_cookie_is_nobody(client):
    account = make_account()
    sign_in_citizen(client, account)
    client.cookies[session.COOKIE] = client.cookies[session.COOKIE].value[:-1] + "x"
    assert client.get("/keluarga/").status_code == 302


def test_a_signature_is_checked_once_and_a_forged_one_each_time(client):
    session._opened.cache_clear()
    raw = sign_in_citizen(client, make_account()).cookies[session.COOKIE].value
    for word in (raw, raw, raw[:-1], raw[:-1], "", "a:b:c"):
        assert bool(session._read(word).claims) == (word == raw)
    seen = session._opened.cache_info()
    assert (seen.hits, seen.currsize) == (1, 1)


def test_a_cookie_in_use_is_renewed_after_a_day_and_over_after_a_week(client):
    import time_machine

    account = make_account()
    with time_machine.travel(timezone.now() - timedelta(days=2), tick=False):
        sign_in_citizen(client, account)
    answer = client.get("/keluarga/")
    assert answer.status_code == 200
    cookie = answer.cookies[session.COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    with time_machine.travel(timezone.now() - timedelta(days=8), tick=False):
        sign_in_citizen(client, account)
    assert client.get("/keluarga/").status_code == 302


def test_being_signed_in_costs_one_query_and_no_session(client, django_assert_num_queries):
    account = make_account()
    sign_in_citizen(client, account)
    with django_assert_num_queries(3):  # account, family, claims
        answer = client.get("/keluarga/")
    assert "sessionid" not in answer.cookies
    assert "petugas" not in answer.cookies


def test_the_english_pages_speak_english_and_send_an_english_message(client):
    client.post("/en/masuk/", {"phone": TYPED})
    assert Message.objects.get().language == "en"
    assert client.get("/en/masuk/kode/").status_code == 200
