"""Publish, close, shrink and reopen schedules. Lock order: schedule, appointments, places in number order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from core.formats import DAYS, long_date
from programmes.models import Vaccine
from regions.models import Facility
from scheduling import capacity, displacing, errors
from scheduling.draws import services as draws
from scheduling.models import Displaced, Place, Schedule, ScheduleTemplate, Slot

MAX_RANGE_DAYS = 92
PUBLISHED_ALREADY = "sudah ada"


@dataclass(frozen=True)
class PlannedDay:
    """One day a template would publish, and what stands in the way."""

    date: date
    places: int
    walk_in: int
    release_at: datetime | None
    obstacle: str = ""
    # Until when people may enter the draw for this day; None when it is first come, first served.
    draw_closes_at: datetime | None = None


@dataclass
class Published:
    """What a template has published."""

    created: list[Schedule] = field(default_factory=list)
    skipped: list[PlannedDay] = field(default_factory=list)


def at(day: date, clock: time) -> datetime:
    """Local wall time as an aware moment."""
    return timezone.make_aware(datetime.combine(day, clock))


def windows(day: date, open_time: time, close_time: time, minutes: int) -> list[tuple[datetime, datetime]]:
    """Sessions from opening to closing; a rest shorter than half a session joins the last one."""
    start, end, step = at(day, open_time), at(day, close_time), timedelta(minutes=max(5, minutes))
    found = []
    while start < end:
        stop = start + step
        if end - stop < step / 2:
            stop = end
        found.append((start, stop))
        start = stop
    return found


def walk_in_share(position: int, places_per_slot: int, percent: int) -> int:
    """Walk-in places of the session at `position` (from 0), so that the day as a whole meets `percent`."""

    def upto(sessions: int) -> int:
        return (sessions * places_per_slot * percent + 50) // 100

    return upto(position + 1) - upto(position)


@transaction.atomic
def publish_schedule(
    *,
    facility: Facility,
    vaccine: Vaccine,
    dose_codes: Sequence[str],
    day: date,
    open_time: time,
    close_time: time,
    slot_minutes: int = 30,
    places_per_slot: int = 10,
    walk_in_percent: int = 20,
    walk_in_at: datetime | None = None,
    release_at: datetime | None = None,
    template: ScheduleTemplate | None = None,
    created_by: User | None = None,
) -> Schedule:
    """Open one day of one vaccine at one facility, with its sessions and places.

    The last places of each session are the walk-in share; places beyond the usable stock wait for it. Raises
    IntegrityError when the same schedule exists.
    """
    if vaccine.programme_id is None:
        raise ValueError(f"{vaccine.code} belongs to no programme")
    schedule = Schedule.objects.create(
        facility=facility, programme_id=vaccine.programme_id, vaccine=vaccine, dose_codes=list(dose_codes), date=day,
        open_time=open_time, close_time=close_time, state=Schedule.State.OPEN, release_at=release_at,
        walk_in_percent=walk_in_percent, walk_in_at=walk_in_at, template=template, created_by=created_by,
    )  # fmt: skip
    slots = Slot.objects.bulk_create(
        Slot(schedule=schedule, starts_at=start, ends_at=stop)
        for start, stop in windows(day, open_time, close_time, slot_minutes)
    )
    Place.objects.bulk_create(_places(slots, places_per_slot, walk_in_percent), batch_size=2000)
    capacity.fit(facility.pk, vaccine.pk)
    return schedule


def plan(template: ScheduleTemplate, first: date, last: date) -> list[PlannedDay]:
    """What publishing `template` from `first` to `last` would do; nothing is written. One query."""
    last = min(last, first + timedelta(days=MAX_RANGE_DAYS))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    existing = set(
        Schedule.objects.filter(
            facility=template.facility, vaccine=template.vaccine, open_time=template.open_time, date__in=days
        ).values_list("date", flat=True)
    )
    return [_planned(template, day, existing) for day in days if day.weekday() in template.weekdays]


def publish_from_template(template: ScheduleTemplate, first: date, last: date, user: User | None = None) -> Published:
    """Publish every planned day of `template`; a day that exists or is over is skipped, so repeating is safe.

    With release by draw each day gets a draw of its own, open at once, in the same transaction.
    """
    result = Published()
    for planned in plan(template, first, last):
        if planned.obstacle:
            result.skipped.append(planned)
            continue
        try:
            result.created.append(_publish_day(template, planned, user))
        except IntegrityError:  # somebody else published the same day meanwhile
            result.skipped.append(replace(planned, obstacle=PUBLISHED_ALREADY))
    return result


@transaction.atomic
def close_schedule(schedule_id: int, reason: str, user: User | None = None) -> Schedule:
    """Close a schedule: no booking from now on; everybody booked is cancelled, told, and offered a place elsewhere.

    People already at the desk stay. Closing again only changes the reason. Waits for bookings in flight, so that they
    are told as well. Locks the schedule, then its free places in order.
    """
    schedule = Schedule.objects.select_for_update(no_key=True).get(pk=schedule_id)
    first_time = schedule.state != Schedule.State.CLOSED
    schedule.state, schedule.close_reason = Schedule.State.CLOSED, reason.strip()[:200]
    if first_time:
        schedule.closed_at, schedule.closed_by = timezone.now(), user
        schedule.save(update_fields=["state", "closed_at", "closed_by"])
        none = dict.fromkeys(schedule.slots.values_list("pk", flat=True), 0)
        schedule.close_total = displacing.take_places(
            schedule, none, Displaced.Kind.CLOSED, schedule.close_reason
        )  # fmt: skip
    schedule.save(update_fields=["close_reason", "close_total"])
    return schedule


@transaction.atomic
def shrink_schedule(schedule_id: int, keep: dict[int, int], reason: str) -> int:
    """Leave each session of `keep` (session → places) no more places than that; returns how many people must move.

    Free places go first, then who booked last is offered a place elsewhere. Doing it again changes nothing. Raises
    BookingError for a closed schedule or a day that is over. Locks the schedule, then its free places in order.
    """
    schedule = Schedule.objects.select_for_update(no_key=True).get(pk=schedule_id)
    if schedule.state != Schedule.State.OPEN:
        raise errors.ScheduleClosed(schedule.close_reason)
    if schedule.date < timezone.localdate():
        raise errors.SlotOver
    own = set(schedule.slots.values_list("pk", flat=True))
    wanted = {slot: places for slot, places in keep.items() if slot in own and places >= 0}
    return displacing.take_places(schedule, wanted, Displaced.Kind.SHRUNK, reason.strip()[:200])


@transaction.atomic
def reopen_schedule(schedule_id: int) -> Schedule:
    """Open a closed or shrunk schedule again with the shares it was published with, as far as the stock bears.

    Who was cancelled and still waits is offered a place first. Raises BookingError for a day that is over. Locks the
    schedule, then its places.
    """
    schedule = Schedule.objects.select_for_update(no_key=True).get(pk=schedule_id)
    if schedule.date < timezone.localdate():
        raise errors.SlotOver
    if schedule.state != Schedule.State.OPEN:
        schedule.state, schedule.close_reason = Schedule.State.OPEN, ""
        schedule.closed_at = schedule.closed_by = None
        schedule.close_total = 0
        schedule.save(update_fields=["state", "close_reason", "closed_at", "closed_by", "close_total"])
    displacing.give_back_places(schedule)
    return schedule


def describe_weekdays(weekdays: Iterable[int]) -> str:
    """Senin, Rabu, Jumat."""
    return ", ".join(DAYS["id"][day] for day in sorted(weekdays) if 0 <= day <= 6)


def _places(slots: Sequence[Slot], places_per_slot: int, percent: int) -> Iterable[Place]:
    for position, slot in enumerate(slots):
        online = places_per_slot - walk_in_share(position, places_per_slot, percent)
        for number in range(1, places_per_slot + 1):
            pool = Place.Pool.ONLINE if number <= online else Place.Pool.WALK_IN
            yield Place(slot=slot, number=number, pool=pool)


def _planned(template: ScheduleTemplate, day: date, existing: set[date]) -> PlannedDay:
    sessions = windows(day, template.open_time, template.close_time, template.slot_minutes)
    shares = [
        walk_in_share(position, template.places_per_slot, template.walk_in_percent)
        for position in range(len(sessions))
    ]  # fmt: skip
    release_at = None
    if template.release_time:
        release_at = at(day - timedelta(days=template.release_days_before), template.release_time)
    draw_closes_at = None
    obstacle = ""
    if day in existing:
        obstacle = PUBLISHED_ALREADY
    elif not sessions or sessions[-1][1] <= timezone.now():
        obstacle = "sudah lewat"
    elif template.release_mode == ScheduleTemplate.Release.DRAW:
        # Never first come, first served for want of an hour: what was said of the day would not hold.
        if release_at is None or release_at >= sessions[0][0]:
            obstacle = "sisa tempat undian tidak dibuka sebelum pelayanan"
        else:
            draw_closes_at = release_at - timedelta(hours=template.draw_hours_before)
            obstacle = "waktu undian sudah lewat" if draw_closes_at <= timezone.now() else ""
    places = len(sessions) * template.places_per_slot
    return PlannedDay(day, places, sum(shares), release_at, obstacle, draw_closes_at)


@transaction.atomic
def _publish_day(template: ScheduleTemplate, planned: PlannedDay, user: User | None) -> Schedule:
    schedule = publish_schedule(
        facility=template.facility, vaccine=template.vaccine, dose_codes=template.dose_codes, day=planned.date,
        open_time=template.open_time, close_time=template.close_time, slot_minutes=template.slot_minutes,
        places_per_slot=template.places_per_slot, walk_in_percent=template.walk_in_percent,
        walk_in_at=at(planned.date, template.walk_in_hour) if template.walk_in_hour else None,
        release_at=planned.release_at, template=template, created_by=user,
    )  # fmt: skip
    if planned.draw_closes_at and planned.release_at:
        draws.announce(
            title=f"{template.name}, {long_date(planned.date, 'id')}"[:120], programme=template.programme,
            schedule_ids=[schedule.pk], opens_at=timezone.now(), closes_at=planned.draw_closes_at,
            rest_at=planned.release_at, user=user,
        )  # fmt: skip
    return schedule
