"""A kept connection that died is noticed before the next request, without a question while it lives."""

import threading

import pytest
from django.db import OperationalError, connection, connections

pytestmark = pytest.mark.django_db(transaction=True)


def _in_new_thread(work):
    """Run `work` in a thread, which has a connection of its own; returns its result."""
    found = []

    def body():
        try:
            found.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return found[0]


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _end(pid: int) -> None:
    def work():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
            return cursor.fetchone()[0]

    assert _in_new_thread(work)


def _next_request() -> None:
    """What Django does with kept connections when a request begins (settings: CONN_HEALTH_CHECKS)."""
    connection.health_check_enabled = True
    connection.health_check_done = False


def test_a_connection_that_the_server_ended_is_replaced_before_the_first_statement():
    first = _backend()
    _end(first)
    _next_request()
    assert _backend() != first


def test_a_living_connection_is_kept_and_asked_nothing():
    def last_statement(pid):
        with connection.cursor() as cursor:
            cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
            return cursor.fetchone()[0]

    first = _backend()
    _next_request()
    connection.close_if_health_check_failed()
    assert connection.health_check_done
    assert _in_new_thread(lambda: last_statement(first)) == "SELECT pg_backend_pid()"
    assert _backend() == first


def test_news_on_the_wire_do_not_end_a_living_connection():
    first = _backend()

    def tell():
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY kabar")

    with connection.cursor() as cursor:
        cursor.execute("LISTEN kabar")
    _in_new_thread(tell)
    _next_request()
    assert _backend() == first


def test_a_connection_that_dies_within_a_request_is_an_error_and_no_second_try():
    first = _backend()
    _next_request()
    _backend()
    _end(first)
    with pytest.raises(OperationalError):
        _backend()
    connection.close()
