"""The waiting list: join, leave, end. The row of an entry is its lock (see `statements`)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from core import outbox, sweeper
from programmes.models import Programme, Vaccine
from regions.models import Facility, Kecamatan
from registration.models import Citizen
from scheduling import capacity, errors, places
from scheduling.models import Appointment, Offer, WaitlistEntry, WaitlistMember
from scheduling.waiting.standing import Standing, standing, waiting_for
from scheduling.waiting.statements import END_OPEN_OFFER, END_PAST

__all__ = [
    "Seeker", "Standing", "end_past", "join", "join_many", "leave", "move_entries", "settle_booked", "standing",
    "waiting_for", "waiting_or_booked",
]  # fmt: skip

BATCH = 2000
State, Because = WaitlistEntry.State, WaitlistEntry.Because


@transaction.atomic
def join(
    *,
    citizens: Sequence[Citizen],
    programme: Programme | str,
    first: date,
    last: date,
    facility: Facility | None = None,
    kecamatan: Kecamatan | None = None,
    vaccine: Vaccine | None = None,
    source: str = WaitlistEntry.Source.CITIZEN,
    rank: int = 0,
    joined_via: str = "web",
    client_uuid: UUID | None = None,
    user: User | None = None,
    desk: Facility | None = None,
) -> WaitlistEntry:
    """Put one person, or a family that wants to be served together, on the list of one programme.

    Without `facility` any of the `kecamatan`, without both any of the city; `first` to `last` are local dates. `user`
    is the member of staff who does it for them, `desk` the facility whose staff answer for it then. The same
    `client_uuid` returns the first answer. Raises AlreadyWaiting (with the entry) and AlreadyBooked (with the
    appointment), each with `citizen`, KeyBelongsToAnother, ValueError without people.
    """
    if not citizens:
        raise ValueError("nobody to wait")
    key = client_uuid or uuid4()
    code = programme if isinstance(programme, str) else programme.pk
    if answer := _first_answer(key, citizens):
        return answer
    _refuse_booked(citizens, code)
    seeker = Seeker(citizens, first, last, facility, vaccine, rank, joined_via, key, kecamatan, user, desk)
    entry, members = _rows(seeker, code, source)
    try:
        with transaction.atomic():
            _insert([entry], members)
    except IntegrityError:
        if answer := _first_answer(key, citizens):
            return answer
        _refuse_waiting(citizens, code)
        raise
    transaction.on_commit(sweeper.wake, robust=True)
    return entry


@dataclass(frozen=True)
class Seeker:
    """One entry of many that are to join: its people, where and when, its rank and its request key."""

    citizens: Sequence[Citizen]
    first: date
    last: date
    facility: Facility | None
    vaccine: Vaccine | None
    rank: int
    joined_via: str
    client_uuid: UUID
    kecamatan: Kecamatan | None = None
    user: User | None = None
    desk: Facility | None = None


@transaction.atomic
def join_many(seekers: Sequence[Seeker], *, programme: str, source: str) -> set[UUID]:
    """Put many on the list in a handful of statements and return the keys of those who wait by it now.

    Left out are those of whom somebody waits in this programme or is booked already. The same again adds nothing. Who
    joins by another door at this very moment makes it fail with IntegrityError: the caller's transaction rolls back and
    is tried again.
    """
    keys = [one.client_uuid for one in seekers]
    joined = set(WaitlistEntry.objects.filter(client_uuid__in=keys).values_list("client_uuid", flat=True))
    taken = waiting_or_booked({citizen.pk for one in seekers for citizen in one.citizens}, programme)
    entries, members = [], []
    for one in seekers:
        people = {citizen.pk for citizen in one.citizens}
        if one.client_uuid in joined or not people or people & taken:
            continue
        taken |= people
        entry, rows = _rows(one, programme, source)
        entries.append(entry)
        members += rows
    _insert(entries, members)
    transaction.on_commit(sweeper.wake, robust=True)
    return joined | {entry.client_uuid for entry in entries}


def waiting_or_booked(citizen_ids: Collection[int], programme: str) -> set[int]:
    """Which of these people wait for a place in this programme, or have one. Two queries."""
    wanted = {"citizen__in": citizen_ids, "programme": programme}
    waiting = WaitlistMember.objects.filter(is_active=True, **wanted)
    booked = Appointment.objects.filter(status__in=Appointment.ACTIVE, **wanted)
    return set(waiting.values_list("citizen_id", flat=True)) | set(booked.values_list("citizen_id", flat=True))


@transaction.atomic
def leave(entry_id: int) -> WaitlistEntry:
    """Take an entry off the list; an open offer is withdrawn. Leaving twice is leaving once. Locks the entry."""
    entry = locked(entry_id)
    if entry.is_active:
        end(entry, State.LEFT, Because.LEFT)
    return entry


def locked(entry_id: int) -> WaitlistEntry:
    """The entry, locked until commit; first of all locks here, after those of citizens and appointments."""
    return WaitlistEntry.objects.select_for_update(no_key=True).get(pk=entry_id)


def end_offer(entry: WaitlistEntry, state: str, *, reckon: bool = True) -> None:
    """End the open offer of an entry the caller has locked, if there is one; its places go to the next.

    With `reckon` they close instead while stock is short (locks the row of the stock's reckoning).
    """
    rows = places.run(END_OPEN_OFFER, entry=entry.pk, state=state, now=timezone.now())
    if rows and reckon:
        capacity.freed(schedule_id for (schedule_id,) in rows)


def end(entry: WaitlistEntry, state: str, because: str, *, reckon: bool = True) -> None:
    """End an entry the caller has locked, and its open offer."""
    end_offer(entry, Offer.State.WITHDRAWN, reckon=reckon)
    now = timezone.now()
    entry.state, entry.ended_because, entry.ended_at = state, because, now
    entry.save(update_fields=["state", "ended_because", "ended_at"])
    entry.members.filter(is_active=True).update(is_active=False)
    transaction.on_commit(sweeper.wake, robust=True)


def take_out(entry: WaitlistEntry, citizen_id: int, state: str, because: str, *, reckon: bool = True) -> None:
    """One person of an entry the caller has locked no longer waits; the others wait on, with a new offer to come."""
    entry.members.filter(citizen=citizen_id, is_active=True).update(is_active=False)
    if not entry.members.filter(is_active=True).exists():
        end(entry, state, because, reckon=reckon)
    elif entry.state == State.OFFERED:
        end_offer(entry, Offer.State.WITHDRAWN, reckon=reckon)
        entry.state = State.WAITING
        entry.save(update_fields=["state"])


@transaction.atomic
def settle_booked(citizen_id: int, programme: str) -> None:
    """Somebody has an appointment: they no longer wait in its programme. Again is harmless. Locks the entry."""
    for entry_id in _active_ids([citizen_id], programme):
        entry = locked(entry_id)
        if entry.is_active and _has_appointment(citizen_id, programme):
            take_out(entry, citizen_id, State.SERVED, Because.BOOKED)


def end_past(today: date | None = None) -> int:
    """End entries whose last date is over and tell the people; returns how many. Locks entries, waits for none."""
    ended = 0
    while True:
        rows = places.run(
            END_PAST, today=today or timezone.localdate(), now=timezone.now(), limit=BATCH,
            consumers=outbox.consumers_of("waitlist.ended"),
        )  # fmt: skip
        ended += len(rows)
        if len(rows) < BATCH:
            return ended


def move_entries(kept: Citizen, merged: Citizen) -> None:
    """Two records of one person became one: waiting follows; who waits or is booked twice in one programme waits once.

    Runs inside the merge, which has both citizens locked and may have the stock's reckoning, which entries come before:
    what comes free here is reckoned by the sweeper.
    """
    for member in WaitlistMember.objects.filter(citizen=merged, is_active=True).order_by("entry_id"):
        entry = locked(member.entry_id)
        double = WaitlistMember.objects.filter(citizen=kept, programme=member.programme, is_active=True).exists()
        if entry.is_active and (double or _has_appointment(kept.pk, member.programme_id)):
            take_out(entry, merged.pk, State.ENDED, Because.MERGED, reckon=False)
    both = WaitlistMember.objects.filter(citizen=kept).values("entry")
    WaitlistMember.objects.filter(citizen=merged, entry__in=both).delete()
    WaitlistMember.objects.filter(citizen=merged).update(citizen=kept)


def _rows(seeker: Seeker, programme: str, source: str) -> tuple[WaitlistEntry, list[WaitlistMember]]:
    entry = WaitlistEntry(
        programme_id=programme, vaccine=seeker.vaccine, facility=seeker.facility,
        kecamatan=None if seeker.facility else seeker.kecamatan, first_date=seeker.first, last_date=seeker.last,
        source=source, priority=WaitlistEntry.PRIORITY[source], rank=seeker.rank, joined_via=seeker.joined_via,
        client_uuid=seeker.client_uuid, entered_by=seeker.user, desk_facility=seeker.desk,
    )  # fmt: skip
    members = [WaitlistMember(entry=entry, citizen=citizen, programme_id=programme) for citizen in seeker.citizens]
    return entry, members


def _insert(entries: Sequence[WaitlistEntry], members: Iterable[WaitlistMember]) -> None:
    WaitlistEntry.objects.bulk_create(entries)
    # In one order for everybody, so that two families with a person in common cannot wait for each other.
    WaitlistMember.objects.bulk_create(sorted(members, key=lambda member: member.citizen_id))


def _active_ids(citizen_ids: Iterable[int], programme: str) -> list[int]:
    rows = WaitlistMember.objects.filter(citizen__in=citizen_ids, programme=programme, is_active=True)
    return list(rows.order_by("entry_id").values_list("entry_id", flat=True).distinct())


def _has_appointment(citizen_id: int, programme: str) -> bool:
    rows = Appointment.objects.filter(citizen=citizen_id, programme=programme, status__in=Appointment.ACTIVE)
    return rows.exists()


def _first_answer(key: UUID, citizens: Sequence[Citizen]) -> WaitlistEntry | None:
    found = WaitlistEntry.objects.filter(client_uuid=key).first()
    if found and set(found.members.values_list("citizen_id", flat=True)) != {one.pk for one in citizens}:
        raise errors.KeyBelongsToAnother
    return found


def _refuse_booked(citizens: Sequence[Citizen], programme: str) -> None:
    booked = Appointment.objects.filter(citizen__in=citizens, programme=programme, status__in=Appointment.ACTIVE)
    if appointment := booked.select_related("citizen").first():
        raise errors.AlreadyBooked(appointment).about(appointment.citizen)


def _refuse_waiting(citizens: Sequence[Citizen], programme: str) -> None:
    waiting = WaitlistMember.objects.filter(citizen__in=citizens, programme=programme, is_active=True)
    if member := waiting.select_related("entry", "citizen").first():
        raise errors.AlreadyWaiting(member.entry).about(member.citizen)
