"""Bookable places never exceed usable stock, per facility and vaccine (docs/architecture.md, "Places and stock").

`fit` reckons how many places the stock bears, day by day, and closes the rest: pool `unstocked`, latest first. It runs
in the very transaction that changes the bound: a publication, a movement of stock, an announcement, a dose. Booking,
moving and cancelling leave the number of open places as it is and need no reckoning, except while stock is short.

Locks: the row of `StockFit` is taken after stock balances and held to the end. Places are then picked with SKIP LOCKED
and tried again, so a reckoning never waits for a booking, and nobody can wait for it in a circle.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from core import sweeper
from scheduling import places
from scheduling.models import Appointment, Place, Schedule, StockFit
from scheduling.waiting.statements import SOMEBODY_WAITS
from stock import announcements
from stock.announcements import Supply, supply
from stock.changes import Pair
from stock.models import Lot
from stock.queries import usable_balances

# A place is locked for the few milliseconds of a booking. Who locks one for longer reckons at its own end (closing); so
# after this many looks the row stays due, and whoever frees a place or the sweeper goes on.
TRIES, PAUSE_SECONDS = 40, 0.008
# While places wait for stock, time and cancellations can free doses: look again this often.
LOOK_AGAIN = timedelta(minutes=1)

# Places nobody has yet: free, or held by a form. What is held for an offer or lies on a tablet is as good as taken.
OPEN_TO_CHANGE = """(
    place.pool IN ('online', 'walk_in', 'draw', 'unstocked') AND place.state IN ('free', 'held')
    OR place.pool IN ('offered', 'next_dose') AND place.state = 'free')"""

DEMAND = """
SELECT schedule.facility_id, schedule.vaccine_id, schedule.id, schedule.date,
    count(*) FILTER (WHERE appointment.status IN ('booked', 'arrived')
        OR place.state = 'held' AND place.pool IN ('offered', 'next_dose')
        OR place.pool = 'leased' AND place.state <> 'taken' AND schedule.state = 'open'),
    count(*) FILTER (WHERE schedule.state = 'open' AND @open_to_change),
    count(*) FILTER (WHERE schedule.state = 'open' AND @open_to_change AND place.pool <> 'unstocked')
FROM scheduling_schedule schedule
JOIN scheduling_slot slot ON slot.schedule_id = schedule.id
JOIN scheduling_place place ON place.slot_id = slot.id
LEFT JOIN scheduling_appointment appointment ON appointment.id = place.appointment_id
WHERE schedule.date >= %(today)s AND (%(facility)s::bigint IS NULL
    OR schedule.facility_id = %(facility)s AND schedule.vaccine_id = %(vaccine)s)
