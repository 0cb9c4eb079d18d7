"""Reads for pages: what is on, what is left, and where; two queries for the whole city, kept for a second."""

import math
import threading
import time as clock
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from core.prepared import Prepared
from programmes.catalogue import active_ruleset
from programmes.reasons import local_label
from regions.models import Kecamatan
from scheduling.models import Draw, Schedule, Slot
from stock import announcements

HORIZON_DAYS = 60
MAX_AGE_SECONDS = 1.0
SLOT_MAX_AGE_SECONDS = 120.0
SLOTS_KEPT = 10_000
OPEN, LATER, DRAW, WALK_IN, FULL, CLOSED = "open", "later", "draw", "walk_in", "full", "closed"
RANK = {OPEN: 0, DRAW: 1, LATER: 1, WALK_IN: 2, FULL: 3, CLOSED: 4}
LARGEST_ID = 2**63 - 1

LEFT_PER_SCHEDULE = """
SELECT slot.schedule_id,
       count(*) FILTER (WHERE place.pool = 'online' AND slot.ends_at > %(now)s),
       count(*) FILTER (WHERE place.pool = 'walk_in' OR (place.pool = 'online' AND schedule.walk_in_at <= %(now)s)),
       count(*) FILTER (WHERE place.pool = 'unstocked')
FROM scheduling_schedule schedule
JOIN scheduling_slot slot ON slot.schedule_id = schedule.id
JOIN scheduling_place place ON place.slot_id = slot.id
WHERE schedule.date BETWEEN %(first)s AND %(last)s AND schedule.state = 'open'
  AND (place.state = 'free' OR (place.state = 'held' AND place.held_until < %(now)s))
GROUP BY slot.schedule_id"""

LEFT_PER_SLOT = Prepared(
    "left_per_slot",
    """
SELECT slot.schedule_id, slot.id, slot.starts_at, slot.ends_at,
       count(place.id) FILTER (WHERE place.pool = 'online' AND slot.ends_at > %(now)s AND place.state <> 'taken'
                               AND (place.state = 'free' OR place.held_until < %(now)s)),
       count(place.id) FILTER (WHERE place.pool = 'online' AND place.state = 'held' AND place.held_until >= %(now)s)
FROM scheduling_slot slot LEFT JOIN scheduling_place place ON place.slot_id = slot.id
WHERE slot.schedule_id = ANY(%(schedules)s::bigint[]) GROUP BY slot.id
-- A session that was closed, or has no vaccine yet, is not there; it is not full either.
HAVING count(place.id) FILTER (WHERE place.state = 'taken' OR place.pool NOT IN ('closed', 'unstocked')) > 0
ORDER BY slot.starts_at""",
)


@dataclass(frozen=True)
class Row:
    """One published schedule with what is left of it at one moment."""

    schedule: Schedule
    state: str
    places_left: int
    walk_in_left: int
    # Nothing is left to book, but there would be with more vaccine; when it is expected, if anybody said so.
    awaits_stock: bool = False
    expected_on: date | None = None

    @property
    def dose_labels(self) -> list[str]:
        """What the accepted doses are called."""
        return dose_labels(self.schedule)

    @property
    def dose_text(self) -> str:
        """The same in one line."""
        return ", ".join(self.dose_labels)

    @property
    def is_over(self) -> bool:
        """Whether the day, or today's service, has ended."""
        local = timezone.localtime()
        return self.schedule.date < local.date() or _over(self.schedule, local)

    @property
    def is_today(self) -> bool:
        """Whether people may come to the gate today."""
        return self.schedule.date == timezone.localdate() and not self.is_over

    @property
    def gate_opens_at(self) -> datetime | None:
        """When the unclaimed online places fall to the gate; None when never, or when they have."""
        at = self.schedule.walk_in_at
        return at if at and at > timezone.now() else None

    @property
    def tells_gate(self) -> bool:
        """Whether there is something to say about coming without an appointment."""
        if self.state == CLOSED or self.is_over:
            return False
        return bool(self.walk_in_left or self.gate_opens_at or self.schedule.walk_in_percent)


@dataclass(frozen=True)
class SlotRow:
    """One session with what is left of it."""

    id: int
    starts_at: datetime
    ends_at: datetime
    places_left: int
    held: int
    over: bool


