import pytest
import redis
from django.utils import translation

from admission import board, clock, guard, load, rooms
from admission.views import public
from scheduling import queries


def forget_everything():
    """What a process remembers, as after a restart of the web."""
    board.forget()
    rooms.forget()
    queries.forget()
    public.ABOUT.clear()
    clock._next_try.clear()
    load.meter = load.Meter()
    guard._done.clear()
    guard._done_at = guard._watched_at = 0.0


@pytest.fixture(autouse=True)
def _fresh(redis_client):
    """An empty Redis and a process that has just started."""
    translation.activate("id")
    forget_everything()
    yield
    forget_everything()


@pytest.fixture
def asked(monkeypatch):
    """What this process sends to Redis from now on; the server itself counts those of all test processes."""
    sent, send = [], redis.connection.AbstractConnection.send_packed_command

    def noted(connection, command, *more, **named):
        sent.append(b"".join(command))
        return send(connection, command, *more, **named)

    monkeypatch.setattr(redis.connection.AbstractConnection, "send_packed_command", noted)
    return sent
