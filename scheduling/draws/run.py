"""Hold a draw: freeze the list, publish its hash, then order it and give the places, in steps that survive a kill.

Each step is one transaction with the draw's row locked; what it did is in the rows, so whoever comes next goes on from
there. Lock order: draw, schedules, appointments, places. The worker calls `run_due` every few seconds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone

from core import outbox, sweeper
from registration.models import Citizen
from scheduling import booking, eligibility, places, tickets
from scheduling.draws import files as draw_files
from scheduling.draws import weights as draw_weights
from scheduling.draws.rooms import Rooms, Seat
from scheduling.draws.services import TO_EVERYBODY
from scheduling.models import Appointment, Draw, DrawEntry, DrawMember, Place, Schedule

BATCH = 100
MISSES_COUNT_DAYS = 365

MISSED = """
SELECT citizen_id, count(*) FROM (
    SELECT member.citizen_id FROM scheduling_drawmember member
    JOIN scheduling_drawentry entry ON entry.id = member.entry_id JOIN scheduling_draw draw ON draw.id = entry.draw_id
    WHERE entry.outcome = 'lost' AND draw.programme_id = %(programme)s AND draw.drawn_at > %(since)s
    UNION ALL
    SELECT member.citizen_id FROM scheduling_waitlistmember member
    JOIN scheduling_waitlistentry entry ON entry.id = member.entry_id
    WHERE entry.state = 'ended' AND entry.ended_because = 'over' AND entry.source = 'citizen'
      AND entry.programme_id = %(programme)s AND entry.ended_at > %(since)s
) missed WHERE citizen_id = ANY(%(citizens)s::bigint[]) GROUP BY citizen_id"""

WEIGH_MEMBERS = """
UPDATE scheduling_drawmember member
SET weight = new.weight, reasons = to_jsonb(string_to_array(new.reasons, ' '))
FROM unnest(%(ids)s::bigint[], %(weights)s::int[], %(reasons)s::text[]) AS new(id, weight, reasons)
WHERE member.id = new.id"""

WEIGH_ENTRIES = """
UPDATE scheduling_drawentry entry SET weight = new.weight
FROM unnest(%(ids)s::bigint[], %(weights)s::int[]) AS new(id, weight) WHERE entry.id = new.id"""

RANK = """
UPDATE scheduling_drawentry entry SET rank = new.rank
FROM unnest(%(tickets)s::text[]) WITH ORDINALITY AS new(ticket, rank)
WHERE entry.draw_id = %(draw)s AND entry.ticket = new.ticket"""


def run_due() -> int:
    """Bring every draw whose time has come a step further; returns how many steps were made."""
    now = timezone.now()
    due = Draw.objects.filter(state__in=Draw.PENDING, closes_at__lte=now).order_by("closes_at", "pk")
    return sum(run(draw_id) for draw_id in due.values_list("pk", flat=True))


def run(draw_id: int) -> int:
    """Freeze, order and allocate as far as the clock allows; returns the number of steps made, 0 when another worker is
    at it or nothing is due. Safe to call at any time, in any number of processes.
    """
    steps = 0
    while _step(draw_id):
        steps += 1
    return steps


def draws_at(draw: Draw) -> datetime:
    """When the order is drawn: the list's hash is public for some minutes before the seed is used."""
    return (draw.frozen_at or draw.closes_at) + timedelta(minutes=settings.DRAW_PAUSE_MINUTES)


def tickets_of(draw: Draw) -> list[draw_files.Ticket]:
    """The lines of the frozen list as the rows have them now; two columns of it are never written again."""
    rows = DrawEntry.objects.filter(draw=draw, weight__gt=0).annotate(people=Count("members"))
    found = rows.values_list("ticket", "weight", "people", "wishes")
    return [draw_files.Ticket(number, weight, people, tuple(wishes)) for number, weight, people, wishes in found]


def results_of(draw: Draw) -> list[draw_files.Result]:
    """The lines of the result; one that slipped in after the draw has rank 0 and makes the replay differ."""
    rows = DrawEntry.objects.filter(draw=draw, weight__gt=0).annotate(people=Count("members")).order_by("rank")
    return [
        draw_files.Result(
            row.rank or 0,
            draw_files.Ticket(row.ticket, row.weight, row.people, tuple(row.wishes)),
            draw_files.OUTCOMES[row.outcome],
            row.schedule_id,
            tuple(row.dropped),
        )
        for row in rows
    ]