class Sessions(list[SlotRow]):
    """The sessions of one schedule at one moment, soonest first; shared, so nobody may change it."""


@dataclass(frozen=True)
class Filters:
    """What a visitor asked for; empty means any."""

    kecamatan: str = ""
    day: date | None = None
    programme: str = ""
    vaccine: str = ""
    dose: str = ""
    near: str = ""

    def matches(self, row: Row) -> bool:
        """Whether a schedule is wanted."""
        schedule = row.schedule
        return (
            (not self.kecamatan or schedule.facility.kecamatan_id == self.kecamatan)
            and (not self.day or schedule.date == self.day)
            and (not self.programme or schedule.programme_id == self.programme)
            and (not self.vaccine or schedule.vaccine_id == self.vaccine)
            and (not self.dose or self.dose in schedule.dose_codes)
        )


class _Kept:
    """A value read anew at most once per second by whoever needs it first."""

    def __init__(self, read: Callable[[], list[Row]]) -> None:
        self.read, self.lock = read, threading.Lock()
        self.at, self.value = -math.inf, list[Row]()

    def get(self) -> list[Row]:
        if clock.monotonic() - self.at < MAX_AGE_SECONDS:
            return self.value
        with self.lock:
            if clock.monotonic() - self.at >= MAX_AGE_SECONDS:
                self.value = self.read()
                self.at = clock.monotonic()
            return self.value

    def forget(self) -> None:
        self.at = -math.inf


def _read_overview() -> list[Row]:
    now = timezone.now()
    first = timezone.localdate(now)
    last = first + timedelta(days=HORIZON_DAYS)
    left = _left(now, first, last)
    schedules = (
        Schedule.objects.published()
        .filter(date__range=(first, last))
        .select_related("facility__kecamatan", "programme", "vaccine", "draw")
        .defer("draw__seed")
    )
    rows = _to_rows([schedule for schedule in schedules if not _over(schedule, now)], left, now)
    rows.sort(key=_soonest)
    return rows


_overview = _Kept(_read_overview)


def forget() -> None:
    """Drop what this process remembers; tests and demo loading call it."""
    _overview.forget()
    _sessions.clear()
    _slots.clear()


