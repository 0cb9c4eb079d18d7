"""manage.py outbox: what an operator reads."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from core.models import OutboxMessage

pytestmark = pytest.mark.django_db


def outbox(*args):
    out = StringIO()
    call_command("outbox", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_an_empty_queue_says_so():
    assert outbox() == "Antrean kosong.\n"
    assert json.loads(outbox("--json")) == {"topics": []}


def test_topics_are_counted_and_failures_named_by_class():
    OutboxMessage.objects.create(topic="a", consumer="x")
    OutboxMessage.objects.create(topic="a", consumer="y", state="in_flight")
    OutboxMessage.objects.create(topic="a", consumer="z", state="failed", last_error="KeyError: 'n'")
    OutboxMessage.objects.create(topic="b", consumer="x", state="done")
    (row,) = json.loads(outbox("--json"))["topics"]
    assert row.pop("oldest_seconds") >= 0
    assert row == {"topic": "a", "waiting": 1, "in_flight": 1, "failed": {"KeyError": 1}}
    assert "1 KeyError" in outbox()


def test_failed_messages_can_be_sent_back():
    message = OutboxMessage.objects.create(topic="a", consumer="z", state="failed", attempts=9)
    outbox("--retry")
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("waiting", 0)