def _step(draw_id: int) -> bool:
    with transaction.atomic():
        # FOR UPDATE, not its weaker form: it is refused while somebody who is just entering holds the row against it.
        # Then, as when another worker is at it, the next sweep tries again; after the hour nobody can hold it any more.
        draw = Draw.objects.select_for_update(skip_locked=True).filter(pk=draw_id).first()
        now = timezone.now()
        if draw is None or not draw.is_pending or now < draw.closes_at:
            return False
        if draw.state == Draw.State.ANNOUNCED:
            _freeze(draw, now)
            return True
        if now < draws_at(draw):
            return False
        if draw.state == Draw.State.FROZEN:
            _order(draw)
        else:
            _allocate(draw, now)
        return True


def _freeze(draw: Draw, now: datetime) -> None:
    _weigh(draw, now)
    file = draw_files.participants_file(tickets_of(draw))
    draw.list_hash, draw.list_count = draw_files.hash_of(file), file.count(b"\n") - 1
    draw.state, draw.frozen_at = Draw.State.FROZEN, now
    draw.save(update_fields=["list_hash", "list_count", "state", "frozen_at"])


def _weigh(draw: Draw, now: datetime) -> None:
    """Write the tickets in the drum of every person and every number; a family has those of its best member."""
    members = list(
        DrawMember.objects.filter(draw=draw, entry__outcome=DrawEntry.Outcome.WAITING).select_related(
            "citizen__kelurahan", "citizen__domicile_kelurahan"
        )
    )
    missed = missed_by(draw, [member.citizen_id for member in members], now)
    weights: dict[int, int] = {}
    for member in members:
        person = person_of(member.citizen, missed.get(member.citizen_id, 0), draw)
        found = draw_weights.extras(draw.weights, person)
        member.weight, member.reasons = 1 + sum(extra for _kind, extra in found), [kind for kind, _extra in found]
        weights[member.entry_id] = max(weights.get(member.entry_id, 0), member.weight)
    places.count(
        WEIGH_MEMBERS,
        ids=[member.pk for member in members],
        weights=[member.weight for member in members],
        reasons=[" ".join(member.reasons) for member in members],
    )
    places.count(WEIGH_ENTRIES, ids=list(weights), weights=list(weights.values()))