def _left(now: datetime, first: date, last: date) -> dict[int, tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(LEFT_PER_SCHEDULE, {"now": now, "first": first, "last": last})
        return {pk: (online, walk_in, unstocked) for pk, online, walk_in, unstocked in cursor.fetchall()}


NOTHING_LEFT = (0, 0, 0)


def _to_rows(schedules: Iterable[Schedule], left: dict[int, tuple[int, int, int]], now: datetime) -> list[Row]:
    rows = [to_row(schedule, *left.get(schedule.pk, NOTHING_LEFT), now) for schedule in schedules]
    if not any(row.awaits_stock for row in rows):
        return rows
    days = announcements.expected(timezone.localdate(now))
    return [
        replace(row, expected_on=days.get((row.schedule.facility_id, row.schedule.vaccine_id)))
        if row.awaits_stock
        else row
        for row in rows
    ]


def to_row(schedule: Schedule, online_left: int, walk_in_left: int, unstocked: int, now: datetime) -> Row:
    """Say in one word how a schedule stands."""
    if schedule.state == Schedule.State.CLOSED:
        state = CLOSED
    elif schedule.draw is not None and schedule.draw.is_pending:
        state = DRAW
    elif not schedule.is_released(now):
        state = LATER
    elif schedule.is_walk_in_only(now):
        state = WALK_IN if walk_in_left else FULL
    elif online_left:
        state = OPEN
    else:
        state = FULL
    return Row(schedule, state, online_left if state == OPEN else 0, walk_in_left, state == FULL and unstocked > 0)


def overview(filters: Filters | None = None) -> list[Row]:
    """Published schedules from today on, free ones first, then nearest (when asked), then soonest.

    At most a second old, shared by all threads; two queries when read anew (three while a schedule waits for vaccine),
    none otherwise.
    """
    filters = filters or Filters()
    rows = [row for row in _overview.get() if filters.matches(row)]
    if filters.near:
        distance = distances_from(filters.near)
        rows.sort(key=lambda row: (RANK[row.state], distance.get(row.schedule.facility.kecamatan_id, math.inf)))
    else:
        rows.sort(key=lambda row: RANK[row.state])
    return rows


def row_of(schedule_id: int) -> Row | None:
    """One schedule as it stands this moment, closed and past ones too; None for a draft or a missing one."""
    schedule = (
        Schedule.objects.published()
        .select_related("facility__kecamatan", "programme", "vaccine", "draw")
        .defer("draw__seed")
        .filter(pk=schedule_id)
        .first()
    )
    if schedule is None:
        return None
    now = timezone.now()
    return _to_rows([schedule], _left(now, schedule.date, schedule.date), now)[0]


def recent_row(schedule_id: int) -> Row | None:
    """One schedule as the public list shows it, at most a second old; read anew when it is not on the list."""
    return next((row for row in _overview.get() if row.schedule.pk == schedule_id), None) or row_of(schedule_id)


def open_row(slots: Sequence[SlotRow]) -> Row | None:
    """The schedule of these sessions when there are places to book, from them alone; None: ask `recent_row`.

    Who chooses a session in a rush needs no look at the whole city. A closed day has no free place to show, whatever
    is remembered of its schedule.
    """
    left = sum(slot.places_left for slot in slots if not slot.over)
    slot = slot_with_schedule(slots[0].id) if left else None
    if slot is None or slot.schedule.draw_id is not None:
        return None
    row = to_row(slot.schedule, left, 0, 0, timezone.now())
    return row if row.state == OPEN else None


def slots_of(schedule_id: int) -> Sessions:
    """The sessions of one schedule with places left, soonest first; one query."""
    return slots_of_each([schedule_id]).get(schedule_id, Sessions())


_sessions: dict[int, tuple[float, Sessions]] = {}


def recent_slots(schedule_id: int) -> Sessions:
    """The same as the public page shows them: at most a second old, shared by all threads."""
    kept = _sessions.get(schedule_id)
    now = clock.monotonic()
    if kept and now - kept[0] < MAX_AGE_SECONDS:
        return kept[1]
    if len(_sessions) > SLOTS_KEPT:
        _sessions.clear()
    slots = slots_of(schedule_id)
    _sessions[schedule_id] = now, slots  # as old as the question, not as the answer
    return slots


def slots_of_each(schedule_ids: list[int]) -> dict[int, Sessions]:
    """The sessions of several schedules, by schedule; one query."""
    now = timezone.now()
    found: dict[int, Sessions] = {}
    asked = [pk for pk in schedule_ids if pk <= LARGEST_ID]  # numbers come from addresses
    for schedule_id, pk, starts, ends, left, held in LEFT_PER_SLOT.rows(now=now, schedules=asked):
        row = SlotRow(pk, timezone.localtime(starts), timezone.localtime(ends), left, held, ends <= now)
        found.setdefault(schedule_id, Sessions()).append(row)
    return found


def next_release(rows: Iterable[Row]) -> datetime | None:
    """When the next of these schedules opens for booking."""
    return min(
        (row.schedule.release_at for row in rows if row.state == LATER and row.schedule.release_at), default=None
    )


def announced_draws(rows: Iterable[Row], now: datetime) -> list[tuple[Draw, str]]:
    """Draws for places of these schedules that people may enter, or soon may, with their phase: what closes first."""
    found = {row.schedule.draw.pk: row.schedule.draw for row in rows if row.state == DRAW and row.schedule.draw}
    phases = [(draw, draw.phase(now)) for draw in sorted(found.values(), key=lambda draw: (draw.closes_at, draw.pk))]
    return [(draw, phase) for draw, phase in phases if phase in ("open", "announced")]


def alternatives(
    schedule: Schedule, *, wanted: Callable[[Schedule], bool] = lambda _: True, limit: int = 4
) -> list[Row]:
    """Other schedules of the same programme with places left: same facility, then near, then soon."""
    distance = distances_from(schedule.facility.kecamatan_id)
    rows = [
        row
        for row in overview(Filters(programme=schedule.programme_id))
        if row.state == OPEN and row.schedule.pk != schedule.pk
    ]
    rows.sort(
        key=lambda row: (
            row.schedule.vaccine_id != schedule.vaccine_id,
            row.schedule.facility_id != schedule.facility_id,
            abs((row.schedule.date - schedule.date).days)
            + distance.get(row.schedule.facility.kecamatan_id, 30.0) / 3,  # a day's wait weighs as much as three km
        )
    )
    found: list[Row] = []
    for row in rows:
        if len(found) == limit:
            break
        if wanted(row.schedule):
            found.append(row)
    return found


def todays_schedules(facility_id: int, day: date | None = None) -> list[Row]:
    """Schedules of one facility on one day with what is left online and at the gate; for the desk."""
    now = timezone.now()
    day = day or timezone.localdate(now)
    schedules = Schedule.objects.published().filter(facility=facility_id, date=day)
    rows = schedules.select_related("facility__kecamatan", "programme", "vaccine", "draw").defer("draw__seed")
    rows = rows.order_by("open_time", "pk")
    return _to_rows(rows, _left(now, day, day), now)


def dose_labels(schedule: Schedule) -> list[str]:
    """What the accepted doses are called: as the rules of this vaccine say, else as its programme says."""
    rules = active_ruleset().of(schedule.programme_id)
    labels = {rule.dose_code: rule.dose_label for rule in rules}
    labels |= {rule.dose_code: rule.dose_label for rule in rules if rule.vaccine == schedule.vaccine_id}
    return [local_label(labels.get(code, code)) for code in schedule.dose_codes]


def dose_label(programme: str, dose_code: str) -> str:
    """What one dose is called within its programme."""
    rules = active_ruleset().of(programme)
    return local_label(next((rule.dose_label for rule in rules if rule.dose_code == dose_code), dose_code))


def distances_from(kecamatan_code: str) -> dict[str, float]:
    """Kilometres from one kecamatan's centre to every other's, as the crow flies; empty for an unknown code."""
    centres = _centres()
    if kecamatan_code not in centres:
        return {}
    here = centres[kecamatan_code]
    return {code: _kilometres(here, there) for code, there in centres.items()}


_known_centres: dict[str, tuple[float, float]] = {}


def _centres() -> dict[str, tuple[float, float]]:
    # Sixteen rows that change with a law: read once per process, and again while the table is empty.
    if not _known_centres:
        rows = Kecamatan.objects.values_list("code", "latitude", "longitude")
        _known_centres.update({code: (float(lat), float(lon)) for code, lat, lon in rows if lat and lon})
    return _known_centres


def _kilometres(a: Sequence[float], b: Sequence[float]) -> float:
    north = (b[0] - a[0]) * 110.6
    east = (b[1] - a[1]) * 111.3 * math.cos(math.radians(a[0]))
    return math.hypot(north, east)


def _over(schedule: Schedule, now: datetime) -> bool:
    local = timezone.localtime(now)
    return schedule.date == local.date() and schedule.close_time <= local.time()


def _soonest(row: Row) -> tuple[date, object, str, str]:
    return row.schedule.date, row.schedule.open_time, row.schedule.facility.name, row.schedule.vaccine.short_name


_slots: dict[int, tuple[float, Slot]] = {}


def slot_with_schedule(slot_id: int) -> Slot | None:
    """One session with everything a page says about it, shared by all threads and at most two minutes old.

    Good for words and for the dose rules, whose day and vaccine never change. Whether a place may still be had, the
    statements in `places` decide for themselves. Two queries for all sessions of a day, none while they are known.
    """
    kept = _slots.get(slot_id)
    if kept and clock.monotonic() - kept[0] < SLOT_MAX_AGE_SECONDS:
        return kept[1]
    if len(_slots) > SLOTS_KEPT:
        _slots.clear()
    schedules = Schedule.objects.published().select_related("facility__kecamatan", "programme", "vaccine")
    schedule = schedules.filter(slots=slot_id).first()
    if schedule is None:
        return None
    now = clock.monotonic()
    for slot in Slot.objects.filter(schedule=schedule):
        slot.schedule = schedule
        _slots[slot.pk] = now, slot
    return _slots[slot_id][1]
