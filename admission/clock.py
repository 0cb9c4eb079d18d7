"""The step that moves a room on, at most once a second, by whoever comes by: a poll, the door, or the sweeper.

Shuffle at the release hour, count the places, set the rate by what was measured, call the next numbers, end the room.
The truth is the room's row, changed under its lock; a step that runs twice finds its second already done.
"""

import logging
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from redis.exceptions import RedisError

from admission import board, load, pace, rooms, turns
from admission.models import Room

logger = logging.getLogger(__name__)

STEP_SECONDS = 1.0
ADJUST_SECONDS = 5
GONE_MINUTES = 10  # how long the news "no places left" stands before the room ends

# Free and held online places of this room's release (of everything, without one), and free ones of other days.
PLACES = """
SELECT count(*) FILTER (WHERE mine AND (place.state = 'free' OR place.held_until < %(now)s)),
       count(*) FILTER (WHERE mine AND place.state = 'held' AND place.held_until >= %(now)s),
       count(*) FILTER (WHERE NOT mine AND (place.state = 'free' OR place.held_until < %(now)s))
FROM (
    SELECT slot.id, (%(release)s::timestamptz IS NULL OR schedule.release_at = %(release)s) IS TRUE AS mine
    FROM scheduling_schedule schedule JOIN scheduling_slot slot ON slot.schedule_id = schedule.id
    WHERE schedule.state = 'open' AND schedule.date >= %(today)s AND slot.ends_at > %(now)s
      AND (schedule.release_at IS NULL OR schedule.release_at <= %(now)s)
      AND (schedule.walk_in_at IS NULL OR schedule.walk_in_at > %(now)s)
) AS slot JOIN scheduling_place place ON place.slot_id = slot.id
WHERE place.pool = 'online' AND place.state <> 'taken'"""

_mine = threading.Lock()
_next_try: dict[int, float] = {}


def nudge(room_id: int) -> None:
    """Run the step if it is due and nobody else in this installation does; never raises, never waits for a lock.

    One thread per process at most is inside: a database that hangs must not take all threads with it.
    """
    now = time.monotonic()
    if now < _next_try.get(room_id, 0.0) or not _mine.acquire(blocking=False):
        return
    try:
        _next_try[room_id] = now + STEP_SECONDS
        if _claim(room_id):
            tick(room_id)
    except DatabaseError:
        logger.exception("the waiting room did not move on")
    finally:
        _mine.release()


def sweep() -> int:
    """Announce rooms, move all of them on, and open one when the portal is in trouble; run by the sweeper."""
    now = timezone.now()
    rooms.announce_due(now)
    for room in rooms.on_now(now):
        tick(room.pk, now)
    watch(now)
    return 0


def _claim(room_id: int) -> bool:
    store = board.client()
    if store is None:
        return True  # the row's lock and its time decide
    try:
        return bool(store.set(f"{board.key(room_id)}:step", "1", nx=True, px=int(STEP_SECONDS * 1000)))
    except RedisError as error:
        board.failed(error)
        return True


def tick(room_id: int, now: datetime | None = None, measured: pace.Load | None = None) -> Room | None:
    """Move one room on to `now`; returns it, or None when it is over or was moved within the last second.

    Locks the room's row, then turns.
    """
    now = now or timezone.now()
    if rooms.release(room_id, now):
        measured = measured or pace.Load()
    why = ""
    with transaction.atomic():
        room = Room.objects.select_for_update(no_key=True).filter(pk=room_id).defer("seed").first()
        if room is None or room.state == Room.State.CLOSED:
            return None
        seconds = (now - room.ticked_at).total_seconds() if room.ticked_at else STEP_SECONDS
        if seconds < STEP_SECONDS * 0.9:
            return None
        room.ticked_at = now
        if room.state == Room.State.ADMITTING:
            _count_places(room, now)
            measured = measured or load.recent(now.timestamp())
            _adjust(room, measured, now)
            _call(room, seconds, now)
            why = _why_over(room, measured, now)
        room.save(
            update_fields=[
                "ticked_at", "places_left", "places_held", "places_elsewhere", "gone_at", "rate", "adjusted_at",
                "served_number", "credit", "calm_since",
            ]
        )  # fmt: skip
    if why:
        rooms.close(room_id, why)
        return None
    board.publish(room)
    return room