def missed_by(draw: Draw, citizen_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Citizen → times without a place in this programme within a year: lost draws, waiting that ran out."""
    since = now - timedelta(days=MISSES_COUNT_DAYS)
    rows = places.run(MISSED, programme=draw.programme_id, since=since, citizens=list(citizen_ids))
    return dict(rows)


def person_of(citizen: Citizen, missed: int, draw: Draw) -> draw_weights.Person:
    """What the weight rules may look at."""
    home = citizen.domicile_kelurahan or citizen.kelurahan
    day = timezone.localdate(draw.closes_at)
    return draw_weights.Person(citizen.age_on(day), missed, home.kecamatan_id if home else None)


def _order(draw: Draw) -> None:
    """Write the ranks. From now on stock that arrives opens no more places to this draw: what is drawn only shrinks."""
    order = draw_files.drawn_order(draw.seed, draw.list_hash, tickets_of(draw))
    places.count(RANK, tickets=order, draw=draw.pk)
    draw.state = Draw.State.DRAWING
    draw.save(update_fields=["state"])


def _allocate(draw: Draw, now: datetime) -> None:
    """Serve the next numbers in drawn order, or finish. Locks the schedules, so that none is closed meanwhile."""
    locked = Schedule.objects.select_for_update(no_key=True, of=("self",)).select_related("vaccine", "facility")
    schedules = {one.pk: one for one in locked.filter(draw=draw, state=Schedule.State.OPEN).order_by("pk")}
    rooms = Rooms.of(schedules)
    waiting = DrawEntry.objects.filter(draw=draw, outcome=DrawEntry.Outcome.WAITING, rank__isnull=False)
    if rooms.is_empty:
        waiting.update(outcome=DrawEntry.Outcome.LOST)
    batch = list(waiting.order_by("rank").prefetch_related("members__citizen")[:BATCH])
    lost = [entry.pk for entry in batch if not _serve(draw, entry, schedules, rooms, now)]
    DrawEntry.objects.filter(pk__in=lost).update(outcome=DrawEntry.Outcome.LOST)
    if not batch:
        _finish(draw, now)


def _serve(draw: Draw, entry: DrawEntry, schedules: dict[int, Schedule], rooms: Rooms, now: datetime) -> bool:
    """Give a number the first wish that has room for all its people; False when none had any."""
    members = sorted(entry.members.all(), key=lambda member: member.pk)
    wishes = [pk for pk in entry.wishes if pk in schedules and rooms.has_room(pk, len(members))]
    if not wishes:
        return False
    if any(_is_out(member.citizen, draw) for member in members):
        return _settle(entry, DrawEntry.Outcome.INELIGIBLE)
    cases = [(member.citizen, eligibility.Case.of(member.citizen)) for member in members]
    for pk in wishes:
        options = [eligibility.for_schedule(citizen, schedules[pk], case) for citizen, case in cases]
        if not all(option.eligible for option in options):
            entry.dropped.append(pk)
            continue
        seats = rooms.take(pk, len(members))
        doses = [option.dose_code for option in options]
        if _book(entry, schedules[pk], members, seats, doses, now):
            entry.schedule_id = pk
            return _settle(entry, DrawEntry.Outcome.WON)
        rooms.put_back(pk, seats)
        return _settle(entry, DrawEntry.Outcome.INELIGIBLE)
    if len(entry.dropped) == len(entry.wishes):
        return _settle(entry, DrawEntry.Outcome.INELIGIBLE)
    return _settle(entry, DrawEntry.Outcome.LOST)


def _is_out(citizen: Citizen, draw: Draw) -> bool:
    """Whether a person has an appointment by now, or is a record that became part of another one."""
    return citizen.merged_into_id is not None or booking.active_appointment(citizen, draw.programme_id) is not None


def _settle(entry: DrawEntry, outcome: str) -> bool:
    entry.outcome = outcome
    entry.save(update_fields=["outcome", "schedule", "dropped"])
    return True


def _book(
    entry: DrawEntry,
    schedule: Schedule,
    members: Sequence[DrawMember],
    seats: Sequence[Seat],
    doses: Sequence[str],
    now: datetime,
) -> bool:
    """Make the appointments of one number with their news, all or none; False when somebody just booked elsewhere."""
    try:
        with transaction.atomic():
            for member, seat, dose in zip(members, seats, doses, strict=True):
                member.appointment = Appointment.objects.create(
                    code=tickets.new_code(), citizen=member.citizen, programme_id=schedule.programme_id,
                    schedule=schedule, slot_id=seat.slot, dose_code=dose, client_uuid=_key(entry, member),
                    booked_at=now, changed_at=now, booked_via=entry.channel,
                )  # fmt: skip
                member.save(update_fields=["appointment"])
                # Taken from the draw it is a place like any other: given back, it goes the way of all places.
                taken = Place.objects.filter(pk=seat.place, pool=Place.Pool.DRAW, state=Place.FREE).update(
                    pool=Place.Pool.ONLINE, state=Place.TAKEN, appointment=member.appointment
                )
                if not taken:
                    raise IntegrityError("a place of the draw was taken by somebody else")
                outbox.add("appointment.booked", appointment_id=member.appointment.pk)
    except IntegrityError:
        if not any(booking.active_appointment(member.citizen, schedule.programme_id) for member in members):
            raise
        return False
    return True


def _key(entry: DrawEntry, member: DrawMember) -> UUID:
    """The same number and person make one appointment, whatever is repeated."""
    return uuid5(entry.client_uuid, f"draw:{member.citizen_id}")


def _finish(draw: Draw, now: datetime) -> None:
    places.count(TO_EVERYBODY, draw=draw.pk)
    draw.state, draw.drawn_at = Draw.State.DRAWN, now
    draw.save(update_fields=["state", "drawn_at"])
    outbox.add("draw.ended", draw_id=draw.pk)
    transaction.on_commit(sweeper.wake, robust=True)
