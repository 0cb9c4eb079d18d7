"""The board everybody looks at: one Redis hash per room, filled from Postgres whenever it is missing.

A poll is one HMGET. Redis dead or empty costs speed, never a turn: the same answer is then read from Postgres, kept in
this process for a moment, and one process writes the board anew while the others go on.
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.exceptions import RedisError

from admission.models import Room, Turn
from core import resting

KEEP_SECONDS = 24 * 3600
FILL_SECONDS = 30  # longest time one process may take to write the board anew
CHUNK = 5000
MEMORY_SECONDS = 1.0
LINE_SECONDS = 0.5
MEMORY_TURNS = 200_000
STATUS = "status"
ABSENT = "-"  # a turn without a number

_rooms: dict[int, tuple[float, "Status | None"]] = {}
_numbers: dict[str, tuple[float, str | None]] = {}
_lines: dict[int, "tuple[float, tuple[Status, bool]]"] = {}
_guard = threading.Lock()
_reading = threading.Lock()


@dataclass(frozen=True)
class Status:
    """What is the same for everybody in a room."""

    room: int
    state: str
    served: int
    last: int
    rate: int
    paused: bool
    left: int
    held: int
    elsewhere: int
    gone: bool
    release_at: float  # seconds since 1970; 0 without a release hour
    message: str
    ticked_at: float

    @classmethod
    def of(cls, room: Room) -> "Status":
        """The board of a room as Postgres knows it."""
        return cls(
            room=room.pk,
            state=room.state,
            served=room.served_number,
            last=room.last_number,
            rate=room.rate,
            paused=room.paused,
            left=room.places_left,
            held=room.places_held,
            elsewhere=room.places_elsewhere,
            gone=room.is_gone,
            release_at=room.release_at.timestamp() if room.release_at else 0.0,
            message=room.message,
            ticked_at=room.ticked_at.timestamp() if room.ticked_at else 0.0,
        )


@dataclass(frozen=True)
class Seen:
    """One look at the board: the room, and the number of one turn (None before the shuffle)."""

    status: Status
    number: int | None
    known: bool  # False: no such turn
    from_redis: bool


def key(room_id: int) -> str:
    """Name of the room's hash."""
    return f"victori:room:{room_id}"


@lru_cache(maxsize=2)
def _client(url: str) -> Any:
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.3, decode_responses=True)


def client() -> Any:
    """Redis, or None for some seconds after it failed."""
    return None if resting.is_resting() else _client(settings.REDIS_URL)


def failed(error: Exception) -> None:
    """Redis did not answer."""
    resting.failed(error, "the waiting room reads from the database")


def forget() -> None:
    """Drop what this process remembers; tests call it."""
    resting.forget()
    _rooms.clear()
    _numbers.clear()
    _lines.clear()


def look(room_id: int, turn: str, number: int | None = None) -> Seen | None:
    """The board for one turn (`turn` as 32 hexadecimal digits); None for a room that does not exist.

    With the number known, the room's line as this process read it within half a second. Else one HMGET while Redis has
    the board, or the database, at most once a second for the room and once for the turn.
    """
    if number is not None:
        line = _line(room_id)
        return Seen(line[0], number, True, line[1]) if line else None
    return _look_up(room_id, turn)


def _line(room_id: int) -> tuple[Status, bool] | None:
    """The room's line and whether Redis said it; while one thread asks, the others take the previous one."""
    at, line = _lines.get(room_id, (float("-inf"), None))
    if time.monotonic() - at < LINE_SECONDS or (line and not _reading.acquire(blocking=False)):
        return line
    if line is None:
        _reading.acquire()
    try:
        line = _read_line(room_id)
        if line:
            _lines[room_id] = (time.monotonic(), line)
        return line
    finally:
        _reading.release()


def _read_line(room_id: int) -> tuple[Status, bool] | None:
    store = client()
    if store is not None:
        try:
            text = store.hget(key(room_id), STATUS)
            if text is None and fill(room_id):
                text = store.hget(key(room_id), STATUS)
            if text is not None:
                return Status(**json.loads(text)), True
        except RedisError as error:
            failed(error)
    status = status_of(room_id)
    return (status, False) if status else None


def _look_up(room_id: int, turn: str) -> Seen | None:
    store = client()
    if store is not None:
        try:
            status, number = store.hmget(key(room_id), STATUS, f"n:{turn}")
        except RedisError as error:
            failed(error)
        else:
            if status is not None and number is not None:
                return Seen(Status(**json.loads(status)), _whole(number), True, True)
            if status is None:
                fill(room_id)
    return _from_database(room_id, turn)


