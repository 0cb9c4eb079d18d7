"""Messages: rows with the fact, sent after commit, retried, emptied; against providers on real sockets."""

import json
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from urllib.parse import parse_qs

import httpx
import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from messaging import services
from messaging.adapters import http
from messaging.models import Message
from tests.messaging import provider as local

pytestmark = pytest.mark.django_db
PHONE = "+6289900001234"
SECRET = "EAAG-rahasia-token"


@pytest.fixture(autouse=True)
def no_channel_rests(monkeypatch):
    """Every channel is asked, and a crowded machine is not taken for a slow or silent provider."""
    services.forget_rests()
    monkeypatch.setattr(services, "DRAIN_SECONDS", 60.0)
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(60.0))


@contextmanager
def given_up_on(silent):
    """Answers of this provider are waited for so shortly that none comes in time; all others have a minute."""
    silent.delay, post = 1.0, httpx.post

    def timed(url, *, timeout, **options):
        assert timeout is http.TIMEOUT
        return post(url, timeout=0.3 if url.startswith(silent.url) else timeout, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "post", timed)
        yield
    silent.delay = 0.0


@pytest.fixture
def provider():
    with local.running() as running:
        yield running


@pytest.fixture
def whatsapp(settings, provider):
    settings.MESSAGE_CHANNELS = ["whatsapp"]
    settings.WHATSAPP_BASE_URL = provider.url
    settings.WHATSAPP_API_VERSION = "v23.0"
    settings.WHATSAPP_PHONE_NUMBER_ID = "106540352242922"
    settings.WHATSAPP_TOKEN = SECRET
    provider.answers = [(200, {"messaging_product": "whatsapp", "messages": [{"id": "wamid.UJI"}]})]
    return provider


@pytest.fixture
def sms(settings, provider):
    settings.MESSAGE_CHANNELS = ["sms"]
    settings.SMS_URL = f"{provider.url}/kirim?kunci={SECRET}"
    settings.SMS_AUTHORIZATION = f"Bearer {SECRET}"
    settings.SMS_EXTRA_FIELDS = {"sender": "DINKES"}
    provider.answers = [(200, {"id": "sms-1"})]
    return provider


def write(**fields):
    with transaction.atomic():
        return services.send(**({"kind": "reminder", "to": PHONE, "text": "Jangan lupa besok."} | fields))


def due_now():
    """As if every pause were over."""
    services.forget_rests()
    Message.objects.update(available_at=timezone.now())


def test_a_message_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(transaction.TransactionManagementError):
        services.send(kind="x", to=PHONE, text="x")
    with pytest.raises(transaction.TransactionManagementError):
        services.send_many([services.Letter("x", PHONE, "x")])


def test_a_rolled_back_fact_sends_nothing():
    with pytest.raises(RuntimeError), transaction.atomic():
        services.send(kind="x", to=PHONE, text="x")
        raise RuntimeError
    assert not Message.objects.exists()


def test_the_same_key_is_one_message():
    assert write(dedupe_key="a").pk == write(dedupe_key="a").pk
    assert write().pk != write().pk


def test_a_key_that_would_give_the_number_away_is_refused():
    for key in (f"offer:1:{PHONE}", f"offer:1:{PHONE.removeprefix('+')}"):
        with pytest.raises(ValueError, match="I6"):
            write(dedupe_key=key)


def test_keys_from_before_that_hold_a_number_are_forgotten_and_others_kept():
    keys = [f"offer:1:{PHONE}", f"waitlist-ended:2:{PHONE}", "offer:1:7", "draw_lost:3:4:0"]
    rows = [write() for _key in keys]
    for row, key in zip(rows, keys, strict=True):
        Message.objects.filter(pk=row.pk).update(dedupe_key=key)
    with connection.cursor() as cursor:
        cursor.execute(import_module("messaging.migrations.0002_no_phone_in_keys").FORGET)
    assert set(Message.objects.values_list("dedupe_key", flat=True)) == {None, "offer:1:7", "draw_lost:3:4:0"}


def test_text_and_phone_are_encrypted_at_rest():
    write(text="Kode 987654")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(m)::text FROM messaging_message m")
        stored = cursor.fetchone()[0]
    assert "987654" not in stored
    assert "900001234" not in stored


def test_the_console_channel_delivers_to_the_demo_page():
    message = write(kind="sign_in_code", text="Kode 987654. Berlaku 10 menit.")
    assert services.drain() == 1
    message.refresh_from_db()
    assert message.state == Message.SENT
    page = Client().get("/demo/pesan/").content.decode()
    assert '<p class="ticket__code">987654</p>' in page


