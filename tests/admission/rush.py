"""A room, people in it, and a clock that the test moves."""

from datetime import timedelta
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from admission import board, rooms, turns
from admission.models import Room
from core.crypto import blind_index
from scheduling.models import Schedule
from tests.registration.people import make_account, make_citizen, sign_in_citizen


def make_room(*, minutes=10, rate=600):
    """A room that is open now; the release is `minutes` away (None: admits at once)."""
    release_at = timezone.now() + timedelta(minutes=minutes) if minutes is not None else None
    room = rooms.create(reason="schedule" if release_at else "admin", release_at=release_at)
    Room.objects.filter(pk=room.pk).update(rate=rate)
    room.refresh_from_db()
    rooms.forget()
    return room


def release_now(room):
    """Its release hour has come, for the room and its schedules."""
    moment = timezone.now() - timedelta(seconds=2)
    Schedule.objects.filter(release_at=room.release_at).update(release_at=moment)
    Room.objects.filter(pk=room.pk).update(release_at=moment)
    room.refresh_from_db()
    return room


def somebody():
    """The key of a person nobody else has."""
    return blind_index(str(uuid4()), "test")


def crowd(room, people):
    """`people` turns in the room."""
    return [turns.join(room.pk, somebody()) for _ in range(people)]


def visitor(**citizen):
    """A signed-in browser with a person in its family; returns client and account."""
    account = make_account()
    make_citizen(account, **citizen)
    return sign_in_citizen(Client(), account), account


def serve(room, upto):
    """Call everybody up to a number, as the controller would."""
    Room.objects.filter(pk=room.pk).update(served_number=upto)
    turns.called(room.pk, 0, upto, timezone.now())
    board.publish(Room.objects.get(pk=room.pk))
