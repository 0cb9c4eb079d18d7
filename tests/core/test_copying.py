"""Rows written by COPY arrive as they were given."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from core.copying import copy_rows
from core.models import OutboxMessage

pytestmark = pytest.mark.django_db
COLUMNS = (
    "topic",
    "consumer",
    "payload",
    "created_at",
    "state",
    "available_at",
    "attempts",
    "last_error",
    "lease_until",
)
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def row(topic="uji", error="", payload=None):
    return (topic, "penerima", payload or {}, NOW, "waiting", NOW, 3, error, None)


def test_every_kind_of_value_arrives():
    texts = ["", "\\N", "\\.", "a\tb\nc\rd\\e", "'kutip' \"ganda\"", "ḥāfiẓ – 你好", "\\x41"]
    payload = {"a": 'b\\"\n\t', "c": [1, None, True], "d": "ḥ"}
    copy_rows(OutboxMessage, COLUMNS, [row(error=text, payload=payload) for text in texts])
    found = OutboxMessage.objects.filter(topic="uji").order_by("pk")
    assert [one.last_error for one in found] == texts
    assert {(one.created_at, one.attempts, one.lease_until) for one in found} == {(NOW, 3, None)}
    assert all(one.payload == payload for one in found)


def test_nothing_is_written_for_no_rows():
    copy_rows(OutboxMessage, COLUMNS, [])
    assert not OutboxMessage.objects.exists()


def test_a_row_that_breaks_a_rule_is_an_error_of_django():
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows(OutboxMessage, COLUMNS, [row(), (None, *row()[1:])])
    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_belongs_in_a_transaction():
    assert not connection.in_atomic_block
    with pytest.raises(transaction.TransactionManagementError):
        copy_rows(OutboxMessage, COLUMNS, [row()])
