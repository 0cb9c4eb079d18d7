"""Places offered to people who wait: in order, for a limited time, answered once.

One transaction per offer locks one entry and then its places, which are picked with SKIP LOCKED: two workers at once
take turns at an entry and never wait for each other's places.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import outbox, sweeper
from programmes.rules import Option
from registration.models import Citizen
from registration.queries import notification_phone
from scheduling import capacity, eligibility, errors, families, places
from scheduling.models import Appointment, Offer, Place, Schedule, Slot, WaitlistEntry, WaitlistMember
from scheduling.waiting import gathering, waitlist
from scheduling.waiting import statements as offer_statements
from scheduling.waiting.windows import Window

State = Offer.State
CHUNK = 100
# About two seconds of a worker.
MOST_PER_RUN = 200
# A refusal by the rules is remembered this long in a process, so that the sweeper does not ask every few seconds.
REMEMBER_SECONDS, REMEMBER_MOST = 60.0, 50_000
_refused: dict[tuple[int, int], float] = {}
# Schedules where nobody who waits can take what is free, until when, and the newest entry that was asked.
_idle: dict[int, tuple[float, int]] = {}


def offer_free_places(schedule_id: int, most: int | None = None) -> int:
    """Offer what is free in one schedule to the people who wait for it, in order; returns how many offers were made.

    Eligibility is asked per person for the schedule's day. A family gets places side by side; when there are too few,
    they are gathered for the first such family for a while (`gathering`), else it is passed over this time. What nobody
    wants goes back to everybody; after `most` offers the rest is left for the next run. Safe to run twice at once.
    Locks an entry, then its places.
    """
    schedule = Schedule.objects.select_related("facility", "vaccine").get(pk=schedule_id)
    made = 0
    kept_back: list[int] = []
    windows = _windows(schedule_id)
    for entry in _candidates(schedule_id) if windows else ():
        if not any(window.left for window in windows):
            break
        if most is not None and made >= most:
            return made
        people = [member.citizen for member in entry.members.all() if member.is_active]
        is_short = sum(window.left for window in windows) < len(people)
        may_gather = len(people) > 1 and not kept_back and gathering.may_gather(entry, schedule, timezone.now())
        if not people or (is_short and not may_gather) or not _may_come(entry, people, schedule):
            continue
        if not is_short and _offer_around(entry, schedule, windows, len(people)):
            made += 1
        elif may_gather:
            kept_back = gathering.gather(entry.pk, schedule, windows)
    with transaction.atomic():
        places.count(
            offer_statements.NOT_WANTED, schedule=schedule_id, kept_back=kept_back,
            walk_in=schedule.is_walk_in_only(timezone.now()),
        )  # fmt: skip
    return made


def offer_everywhere() -> int:
    """Run `offer_free_places` wherever somebody waits and a place is free; returns how many offers were made.

    At most MOST_PER_RUN, so that a release with many who wait does not keep the worker from everything else.
    """
    now = timezone.now()
    rows = places.run(offer_statements.TO_MATCH, now=now, today=timezone.localdate(now), soon=places.soon(now))
    kept_back = {schedule_id for schedule_id, kept in rows if kept}
    newest = WaitlistEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    made, clock = 0, time.monotonic()
    for schedule_id in sorted({schedule_id for schedule_id, _ in rows}):
        if made >= MOST_PER_RUN:
            break
        until, asked = _idle.get(schedule_id, (0.0, 0))
        if schedule_id not in kept_back and clock < until and asked == newest:
            continue
        found = offer_free_places(schedule_id, MOST_PER_RUN - made)
        if not found:
            _idle[schedule_id] = time.monotonic() + REMEMBER_SECONDS, newest
        made += found
    return made


def deadline(
    now: datetime, starts_at: datetime, source: str, *, by_hand: bool = False
) -> tuple[datetime, datetime] | None:
    """When the message goes out and until when an offer made at `now` runs; None when there is no time to answer.

    In quiet hours the message waits for their end and the time runs from there. A next dose has longer, and so has
    `by_hand` an entry of people without a phone, whose kader or desk has to tell them; but the last day before the
    session belongs to others. A session that starts sooner ends the offer when it starts.
    """
    tell_at = after_quiet(now)
    until = tell_at + timedelta(minutes=settings.OFFER_MINUTES)
    hours = settings.OFFER_BY_HAND_HOURS if by_hand else 0
    if source == WaitlistEntry.Source.NEXT_DOSE:
        hours = max(hours, settings.NEXT_DOSE_OFFER_HOURS)
    if hours:
        until = max(until, min(tell_at + timedelta(hours=hours), starts_at - timedelta(hours=24)))
    until = min(until, starts_at)
    return (tell_at, until) if until - tell_at >= timedelta(minutes=settings.OFFER_LEAST_MINUTES) else None


@transaction.atomic
def accept(offer_id: int, client_uuid: UUID) -> list[Appointment]:
    """Book the places of an offer, in the order of its people's names on the list; again gives the same appointments.

    Raises OfferOver, AlreadyBooked, NotEligible (each with `citizen` when it is about one person). Locks the citizens,
    the entry, then the places.
    """
    offer = Offer.objects.select_related("schedule__vaccine").get(pk=offer_id)
    people = _lock_people(offer.entry_id)
    entry = waitlist.locked(offer.entry_id)
    offer.refresh_from_db(fields=["state", "expires_at"])
    if offer.state == State.ACCEPTED:
        rows = offer.appointments.select_related("citizen", "slot", "schedule__facility", "programme")
        return list(rows.order_by("slot__starts_at", "pk"))
    now = timezone.now()
    if offer.state != State.OPEN or offer.expires_at <= now:
        raise errors.OfferOver(offer)
    options = [_must_be_eligible(citizen, offer.schedule) for citizen in people]
    kept = Place.objects.select_for_update(of=("self",)).filter(state=Place.HELD, held_by=offer.public_id)
    picked = [families.Picked(place.pk, place.slot_id) for place in kept.order_by("slot__starts_at", "number")]
    if not people or len(picked) < len(people):
        raise errors.OfferOver(offer)
    # Freed again, it is a place for everybody.
    Place.objects.filter(pk__in=[one.place_id for one in picked]).update(pool=Place.Pool.ONLINE)
    made = families.book_places(
        citizens=people, picked=picked, client_uuid=client_uuid, dose_codes=[option.dose_code for option in options],
        programme=entry.programme_id, booked_via="offer", now=now,
    )  # fmt: skip
    offer.state, offer.answered_at = State.ACCEPTED, now
    offer.save(update_fields=["state", "answered_at"])
    offer.appointments.set(made)
    waitlist.end(entry, WaitlistEntry.State.SERVED, WaitlistEntry.Because.BOOKED)
    return made


@transaction.atomic
def decline(offer_id: int) -> Offer:
    """Let the places of an offer go to the next; the people wait on for another day. Again changes nothing.

    Raises OfferOver for an offer that was accepted or ran out. Locks the entry, then the places.
    """
    offer = Offer.objects.get(pk=offer_id)
    entry = waitlist.locked(offer.entry_id)
    offer.refresh_from_db()
    if offer.state == State.DECLINED:
        return offer
    if offer.state != State.OPEN:
        raise errors.OfferOver(offer)
    _end_offer(entry, State.DECLINED)
    offer.refresh_from_db()
    return offer


@transaction.atomic
def put_off_by_night(offer_id: int) -> bool:
    """The news of an offer comes due in the quiet hours, late after an outage: it is told in the morning, and its time
    runs from there. Where that leaves no time the places go to the next. False by day. Locks the entry, then places.
    """
    now = timezone.now()
    if after_quiet(now) == now:
        return False
    offer = Offer.objects.select_related("slot").get(pk=offer_id)
    entry = waitlist.locked(offer.entry_id)
    offer.refresh_from_db(fields=["state", "expires_at"])
    if offer.state != State.OPEN:
        return True
    times = deadline(now, offer.slot.starts_at, entry.source, by_hand=_by_hand(entry))
    if times is None:
        _end_offer(entry, State.WITHDRAWN)
        return True
    tell_at, until = times
    offer.expires_at = max(until, offer.expires_at)
    offer.save(update_fields=["expires_at"])
    Place.objects.filter(state=Place.HELD, held_by=offer.public_id).update(held_until=offer.expires_at)
    outbox.add_later("offer.made", tell_at, offer_id=offer.pk)
    return True


@transaction.atomic
def expire_due(now: datetime | None = None) -> int:
    """End the offers whose time is over; the places go to the next. Who was silent too often no longer waits, and is
    told. One statement, safe in two workers; returns how many."""
    now = now or timezone.now()
    rows = places.run(offer_statements.EXPIRE, now=now, limit=settings.MISSED_OFFERS_LIMIT)
    capacity.freed({schedule_id for schedule_id, _entry, _state in rows})
    for _schedule, entry_id, state in rows:
        if state == WaitlistEntry.State.ENDED:
            outbox.add("waitlist.ended", entry_id=entry_id)
    return len(rows)


@transaction.atomic
def withdraw_lost() -> int:
    """Withdraw offers whose day was closed or made smaller; the people wait on where they were."""
    rows = places.run(offer_statements.LOST_PLACES)
    for (entry_id,) in rows:
        _end_offer(WaitlistEntry.objects.get(pk=entry_id), State.WITHDRAWN)
    return len(rows)


def forget() -> None:
    """Drop what this process remembers; tests call it."""
    _refused.clear()
    _idle.clear()


def _end_offer(entry: WaitlistEntry, state: str) -> None:
    waitlist.end_offer(entry, state)
    WaitlistEntry.objects.filter(pk=entry.pk, state=WaitlistEntry.State.OFFERED).update(
        state=WaitlistEntry.State.WAITING
    )
    transaction.on_commit(sweeper.wake, robust=True)


def _windows(schedule_id: int) -> list[Window]:
    now = timezone.now()
    rows = places.run(offer_statements.FREE_PER_SLOT, schedule=schedule_id, now=now, soon=places.soon(now))
    return [Window(*row) for row in rows]


def _candidates(schedule_id: int) -> Iterator[WaitlistEntry]:
    """Who waits for this schedule, in order, read as far as needed."""
    ids = [row[0] for row in places.run(offer_statements.CANDIDATES, schedule=schedule_id)]
    clock = time.monotonic()
    ids = [pk for pk in ids if _refused.get((schedule_id, pk), 0.0) < clock]
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        found = WaitlistEntry.objects.prefetch_related("members__citizen").in_bulk(chunk)
        yield from (found[pk] for pk in chunk if pk in found)


def _may_come(entry: WaitlistEntry, people: Sequence[Citizen], schedule: Schedule) -> bool:
    if all(eligibility.for_schedule(citizen, schedule).eligible for citizen in people):
        return True
    if len(_refused) > REMEMBER_MOST:
        _refused.clear()
    _refused[schedule.pk, entry.pk] = time.monotonic() + REMEMBER_SECONDS
    return False


def _offer_around(entry: WaitlistEntry, schedule: Schedule, windows: Sequence[Window], size: int) -> bool:
    for window in windows:
        if window.left and _make(entry.pk, schedule, window.slot_id, size):
            _count_down(windows, window, size)
            return True
    return False


@transaction.atomic
def _make(entry_id: int, schedule: Schedule, slot_id: int, size: int) -> bool:
    """Keep `size` places around one session for an entry; False when somebody else was there first."""
    entry = waitlist.locked(entry_id)
    people = list(entry.members.filter(is_active=True).values_list("citizen_id", flat=True))
    if entry.state != WaitlistEntry.State.WAITING or len(people) != size:
        return False
    booked = Appointment.objects.filter(
        citizen__in=people, programme=entry.programme_id, status__in=Appointment.ACTIVE
    ).values_list("citizen_id", flat=True)
    if found := list(booked):
        for citizen_id in found:
            waitlist.take_out(entry, citizen_id, WaitlistEntry.State.SERVED, WaitlistEntry.Because.BOOKED)
        return False
    now = timezone.now()
    picked = families.pick(slot_id=slot_id, wanted=size, pools=(Place.Pool.OFFERED, Place.Pool.ONLINE), now=now)
    # A family may begin a session earlier than the chosen one.
    starts_at = Slot.objects.get(pk=picked[0].slot_id).starts_at if picked else None
    times = deadline(now, starts_at, entry.source, by_hand=_by_hand(entry)) if starts_at else None
    if times is None:
        return False
    tell_at, until = times
    offer = Offer.objects.create(
        entry=entry, schedule=schedule, slot_id=picked[0].slot_id, expires_at=until, offered_at=now
    )
    next_dose = entry.source == WaitlistEntry.Source.NEXT_DOSE
    places.count(
        offer_statements.KEEP_FOR_OFFER, offer=offer.public_id, until=until, places=[one.place_id for one in picked],
        pool=Place.Pool.NEXT_DOSE if next_dose else Place.Pool.OFFERED,
    )  # fmt: skip
    entry.state = WaitlistEntry.State.OFFERED
    entry.save(update_fields=["state"])
    outbox.add_later("offer.made", tell_at, offer_id=offer.pk)
    return True


def _by_hand(entry: WaitlistEntry) -> bool:
    """Whether staff put the entry on the list and no message reaches any of its people."""
    if entry.entered_by_id is None:
        return False
    members = entry.members.filter(is_active=True).select_related("citizen__account")
    return not any(notification_phone(member.citizen) for member in members)


def _count_down(windows: Sequence[Window], chosen: Window, size: int) -> None:
    """Roughly what is left; the statement that picks decides."""
    for window in sorted(windows, key=lambda one: abs(one.starts_at - chosen.starts_at)):
        taken = min(window.left, size)
        window.left, size = window.left - taken, size - taken


def _lock_people(entry_id: int) -> list[Citizen]:
    waiting = WaitlistMember.objects.filter(entry=entry_id, is_active=True).values("citizen")
    return list(Citizen.objects.select_for_update(no_key=True).filter(pk__in=waiting).order_by("pk"))


def _must_be_eligible(citizen: Citizen, schedule: Schedule) -> Option:
    option = eligibility.for_schedule(citizen, schedule)
    if not option.eligible:
        raise errors.NotEligible(option, schedule.date).about(citizen)
    return option


def after_quiet(now: datetime) -> datetime:
    """`now`, or the end of the quiet hours it falls into (local time; they may pass midnight)."""
    local = timezone.localtime(now)
    start, end = settings.QUIET_FROM, settings.QUIET_UNTIL
    clock = local.time()
    quiet = start <= clock or clock < end if start > end else start <= clock < end
    if not quiet:
        return now
    day: date = local.date() + timedelta(days=1 if start > end and clock >= start else 0)
    return timezone.make_aware(datetime.combine(day, end))