def _count_places(room: Room, now: datetime) -> None:
    values = {"now": now, "release": room.release_at, "today": timezone.localdate(now)}
    with connection.cursor() as cursor:
        cursor.execute(PLACES, values)
        room.places_left, room.places_held, room.places_elsewhere = cursor.fetchone()
    if room.places_left or room.places_held:
        room.gone_at = None
    else:
        room.gone_at = room.gone_at or now


def _adjust(room: Room, measured: pace.Load, now: datetime) -> None:
    if room.adjusted_at and (now - room.adjusted_at).total_seconds() < ADJUST_SECONDS:
        return
    room.rate = pace.next_rate(room.rate, measured, bounds(), waiting=room.waiting)
    room.adjusted_at = now


def _call(room: Room, seconds: float, now: datetime) -> None:
    """Call the next numbers: not while paused, and not more people than could still find a place."""
    if room.paused:
        room.credit = 0.0
        return
    # When this rush is gone the order goes on for other days.
    left = room.places_elsewhere if room.is_gone else room.places_left
    # Who is inside has a place in the form already, or will find one among those left.
    for_whom = int((left + room.places_held) * settings.ADMISSION_OVERSHOOT)
    most = for_whom - turns.inside(room.pk, now) if left else 0
    people, room.credit = pace.advance(room.credit, room.rate, seconds, waiting=room.waiting, room_inside=most)
    if people:
        turns.called(room.pk, room.served_number, room.served_number + people, now)
        room.served_number += people


def _why_over(room: Room, measured: pace.Load, now: datetime) -> str:
    if room.gone_at and not room.places_elsewhere and now - room.gone_at > timedelta(minutes=GONE_MINUTES):
        return "semua tempat habis."
    calm = not room.waiting and measured.p95_ms < settings.ADMISSION_TARGET_P95_MS and not room.paused
    room.calm_since = (room.calm_since or now) if calm else None
    if room.reason == Room.Reason.ADMIN and not room.release_at:
        return ""  # switched on by a person: switched off by one
    begun = max(room.opens_at, room.release_at or room.opens_at)
    quiet = timedelta(seconds=settings.ADMISSION_CALM_SECONDS)
    if room.calm_since and now - room.calm_since >= quiet and now - begun >= quiet:
        return "tidak ada lagi yang menunggu."
    return ""


def bounds() -> pace.Bounds:
    """Limits of the rate as settings say."""
    return pace.Bounds(
        least=settings.ADMISSION_RATE_LEAST,
        most=settings.ADMISSION_RATE_MOST,
        target_p95_ms=settings.ADMISSION_TARGET_P95_MS,
        target_in_flight=settings.ADMISSION_TARGET_IN_FLIGHT,
    )


def watch(now: datetime | None = None) -> Room | None:
    """Open a room when booking has been in trouble for settings.ADMISSION_ON_SECONDS on end; returns it."""
    now = now or timezone.now()
    if not settings.ADMISSION_BY_LOAD:
        return None
    rows = load.measured(now.timestamp(), settings.ADMISSION_ON_SECONDS)
    if not rows or not all(_in_trouble(row) for row in rows):
        return None
    if any(room.state == Room.State.ADMITTING for room in rooms.on_now(now)):
        return None
    room = rooms.create(reason=Room.Reason.LOAD)
    if room:
        logger.warning("a waiting room opens by load", extra={"p95_ms": rows[-1].p95_ms})
        rooms.log(room, f"Terukur: p95 {rows[-1].p95_ms:.0f} ms, {rows[-1].in_flight} permintaan sekaligus.")
    return room


def _in_trouble(row: pace.Load) -> bool:
    # A single slow request in an idle second is no crowd.
    slow = row.per_second >= 3 and row.p95_ms > settings.ADMISSION_ON_P95_MS
    return slow or row.in_flight > settings.ADMISSION_ON_IN_FLIGHT
