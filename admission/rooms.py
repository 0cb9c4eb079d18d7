"""Rooms: announced before a release, opened by load or by hand, shuffled once, closed when the rush is over."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import User
from admission import board
from admission.models import Room, RoomEvent, Turn
from core.formats import long_date
from scheduling.fair_order import commitment, fair_order, new_seed
from scheduling.models import Place, Schedule

MEMORY_SECONDS = 1.0
SHUFFLE = """
UPDATE admission_turn turn SET number = drawn.number, drawn_number = drawn.number
FROM unnest(%s::uuid[]) WITH ORDINALITY AS drawn (public_id, number)
WHERE turn.room_id = %s AND turn.public_id = drawn.public_id"""

_active: tuple[float, tuple[Room, ...]] = (float("-inf"), ())
_refresh = threading.Lock()


def active() -> tuple[Room, ...]:
    """Rooms that are on, newest first, at most a second old in this process; no query in between.

    While one thread asks the others take the previous answer.
    """
    global _active
    at, rooms = _active
    if time.monotonic() - at < MEMORY_SECONDS or not _refresh.acquire(blocking=at == float("-inf")):
        return rooms
    try:
        at, rooms = _active
        if time.monotonic() - at >= MEMORY_SECONDS:
            rooms = tuple(on_now(timezone.now()))
            _active = (time.monotonic(), rooms)
        return rooms
    finally:
        _refresh.release()


def on_now(now: datetime) -> "Iterator[Room]":
    """Rooms people may be in at `now`, newest first."""
    rows = Room.objects.exclude(state=Room.State.CLOSED).filter(opens_at__lte=now)
    return iter(rows.defer("seed").order_by("-opens_at", "-pk"))


def forget() -> None:
    """Drop what this process remembers; tests and whoever switches a room call it."""
    global _active
    _active = (float("-inf"), ())


def announce_due(now: datetime | None = None) -> int:
    """Make a room for every release within settings.ADMISSION_ANNOUNCE_HOURS that has places for a crowd.

    Returns how many were made; safe to run twice and at once.
    """
    now = now or timezone.now()
    until = now + timedelta(hours=settings.ADMISSION_ANNOUNCE_HOURS)
    online = Q(slots__places__pool=Place.Pool.ONLINE)
    due = (
        Schedule.objects.filter(state=Schedule.State.OPEN, release_at__gt=now, release_at__lte=until)
        .values("release_at")
        .annotate(places=Count("slots__places", filter=online))
        .filter(places__gt=settings.ADMISSION_MIN_PLACES)
        .order_by("release_at")
    )
    planned = Room.objects.filter(reason=Room.Reason.SCHEDULE, release_at__gt=now)
    known = set(planned.values_list("release_at", flat=True))
    made = 0
    for row in due:
        if row["release_at"] not in known:
            made += create(reason=Room.Reason.SCHEDULE, release_at=row["release_at"]) is not None
    return made


def create(
    *, reason: str, release_at: datetime | None = None, opens_at: datetime | None = None, by: User | None = None
) -> Room | None:
    """Make a room with its sealed seed; without `release_at` it admits at once. None when there already is one."""
    now = timezone.now()
    seed = new_seed()
    if release_at and opens_at is None:
        opens_at = release_at - timedelta(minutes=settings.ADMISSION_OPEN_MINUTES)
    room = Room(
        name=_name(reason, release_at, now),
        reason=reason,
        release_at=release_at,
        opens_at=opens_at or now,
        state=Room.State.WAITING if release_at else Room.State.ADMITTING,
        seed=seed,
        seed_hash=commitment(seed),
        rate=settings.ADMISSION_RATE,
    )
    try:
        with transaction.atomic():
            room.save(force_insert=True)
            log(room, "Ruang tunggu dibuat.", by)
    except IntegrityError:
        return None
    forget()
    return room


def release(room_id: int, now: datetime | None = None) -> bool:
    """Shuffle everybody who is there, once, and begin to admit; True when this call did it.

    One transaction: either all have their number, in the order of `fair_order`, or nobody has. Locks the room's row
    against joins, which then continue behind the shuffled.
    """
    now = now or timezone.now()
    with transaction.atomic():
        room = Room.objects.select_for_update().get(pk=room_id)
        if room.state != Room.State.WAITING or (room.release_at and room.release_at > now):
            return False
        ids = [str(public_id) for public_id in room.turns.values_list("public_id", flat=True)]
        order = fair_order(room.seed, [(public_id, 1) for public_id in ids])
        with connection.cursor() as cursor:
            cursor.execute(SHUFFLE, [order, room_id])
        room.state = Room.State.ADMITTING
        room.shuffled_count = room.last_number = len(order)
        room.seed_revealed_at = now
        room.save(update_fields=["state", "shuffled_count", "last_number", "seed_revealed_at"])
        log(room, f"Pembukaan: {len(order)} orang diundi, benih dibuka.")
    forget()
    board.fill(room_id, force=True)
    return True


def replay(room: Room) -> tuple[bool, int]:
    """Draw the published list again; whether it gives the published numbers, and how many there are."""
    rows = room.turns.filter(drawn_number__isnull=False).order_by("drawn_number")
    drawn = [str(public_id) for public_id in rows.values_list("public_id", flat=True)]
    again = fair_order(room.seed, [(name, 1) for name in sorted(drawn)])
    honest = commitment(room.seed) == room.seed_hash and again == drawn and len(drawn) == room.shuffled_count
    return honest, len(drawn)


def close(room_id: int, why: str, by: User | None = None) -> bool:
    """End a room: everybody may book without a turn; True when this call did it. Locks the room's row."""
    with transaction.atomic():
        room = Room.objects.select_for_update(no_key=True).get(pk=room_id)
        if room.state == Room.State.CLOSED:
            return False
        if room.seed_revealed_at is None and room.release_at is None:
            room.seed_revealed_at = timezone.now()
        room.state, room.closed_at = Room.State.CLOSED, timezone.now()
        room.save(update_fields=["state", "closed_at", "seed_revealed_at"])
        log(room, f"Ditutup: {why}", by)
    forget()
    board.publish(room)
    return True


def log(room: Room, text: str, by: User | None = None) -> None:
    """Write down what happened to a room."""
    RoomEvent.objects.create(room=room, text=text[:240], by=by)


def waiting_count(room: Room) -> int:
    """How many people are not yet called: all before the shuffle, numbers not yet served afterwards."""
    return Turn.objects.filter(room=room).count() if room.state == Room.State.WAITING else room.waiting


def _name(reason: str, release_at: datetime | None, now: datetime) -> str:
    moment = timezone.localtime(release_at or now)
    text = "Pembukaan" if release_at else "Ramai"
    if reason == Room.Reason.ADMIN and not release_at:
        text = "Ruang tunggu"
    return f"{text} {long_date(moment.date())} {moment:%H.%M}"