def test_whatsapp_sends_an_approved_template_with_its_values(settings, whatsapp):
    settings.WHATSAPP_TEMPLATES = {"sign_in_code": "kode_masuk"}
    message = write(kind="sign_in_code", text="Kode 987654", parameters=["987654"])
    services.drain()
    request = whatsapp.received[0]
    assert request["path"] == "/v23.0/106540352242922/messages"
    assert request["headers"]["Authorization"] == f"Bearer {SECRET}"
    value = [{"type": "text", "text": "987654"}]
    assert json.loads(request["body"]) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "6289900001234",
        "type": "template",
        "template": {
            "name": "kode_masuk",
            "language": {"code": "id"},
            "components": [
                {"type": "body", "parameters": value},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": value},
            ],
        },
    }
    message.refresh_from_db()
    assert (message.state, message.provider_reference) == (Message.SENT, "wamid.UJI")


def test_whatsapp_sends_text_where_no_template_is_agreed(whatsapp):
    write()
    services.drain()
    body = json.loads(whatsapp.received[0]["body"])
    assert body["text"] == {"preview_url": False, "body": "Jangan lupa besok."}


def test_a_final_refusal_is_not_tried_again(whatsapp):
    whatsapp.answers = [(400, {"error": {"code": 131026, "message": "undeliverable"}})]
    message = write()
    services.drain()
    message.refresh_from_db()
    assert (message.state, message.last_error) == (Message.FAILED, "HTTP 400 kode 131026")
    due_now()
    services.drain()
    assert whatsapp.asked() == 1


@pytest.mark.parametrize(
    "answer", [(429, {}), (400, {"error": {"code": 130429}}), (401, {"error": {"code": 190}}), (500, {}), (503, {})]
)
def test_what_passes_by_itself_is_tried_again_and_then_sent(whatsapp, answer):
    whatsapp.answers = [answer, (200, {"messages": [{"id": "wamid.2"}]})]
    message = write()
    services.drain()
    message.refresh_from_db()
    assert message.state == Message.WAITING
    assert message.available_at > timezone.now()
    due_now()
    services.drain()
    message.refresh_from_db()
    assert message.state == Message.SENT


def test_whatsapp_refused_for_good_falls_back_to_sms(settings, whatsapp):
    settings.MESSAGE_CHANNELS = ["whatsapp", "sms"]
    settings.SMS_URL = f"{whatsapp.url}/sms"
    whatsapp.answers = [(400, {"error": {"code": 131026}}), (200, {"id": "sms-9"})]
    message = write()
    services.drain()
    services.drain()
    message.refresh_from_db()
    assert (message.state, message.channel, message.provider_reference) == (Message.SENT, "sms", "sms-9")


def test_a_gateway_gets_its_own_field_names_as_json_or_form(settings, sms):
    settings.SMS_NUMBER_FIELD, settings.SMS_TEXT_FIELD = "msisdn", "isi"
    message = write()
    services.drain()
    assert json.loads(sms.received[0]["body"]) == {
        "sender": "DINKES", "msisdn": "6289900001234", "isi": "Jangan lupa besok.", "reference": str(message.pk),
    }  # fmt: skip
    settings.SMS_AS_JSON = False
    write()
    services.drain()
    assert parse_qs(sms.received[1]["body"].decode())["msisdn"] == ["6289900001234"]


def test_a_silent_provider_costs_one_timeout_while_it_rests_and_no_message(sms):
    for _turn in range(5):
        write()
    with given_up_on(sms):
        for _turn in range(3):
            Message.objects.update(available_at=timezone.now())
            services.drain()
    assert sms.asked() == 1
    assert Message.objects.filter(state=Message.WAITING).count() == 5
    assert sorted(Message.objects.values_list("attempts", flat=True)) == [0, 0, 0, 0, 1]
    due_now()
    assert services.drain() == 5


def test_behind_a_silent_provider_the_other_channels_go_on(sms):
    for _turn in range(services.CLAIM_LIMIT + 5):
        write()
    letter = write(to="warga@contoh.invalid")
    with given_up_on(sms):
        services.drain()
    letter.refresh_from_db()
    assert letter.state == Message.SENT
    assert sms.asked() == 1


def test_a_slow_provider_does_not_keep_a_worker_from_its_other_queues(monkeypatch, sms):
    monkeypatch.setattr(services, "DRAIN_SECONDS", 0.2)
    sms.delay = 0.3
    for _turn in range(20):
        write()
    assert services.drain() == 1 + services.AT_ONCE
    assert Message.objects.filter(state=Message.WAITING, attempts=0).count() == 20 - 1 - services.AT_ONCE


def test_a_provider_that_falls_silent_in_the_middle_keeps_the_rest_untried(sms):
    sms.answers = [(200, {"id": "1"})] * 3 + [(503, {})]
    for _turn in range(20):
        write()
    services.drain()
    # One alone, eight of which two still arrive, eight in vain; the last three are not sent into the dark.
    assert len(sms.received) == 17
    assert Message.objects.filter(state=Message.SENT).count() == 3
    assert Message.objects.filter(state=Message.WAITING, attempts=0).count() == 3