def publish(room: Room) -> None:
    """Write the room's line; best effort."""
    store = client()
    _rooms[room.pk] = (time.monotonic(), Status.of(room))
    _lines.pop(room.pk, None)
    if store is None:
        return
    try:
        if not store.exists(key(room.pk)):
            fill(room.pk)  # never a line alone: a board without its turns would send everybody to the database
            return
        store.hset(key(room.pk), STATUS, json.dumps(asdict(Status.of(room))))
    except RedisError as error:
        failed(error)


def put_turn(room_id: int, turn: str, number: int | None) -> None:
    """Write one turn's line; best effort."""
    _numbers.pop(turn, None)
    store = client()
    if store is None:
        return
    try:
        store.hset(key(room_id), f"n:{turn}", ABSENT if number is None else str(number))
    except RedisError as error:
        failed(error)


def fill(room_id: int, *, force: bool = False) -> bool:
    """Write the whole board from Postgres; True when this process did it.

    One process at a time: the lock is a key that ends by itself. The board appears at once (RENAME), never in part.
    """
    store = client()
    if store is None:
        return False
    lock, fresh = f"{key(room_id)}:fill", f"{key(room_id)}:fresh"
    try:
        if not store.set(lock, "1", nx=True, ex=FILL_SECONDS) and not force:
            return False
        room = Room.objects.filter(pk=room_id).first()
        if room is None:
            return False
        store.delete(fresh)
        for lines in _chunks(room_id):
            store.hset(fresh, mapping=lines)
        room.refresh_from_db()  # numbers went on while the turns were read
        store.hset(fresh, STATUS, json.dumps(asdict(Status.of(room))))
        pipe = store.pipeline()
        pipe.expire(fresh, KEEP_SECONDS).rename(fresh, key(room_id)).delete(lock)
        pipe.execute()
    except RedisError as error:
        failed(error)
        return False
    _numbers.clear()
    return True


def _chunks(room_id: int) -> Iterator[dict[str, str]]:
    rows = Turn.objects.filter(room=room_id).order_by("pk").values_list("public_id", "number")
    lines: dict[str, str] = {}
    for public_id, number in rows.iterator(chunk_size=CHUNK):
        lines[f"n:{public_id.hex}"] = ABSENT if number is None else str(number)
        if len(lines) == CHUNK:
            yield lines
            lines = {}
    if lines:
        yield lines


def _from_database(room_id: int, turn: str) -> Seen | None:
    status = status_of(room_id)
    if status is None:
        return None
    number = _number_of(room_id, turn)
    return Seen(status, None if number is None else _whole(number), number is not None, False)


def status_of(room_id: int) -> Status | None:
    """The room from Postgres, at most a second old in this process; None when there is no such room."""
    at, status = _rooms.get(room_id, (float("-inf"), None))
    if time.monotonic() - at < MEMORY_SECONDS:
        return status
    with _guard:  # one thread asks, the others wait for its answer
        at, status = _rooms.get(room_id, (float("-inf"), None))
        if time.monotonic() - at < MEMORY_SECONDS:
            return status
        room = Room.objects.filter(pk=room_id).first()
        status = Status.of(room) if room else None
        if room or len(_rooms) < 1000:
            _rooms[room_id] = (time.monotonic(), status)
        return status


def _number_of(room_id: int, turn: str) -> str | None:
    """The turn's line from Postgres; numbers once given are remembered, and the line goes back to Redis."""
    at, line = _numbers.get(turn, (float("-inf"), None))
    if line is not None and (line != ABSENT or time.monotonic() - at < MEMORY_SECONDS):
        return line
    row = Turn.objects.filter(room=room_id, public_id=turn).values_list("number", flat=True)[:1]
    found = list(row)
    if not found:
        return None
    if len(_numbers) > MEMORY_TURNS:
        _numbers.clear()
    line = ABSENT if found[0] is None else str(found[0])
    _numbers[turn] = (time.monotonic(), line)
    store = client()
    if store is not None:
        try:
            # Only onto a board that is there: a line alone must not look like one.
            if store.hexists(key(room_id), STATUS):
                store.hset(key(room_id), f"n:{turn}", line)
        except RedisError as error:
            failed(error)
    return line


def _whole(line: str) -> int | None:
    return None if line == ABSENT else int(line)
