"""Encryption at rest: bound to its column, unreadable without the key, findable by index only."""

import pytest
from django.db import connection
from django.utils import timezone

from core import crypto
from messaging.models import Message


def test_a_sealed_value_opens_only_in_its_own_column():
    sealed = crypto.encrypt("9974011203509003", "registration.nik")
    assert crypto.decrypt(sealed, "registration.nik") == "9974011203509003"
    with pytest.raises(crypto.DecryptionFailed):
        crypto.decrypt(sealed, "registration.phone")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\xff" * 40, b"\x01" + b"0" * 60])
def test_foreign_bytes_are_refused_not_returned(blob):
    with pytest.raises(crypto.DecryptionFailed):
        crypto.decrypt(blob, "registration.nik")


def test_equal_texts_seal_differently_and_index_equally():
    assert crypto.encrypt("a", "x") != crypto.encrypt("a", "x")
    assert crypto.blind_index("a", "nik") == crypto.blind_index("a", "nik")
    assert crypto.blind_index("a", "nik") != crypto.blind_index("a", "phone")


def test_an_older_key_still_opens_what_it_sealed(settings):
    old = crypto.encrypt("rahasia", "x")
    settings.FIELD_KEYS = {**settings.FIELD_KEYS, 2: b"k" * 32}
    settings.FIELD_KEY_VERSION = 2
    new = crypto.encrypt("rahasia", "x")
    assert (old[0], new[0]) == (1, 2)
    assert crypto.decrypt(old, "x") == crypto.decrypt(new, "x") == "rahasia"


@pytest.mark.django_db
def test_the_column_holds_no_plain_text():
    message = Message.objects.create(
        kind="t",
        channel="console",
        recipient="+6281234567890",
        recipient_index=b"0" * 32,
        body="kode 123456",
        expires_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipient, body FROM messaging_message WHERE id = %s", [message.pk])
        stored = b"".join(bytes(value) for value in cursor.fetchone())
    assert b"81234567890" not in stored
    assert b"123456" not in stored
    assert Message.objects.get(pk=message.pk).body == "kode 123456"