GROUP BY schedule.id ORDER BY schedule.date, schedule.open_time, schedule.id""".replace(
    "@open_to_change", OPEN_TO_CHANGE
)

# Opens the first `allowed` places of each schedule and closes the rest: held ones before free ones, then by the clock.
# What opens goes to the waiting list when somebody waits for it, else to the share it was published with.
ADJUST = """
WITH allowed AS (
    SELECT * FROM unnest(%(schedules)s::bigint[], %(allowed)s::int[]) AS given (schedule_id, places)
), shares AS (
    SELECT slot.id, slot.schedule_id, count(place.id) AS places,
        row_number() OVER (PARTITION BY slot.schedule_id ORDER BY slot.starts_at) AS position
    FROM allowed JOIN scheduling_slot slot USING (schedule_id) JOIN scheduling_place place ON place.slot_id = slot.id
    GROUP BY slot.id
), published AS (
    SELECT shares.id AS slot_id,
        shares.places - (floor(position * shares.places * schedule.walk_in_percent / 100.0 + 0.5)
            - floor((position - 1) * shares.places * schedule.walk_in_percent / 100.0 + 0.5)) AS last_online,
        CASE WHEN draw.state IN ('announced', 'frozen') THEN 'draw' WHEN @somebody_waits THEN 'offered'
             ELSE 'online' END AS pool
    FROM shares JOIN scheduling_schedule schedule ON schedule.id = shares.schedule_id
    JOIN regions_facility facility ON facility.id = schedule.facility_id
    LEFT JOIN scheduling_draw draw ON draw.id = schedule.draw_id
), ranked AS (
    SELECT place.id, place.slot_id, place.pool, place.state, place.held_by,
        row_number() OVER (PARTITION BY slot.schedule_id ORDER BY
            (place.state = 'held' AND place.held_until >= %(now)s) DESC, slot.starts_at, place.number
        ) <= allowed.places AS keep
    FROM allowed JOIN scheduling_slot slot USING (schedule_id) JOIN scheduling_place place ON place.slot_id = slot.id
    WHERE @open_to_change
), wanted AS (
    SELECT * FROM ranked WHERE keep = (pool = 'unstocked')
), locked AS (
    SELECT place.id, wanted.slot_id, wanted.keep
    FROM wanted JOIN scheduling_place place ON place.id = wanted.id
    WHERE place.pool = wanted.pool AND place.state = wanted.state
        AND place.held_by IS NOT DISTINCT FROM wanted.held_by
    FOR UPDATE OF place SKIP LOCKED
), changed AS (
    UPDATE scheduling_place place
    SET pool = CASE WHEN NOT locked.keep THEN 'unstocked' WHEN place.number > published.last_online THEN 'walk_in'
               ELSE published.pool END,
        state = 'free', held_until = NULL, held_by = NULL
    FROM locked JOIN published ON published.slot_id = locked.slot_id WHERE place.id = locked.id
    RETURNING locked.keep
)
SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM changed),
    (SELECT count(*) FROM changed WHERE keep)""".replace(
    "@open_to_change", OPEN_TO_CHANGE
).replace("@somebody_waits", SOMEBODY_WAITS)  # fmt: skip

FREED = """
SELECT fit.facility_id, fit.vaccine_id, fit.short > 0 OR fit.fitted_on IS NULL FROM scheduling_stockfit fit
WHERE (fit.facility_id, fit.vaccine_id) IN (SELECT facility_id, vaccine_id FROM scheduling_schedule
    WHERE id = ANY(%(schedules)s::bigint[]) AND date >= %(today)s)
ORDER BY fit.facility_id, fit.vaccine_id FOR NO KEY UPDATE"""

COUNT_DOWN = """
UPDATE scheduling_stockfit SET slack = slack - 1
WHERE facility_id = %(facility)s AND vaccine_id = %(vaccine)s AND slack > 0 AND fitted_on = %(today)s"""

# First where a delivery is overdue since the last look: its places are still open.
DUE = """
SELECT schedule.facility_id, schedule.vaccine_id FROM scheduling_schedule schedule
LEFT JOIN scheduling_stockfit fit ON fit.facility_id = schedule.facility_id AND fit.vaccine_id = schedule.vaccine_id
LEFT JOIN stock_announceddelivery late ON late.facility_id = schedule.facility_id
    AND late.vaccine_id = schedule.vaccine_id AND late.state = 'announced'
    AND late.expected_on >= fit.fitted_on AND late.expected_on < %(today)s
WHERE schedule.date >= %(today)s AND (fit.fitted_on IS NULL OR fit.fitted_on < %(today)s
    OR (fit.short + fit.unstocked > 0 AND fit.fitted_at < %(before)s))
