"""The outbox: exactly once per consumer, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core import outbox
from core.leases import LeaseLost
from core.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def consumer(monkeypatch):
    """A topic with one recording consumer, gone after the test."""
    monkeypatch.setattr(outbox, "_by_topic", type(outbox._by_topic)(list))
    monkeypatch.setattr(outbox, "_by_key", {})
    received = []
    outbox.subscribe("test.topic", "test", lambda payload: received.append(payload["n"]))
    return received


def add(n):
    with transaction.atomic():
        outbox.add("test.topic", n=n)


def test_a_message_outside_a_transaction_is_refused(consumer):
    with pytest.raises(transaction.TransactionManagementError):
        outbox.add("test.topic", n=1)


def test_a_rolled_back_fact_tells_nobody(consumer):
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.add("test.topic", n=1)
        raise RuntimeError
    assert outbox.drain() == 0
    assert consumer == []


def test_each_message_is_handled_once_by_many_workers(consumer):
    for n in range(40):
        add(n)

    def work(_):
        try:
            return outbox.drain(limit=7)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    assert sorted(consumer) == list(range(40))
    assert OutboxMessage.objects.filter(state="done").count() == 40


def test_a_dead_workers_message_comes_due_again(consumer):
    add(1)
    (message,) = OutboxMessage.objects.all().claim(1, seconds=60)
    assert outbox.drain() == 0, "leased rows are not handed out twice"
    OutboxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.drain() == 1
    with pytest.raises(LeaseLost):
        message.finish(OutboxMessage.DONE)
    assert consumer == [1]


def test_a_failing_handler_undoes_its_own_writes_and_tries_again(consumer):
    calls = []

    def handler(payload):
        OutboxMessage.objects.create(topic="side effect", consumer="x")
        calls.append(payload)
        if len(calls) == 1:
            raise ValueError("first time")

    outbox.subscribe("test.topic", "test", handler)
    add(1)
    assert outbox.drain() == 0
    assert not OutboxMessage.objects.filter(topic="side effect").exists()
    OutboxMessage.objects.update(available_at=timezone.now())
    assert outbox.drain(consumer="test") == 1
    assert OutboxMessage.objects.filter(topic="side effect").count() == 1


def test_after_the_last_try_a_message_waits_for_a_person(consumer):
    outbox.subscribe("test.topic", "test", lambda payload: 1 / 0)
    add(1)
    OutboxMessage.objects.update(attempts=len(outbox.PAUSES_SECONDS))
    outbox.drain()
    message = OutboxMessage.objects.get()
    assert message.state == "failed"
    assert "ZeroDivisionError" in message.last_error