def test_who_waits_for_a_code_gets_it_by_the_next_channel_when_one_is_silent(settings, whatsapp):
    settings.MESSAGE_CHANNELS = ["whatsapp", "sms"]
    with local.running() as gateway, given_up_on(whatsapp):
        settings.SMS_URL = f"{gateway.url}/sms"
        reminder = write(text="besok")
        write(text="kode 1", urgent=True)
        assert services.drain() == 1, "passed on, so the next sweep comes at once"
        write(text="kode 2", urgent=True)
        services.drain()
        assert [json.loads(one["body"])["message"] for one in gateway.received] == ["kode 1", "kode 2"]
    assert whatsapp.asked() == 1
    reminder.refresh_from_db()
    assert (reminder.state, reminder.channel, reminder.attempts) == (Message.WAITING, "whatsapp", 0)


def test_a_provider_that_is_down_loses_nothing(settings, sms):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.SMS_URL = f"http://127.0.0.1:{free.getsockname()[1]}/"
    message = write()
    services.drain()
    message.refresh_from_db()
    assert (message.state, message.last_error) == (Message.WAITING, "ConnectError")


def test_after_the_last_pause_a_person_has_to_look(sms):
    sms.answers = [(503, {})]
    message = write()
    for _turn in range(len(services.PAUSES_SECONDS) + 1):
        due_now()
        services.drain()
    message.refresh_from_db()
    assert message.state == Message.FAILED
    assert services.retry(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (Message.WAITING, 0)


def test_no_secret_phone_or_text_reaches_the_log(sms, caplog):
    caplog.set_level(logging.DEBUG)
    sms.answers = [(500, {"echo": SECRET})]
    write(text="Kode 987654")
    services.drain()
    for word in (SECRET, "987654", "89900001234"):
        assert word not in caplog.text
    assert not Message.objects.filter(last_error__contains=SECRET).exists()


def test_a_mailbox_gets_an_email(settings):
    settings.MESSAGE_CHANNELS = ["whatsapp"]
    message = write(to="warga@contoh.invalid", subject="Janji Anda")
    services.drain()
    message.refresh_from_db()
    assert message.state == Message.SENT
    assert (mail.outbox[0].to, mail.outbox[0].subject) == (["warga@contoh.invalid"], "Janji Anda")


def test_a_dead_mail_server_is_tried_again(settings):
    settings.MESSAGE_CHANNELS = ["whatsapp"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free.getsockname()[1]
    message = write(to="warga@contoh.invalid")
    services.drain()
    message.refresh_from_db()
    assert message.state == Message.WAITING


def test_the_person_who_waits_comes_first(sms):
    write(text="besok")
    write(text="kode", urgent=True)
    services.drain()
    assert [json.loads(one["body"])["message"] for one in sms.received] == ["kode", "besok"]


def test_a_late_code_is_not_sent_and_its_text_is_gone(sms):
    message = write(expires_at=timezone.now() - timedelta(seconds=1))
    services.drain()
    message.refresh_from_db()
    assert (message.state, message.body, message.parameters) == (Message.EXPIRED, "", "")
    assert not sms.received


def test_the_text_of_a_sent_message_is_emptied_when_it_is_of_no_use():
    message = write(kind="sign_in_code", text="Kode 987654", parameters=["987654"])
    services.drain()
    Message.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    services.drain()
    message.refresh_from_db()
    assert (message.state, message.body, message.parameters) == (Message.SENT, "", "")
    assert "987654" not in Client().get("/demo/pesan/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_four_workers_send_each_message_once(sms):
    for _turn in range(20):
        write()

    def work(_turn):
        try:
            services.drain()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len({json.loads(one["body"])["reference"] for one in sms.received}) == len(sms.received) == 20


@pytest.mark.django_db(transaction=True)
def test_the_message_of_a_dead_worker_comes_due_again(sms):
    message = write()
    Message.objects.all().claim(1, 60)
    services.drain()
    assert not sms.received
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    services.drain()
    message.refresh_from_db()
    assert message.state == Message.SENT


@pytest.mark.parametrize("path", ["/demo/pesan/", "/demo/akun/"])
def test_demo_pages_answer_in_demo_mode_only(settings, path):
    assert Client().get(path).status_code == 200
    settings.DEMO = False
    assert Client().get(path).status_code == 404


def test_a_crowd_of_messages_leaves_in_one_drain_and_several_at_once(sms):
    """After a draw thousands are due; a provider takes its time for each, and who waits for a code goes first."""
    sms.delay = 0.3
    with transaction.atomic():
        services.send_many(
            services.Letter("uji", f"+62899000{number:05}", "Undian selesai.", dedupe_key=f"undian:{number}")
            for number in range(60)
        )
    assert services.unsent("undian:") == 60
    write(text="kode", urgent=True)
    assert services.drain() == 61
    assert 4 <= sms.most_at_once <= services.AT_ONCE
    assert json.loads(sms.received[0]["body"])["message"] == "kode"
    assert services.unsent("undian:") == 0


def test_many_messages_written_twice_are_written_once():
    letters = [services.Letter("uji", "+6289900001234", "sekali", dedupe_key=f"sekali:{n}") for n in range(3)]
    for _ in range(2):
        with transaction.atomic():
            services.send_many(letters)
    assert Message.objects.filter(dedupe_key__startswith="sekali:").count() == 3