GROUP BY 1, 2 ORDER BY count(late.id) = 0, 1, 2"""


@dataclass(frozen=True)
class Demand:
    """Places of one schedule that need a dose: `firm` have somebody, `open` could get somebody, `bookable` can now."""

    schedule_id: int
    day: date
    firm: int
    open: int
    bookable: int


@dataclass(frozen=True)
class Reckoning:
    """What the stock bears: open places per schedule, people beyond it, doses to spare on every day."""

    allowed: dict[int, int]
    short: int
    slack: int


def reckon(demand: Sequence[Demand], supplies: Sequence[Supply], today: date) -> Reckoning:
    """Give doses to places: first to people who have one on any day, then to open places, the earliest day first.

    Every dose has a first and a last day of use, so the question on each day is which dose to use up: the one that
    expires first is always right, and how many more places a day bears is how much longer that assignment gets.
    """
    lots = sorted(supplies, key=lambda one: (one.last, one.first))
    wanted: dict[date, int] = defaultdict(int)
    for row in demand:
        wanted[row.day] += row.firm
    people = sum(wanted.values())
    served, _ = _serve(wanted, lots)
    short = people - served
    everything = dict(wanted)
    for row in demand:
        everything[row.day] += row.open
    most, left = _serve(everything, lots)
    if most == sum(everything.values()):
        days = [today, *everything]
        spare = sum(n for n, lot in zip(left, lots, strict=True) if lot.first <= today and lot.last >= max(days))
        return Reckoning({row.schedule_id: row.open for row in demand}, short, spare)
    allowed = {}
    for row in demand:
        wanted[row.day] += row.open
        more, _ = _serve(wanted, lots)
        allowed[row.schedule_id] = more - served
        wanted[row.day] -= row.open - (more - served)
        served = more
    return Reckoning(allowed, short, 0)


@dataclass(frozen=True)
class Bound:
    """Why places of a schedule wait for stock, for staff; doses and places of this vaccine at this facility."""

    doses: int
    announced: int
    expected_on: date | None
    places: int
    unstocked: int
    short: int


def bound(schedule: Schedule) -> Bound:
    """The stock behind one schedule: `places` of all coming days, `unstocked` and `short` of this one. Four queries."""
    today = timezone.localdate()
    pair = (schedule.facility_id, schedule.vaccine_id)
    supplies = supply(today, [pair]).get(pair, [])
    demand = _demand(today, *pair).get(pair, [])
    coming = [one for one in supplies if one.first > today]
    lots = sorted(supplies, key=lambda one: (one.last, one.first))
    wanted: dict[date, int] = defaultdict(int)
    short = served = 0
    here = next((one for one in demand if one.schedule_id == schedule.pk), None)
    for one in demand:
        wanted[one.day] += one.firm
        more, _ = _serve(wanted, lots)
        if one is here:
            short = one.firm - (more - served)
        served = more
    return Bound(
        doses=sum(one.doses for one in supplies if one.first <= today),
        announced=sum(one.doses for one in coming),
        expected_on=announcements.expected(today).get(pair),
        places=sum(one.firm + one.open for one in demand),
        unstocked=here.open - here.bookable if here else 0,
        short=short,
    )


def without_dose(schedule: Schedule, number: int) -> list[Appointment]:
    """The people of a schedule whom the stock does not reach: who booked last, as when places are taken back."""
    booked = schedule.appointments.filter(status=Appointment.Status.BOOKED).select_related("slot")
    return list(booked.order_by("-booked_at", "-pk")[:number])


def _serve(wanted: dict[date, int], lots: Sequence[Supply]) -> tuple[int, list[int]]:
    """How many of the wanted places get a dose at most, and what is left of each lot (sorted by last day)."""
    left = [lot.doses for lot in lots]
    served = 0
    for day in sorted(wanted):
        need = wanted[day]
        for number, lot in enumerate(lots):
            if need and left[number] and lot.first <= day <= lot.last:
                used = min(need, left[number])
                left[number] -= used
                need -= used
                served += used
    return served, left


@transaction.atomic
def fit(facility_id: int, vaccine_code: str) -> StockFit:
    """Close places beyond the usable stock and open those it bears again; again changes nothing.

    Call it last in a transaction. Locks the StockFit row, then only places that no booking is taking right now.
    """
    row = lock(facility_id, vaccine_code)
    row.fitted_on, opened = None, 0
    for attempt in range(TRIES):
        today, now = timezone.localdate(), timezone.now()
        # Demand before supply: of a dose given between the two the place may still be counted, never the dose alone.
        demand = _demand(today, facility_id, vaccine_code).get((facility_id, vaccine_code), [])
        supplies = supply(today, [(facility_id, vaccine_code)]).get((facility_id, vaccine_code), [])
        result = reckon(demand, supplies, today)
        changing = [one.schedule_id for one in demand if one.bookable != result.allowed[one.schedule_id]]
        if not changing:
            row.fitted_on = today
            break
        # What was booked since the look above is seen by the next one, which alone may say that all is well.
        allowed = [result.allowed[pk] for pk in changing]
        (wanted, changed, more), *_ = places.run(ADJUST, schedules=changing, allowed=allowed, now=now)
        opened += more
        if changed < wanted and attempt < TRIES - 1:
            time.sleep(PAUSE_SECONDS)
    row.short, row.slack, row.fitted_at = result.short, result.slack if row.fitted_on else 0, now
    row.unstocked = sum(one.open - one.bookable for one in demand)
    row.save(update_fields=["short", "unstocked", "slack", "fitted_at", "fitted_on"])
    if opened:
        transaction.on_commit(sweeper.wake, robust=True)  # somebody may be waiting for them
    return row


def fit_pairs(pairs: Iterable[Pair]) -> None:
    """`fit` for each facility and vaccine, in a fixed order; the callback of stock.changes."""
    for facility_id, vaccine_code in sorted(set(pairs)):
        fit(facility_id, vaccine_code)


def lock(facility_id: int, vaccine_code: str) -> StockFit:
    """The row of a facility and vaccine, locked until commit; created when it is the first time."""
    rows = StockFit.objects.select_for_update(no_key=True).filter(facility=facility_id, vaccine=vaccine_code)
    row = rows.first()
    if row is None:
        StockFit.objects.bulk_create(
            [StockFit(facility_id=facility_id, vaccine_id=vaccine_code)], ignore_conflicts=True
        )  # fmt: skip
        row = rows.get()
    return row


def freed(schedule_ids: Iterable[int]) -> None:
    """Places of these schedules came free in this transaction: while stock is short they close instead.

    One query that locks the row of each facility and vaccine, so that stock cannot become short unnoticed meanwhile.
    Call it before the places are offered to anybody.
    """
    for facility_id, vaccine_code, short in hold_still(schedule_ids):
        if short:
            fit(facility_id, vaccine_code)


def hold_still(schedule_ids: Iterable[int]) -> list[tuple[int, str, bool]]:
    """Let nobody reckon these facilities and vaccines until commit; returns whether stock is short there.

    Who takes one place and frees another calls it before taking, so that no reckoning waits for the place taken. One
    query.
    """
    rows = places.run(FREED, schedules=sorted(set(schedule_ids)), today=timezone.localdate())
    return [(facility_id, vaccine_code, bool(short)) for facility_id, vaccine_code, short in rows]


def dose_given(appointment: Appointment | None, *, facility_id: int, lot: Lot) -> None:
    """A dose left the shelf in this transaction; call it after the appointment was fulfilled.

    The doses to spare are counted down: one statement. Without any nothing changes either when a place of this facility
    and vaccine was used up with it, and the lot that expires first: three queries. Else the places are reckoned anew.
    """
    today = timezone.localdate()
    counted = places.count(COUNT_DOWN, facility=facility_id, vaccine=lot.vaccine_id, today=today)
    if not counted and not _is_net_zero(appointment, facility_id, lot, today):
        fit(facility_id, lot.vaccine_id)


def _is_net_zero(appointment: Appointment | None, facility_id: int, lot: Lot, today: date) -> bool:
    if appointment is None or appointment.status != Appointment.Status.FULFILLED:
        return False
    used = Place.objects.filter(
        appointment=appointment, slot__schedule__facility=facility_id, slot__schedule__vaccine=lot.vaccine_id,
        slot__schedule__date__gte=today,
    )  # fmt: skip
    earlier = usable_balances(today).filter(
        facility=facility_id, lot__vaccine=lot.vaccine_id, lot__expiration_date__lt=lot.expiration_date
    )
    # A reckoning that is due (no row, a new day) is not put off.
    fitted = StockFit.objects.filter(facility=facility_id, vaccine=lot.vaccine_id, fitted_on=today)
    return fitted.exists() and used.exists() and not earlier.exists()


def sweep() -> int:
    """Reckon what is due: a new day (an announced delivery may be overdue), a first time, places that wait for stock.

    Each in a transaction of its own; returns how many.
    """
    now = timezone.now()
    due = places.run(DUE, today=timezone.localdate(now), before=now - LOOK_AGAIN)
    for facility_id, vaccine_code in due:
        fit(facility_id, vaccine_code)
    return len(due)


def bookable_beyond_stock() -> int:
    """Places that could be booked although no dose is there for them (I1); people beyond the stock are a shortage."""
    today = timezone.localdate()
    supplies = supply(today)
    beyond = 0
    for pair, demand in _demand(today).items():
        allowed = reckon(demand, supplies.get(pair, []), today).allowed
        beyond += sum(max(0, one.bookable - allowed[one.schedule_id]) for one in demand)
    return beyond


def _demand(today: date, facility_id: int | None = None, vaccine_code: str | None = None) -> dict[Pair, list[Demand]]:
    found: dict[Pair, list[Demand]] = defaultdict(list)
    for facility, vaccine, *row in places.run(DEMAND, today=today, facility=facility_id, vaccine=vaccine_code):
        found[facility, vaccine].append(Demand(*row))
    return found
