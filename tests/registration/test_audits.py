"""I6 and I9, each broken on purpose."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.utils import timezone

from core.models import OutboxMessage, ReadLog
from core.readlog import log_read
from messaging.models import Message
from regions.models import Facility, Kecamatan, Kelurahan
from registration import audits
from tests.registration.people import make_account, make_citizen
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def citizen():
    return make_citizen(make_account(), contact_phone="0899 1234 5678")


def test_a_house_in_order_has_no_violation(citizen):
    make_citizen(no_nik_reason="adat")
    call_command("audit")
    assert audits.leaks_in_database() == audits.leaks_in_redis() == audits.leaks_in_logs() == 0


def test_a_nik_in_a_json_column_is_found(citizen):
    OutboxMessage.objects.create(topic="x", consumer="y", payload={"catatan": f"NIK {citizen.nik}"})
    assert audits.leaks_in_database() == 1


@pytest.mark.parametrize("written", ["081234567890", "+6281234567890", "6281234567890"])
def test_a_phone_in_a_text_column_is_found_however_it_is_written(written):
    make_account("+6281234567890")
    user = make_staff(city=True)
    ReadLog.objects.create(user=user, citizen_id=1, purpose="identity", note=f"telp {written}.")
    assert audits.leaks_in_database() == 1


def test_a_nik_in_the_data_of_a_session_is_found(citizen):
    session = SessionStore()
    session["cari"] = citizen.nik
    session.save()
    assert audits.leaks_in_database() == 1


def test_digits_of_nobody_are_no_alarm(citizen):
    OutboxMessage.objects.create(topic="x", consumer="y", payload={"kode": "9974010101209999", "telp": "081200000000"})
    OutboxMessage.objects.create(topic="x", consumer="y", payload={"kode": f"1{citizen.nik}"})
    assert audits.leaks_in_database() == 0


@pytest.mark.parametrize("kind", ["key", "string", "list", "hash", "set", "zset"])
def test_a_number_in_redis_is_found(citizen, redis_client, kind):
    text = f"warga:{citizen.nik}"
    match kind:
        case "key":
            redis_client.set(text, "1")
        case "string":
            redis_client.set("a", text)
        case "list":
            redis_client.rpush("a", text)
        case "hash":
            redis_client.hset("a", "b", text)
        case "set":
            redis_client.sadd("a", text)
        case "zset":
            redis_client.zadd("a", {text: 1})
    assert audits.leaks_in_redis() == 1


def test_a_dead_redis_is_no_violation(settings):
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    assert audits.leaks_in_redis() == 0


def test_a_number_in_a_log_is_found_even_across_two_chunks(citizen, settings, tmp_path, monkeypatch):
    settings.STATE_DIR = tmp_path
    (tmp_path / "log").mkdir()
    Path(tmp_path / "log" / "web.log.1").write_text("x" * 90 + citizen.nik + "x" * 50)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18")
    (tmp_path / "postgres" / "inner.log").write_text(citizen.nik)
    monkeypatch.setattr(audits, "CHUNK", 100)
    assert audits.leaks_in_logs() == 1


def test_a_message_with_a_phone_in_its_kind_is_found():
    account = make_account()
    Message.objects.create(
        kind=account.phone, channel="console", recipient="x", recipient_index=b"0" * 32, body="x",
        expires_at=timezone.now(),
    )  # fmt: skip
    assert audits.leaks_in_database() == 1


def test_a_reading_by_somebody_off_duty_is_a_violation(citizen):
    user = make_staff(city=True)
    log_read(user=user, citizen_id=citizen.pk, purpose="identity")
    assert audits.reads_off_duty() == 0
    user.memberships.update(valid_until=timezone.localdate() - timedelta(days=1))
    assert audits.reads_off_duty() == 0
    user.memberships.update(valid_until=timezone.localdate() - timedelta(days=2))
    assert audits.reads_off_duty() == 1


def test_a_cadre_who_read_somebody_of_another_kelurahan_is_a_violation():
    kecamatan = Kecamatan.objects.create(code="99.74.01", name="Uji", grid_row=0, grid_col=0)
    near, far = (
        Kelurahan.objects.create(code=f"99.74.01.100{number}", name=f"K{number}", kecamatan=kecamatan)
        for number in (1, 2)
    )
    cadre = make_staff("kader", kelurahan=near)
    log_read(user=cadre, citizen_id=make_citizen(kelurahan=near).pk, purpose="identity")
    log_read(user=cadre, citizen_id=make_citizen(kelurahan=far, domicile_kelurahan=near).pk, purpose="identity")
    assert audits.reads_outside_residence() == 0
    facility = Facility.objects.create(code="pkm", name="P", kind="puskesmas", kecamatan=kecamatan)
    log_read(user=make_staff("petugas", facility=facility), citizen_id=make_citizen(kelurahan=far).pk, purpose="dose")
    assert audits.reads_outside_residence() == 0
    log_read(user=cadre, citizen_id=make_citizen(kelurahan=far).pk, purpose="identity")
    assert audits.reads_outside_residence() == 1
