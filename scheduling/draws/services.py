"""Announce a draw, enter it, withdraw from it. The drawing itself: scheduling.draws.run (docs/adr/0006-draw.md).

Lock order: draw, schedules, entry, then as everywhere citizen, appointment, place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from core import outbox
from core.formats import long_date
from programmes.models import Programme
from programmes.rules import Option
from registration.models import Citizen
from scheduling import booking, eligibility, errors, fair_order, places, tickets
from scheduling.models import Draw, DrawEntry, DrawMember, Place, Schedule

MOST_WISHES = 3
LARGEST_FAMILY = 10

TO_DRAW = """
UPDATE scheduling_place SET pool = 'draw'
WHERE id IN (
    SELECT place.id FROM scheduling_place place JOIN scheduling_slot slot ON slot.id = place.slot_id
    WHERE slot.schedule_id = ANY(%(schedules)s::bigint[]) AND place.pool = 'online' AND place.state = 'free'
    ORDER BY place.id FOR UPDATE OF place)"""

# What the draw leaves is online like any other place: release_at says from when.
TO_EVERYBODY = """
UPDATE scheduling_place SET pool = 'online'
WHERE id IN (
    SELECT place.id FROM scheduling_place place JOIN scheduling_slot slot ON slot.id = place.slot_id
    JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    WHERE schedule.draw_id = %(draw)s AND place.pool = 'draw' AND place.state = 'free'
    ORDER BY place.id FOR UPDATE OF place)"""


class NotDrawable(errors.BookingError):
    """A schedule that cannot be given by lot, or a window that leaves no time; for the office."""

    code = "not_drawable"


class DrawNotOpen(errors.BookingError):
    """Entering or withdrawing outside the window."""

    code = "draw_not_open"

    def __init__(self, draw: Draw, now: datetime) -> None:
        if draw.phase(now) == "announced":
            local = timezone.localtime(draw.opens_at)
            text = _("Undian ini dibuka %(day)s pukul %(time)s WIB.") % {
                "day": long_date(local.date(), translation.get_language()), "time": f"{local:%H.%M}",
            }  # fmt: skip
        else:
            text = _("Pendaftaran undian ini sudah ditutup. Daftar peserta tidak dapat diubah lagi.")
        super().__init__(text)


class AlreadyEntered(errors.BookingError):
    """The person takes part already, with `entry`; a second number would be a second chance."""

    code = "already_entered"

    def __init__(self, entry: DrawEntry) -> None:
        super().__init__(_("Orang ini sudah ikut undian ini. Satu orang hanya mendapat satu nomor undian."))
        self.entry = entry


@dataclass(frozen=True)
class Fit:
    """What the dose rules say of one person for the schedules of a draw."""

    citizen: Citizen
    options: dict[int, Option]

    @property
    def allowed(self) -> set[int]:
        """Schedules this person may come to."""
        return {pk for pk, option in self.options.items() if option.eligible}

    @property
    def refusal(self) -> Option | None:
        """Why none is possible; None when one is."""
        return None if self.allowed else next(iter(self.options.values()), None)


@transaction.atomic
def announce(
    *,
    title: str,
    programme: Programme,
    schedule_ids: Sequence[int],
    opens_at: datetime,
    closes_at: datetime,
    rest_at: datetime,
    weights: Sequence[dict[str, Any]] = (),
    user: User | None = None,
) -> Draw:
    """Write a draw with a new seed, whose hash is public from now on, and take its schedules' places out of booking.

    The schedules open to everybody at `rest_at`, with what the draw leaves. Raises NotDrawable for a schedule that is
    closed, booked, open already, of another programme or another draw, or begins before `rest_at`. Locks the schedules,
    then their free places. The pages write "Undian" before the title, so it is taken from its beginning.
    """
    locked = Schedule.objects.select_for_update(no_key=True, of=("self",))
    rows = list(locked.filter(pk__in=schedule_ids).order_by("pk"))
    if not rows or len(rows) != len(set(schedule_ids)):
        raise NotDrawable("Pilih paling sedikit satu jadwal.")
    for schedule in rows:
        _check_drawable(schedule, programme, rest_at)
    seed = fair_order.new_seed()
    draw = Draw.objects.create(
        title=_bare(title), programme=programme, opens_at=opens_at, closes_at=closes_at, rest_at=rest_at,
        weights=list(weights), seed=seed, seed_hash=fair_order.commitment(seed), created_by=user,
    )  # fmt: skip
    ids = [schedule.pk for schedule in rows]
    Schedule.objects.filter(pk__in=ids).update(draw=draw, release_at=rest_at)
    places.count(TO_DRAW, schedules=ids)
    if Place.objects.filter(slot__schedule__in=ids, pool=Place.Pool.ONLINE).exists():
        raise NotDrawable("Jadwal ini sudah ada yang memesan.")
    return draw


def _bare(title: str) -> str:
    title = title.strip()
    return title.partition(" ")[2].strip() if title.lower().startswith("undian ") else title


@transaction.atomic
def cancel(draw_id: int, reason: str) -> Draw:
    """Call a draw off while people may still enter; its places open to everybody at `rest_at`, entrants are told.

    Cancelling twice changes nothing. Once the list is frozen it is too late: a draw that could be cancelled after its
    order is fixed could be repeated until it pleases. Raises NotDrawable. Locks the draw, then its places.
    """
    draw = Draw.objects.select_for_update().get(pk=draw_id)
    if draw.state == Draw.State.CANCELLED:
        return draw
    if draw.phase(timezone.now()) not in ("announced", "open"):
        raise NotDrawable("Pendaftaran sudah ditutup; undian yang sudah terkunci tidak dapat dibatalkan.")
    draw.state, draw.cancel_reason, draw.cancelled_at = Draw.State.CANCELLED, reason.strip()[:200], timezone.now()
    draw.save(update_fields=["state", "cancel_reason", "cancelled_at"])
    places.count(TO_EVERYBODY, draw=draw.pk)
    outbox.add("draw.ended", draw_id=draw.pk)
    return draw


def fits(draw: Draw, citizens: Sequence[Citizen]) -> list[Fit]:
    """What the rules say of each person for each open schedule of the draw; one query per person."""
    schedules = schedules_of(draw)
    found = []
    for citizen in citizens:
        case = eligibility.Case.of(citizen)
        found.append(Fit(citizen, {one.pk: eligibility.for_schedule(citizen, one, case) for one in schedules}))
    return found


def schedules_of(draw: Draw) -> list[Schedule]:
    """The open schedules of a draw, soonest first."""
    rows = draw.schedules.filter(state=Schedule.State.OPEN).select_related("facility__kecamatan", "vaccine")
    return list(rows.order_by("date", "open_time", "facility__name", "pk"))


@transaction.atomic
def enter(
    *,
    draw_id: int,
    citizens: Sequence[Citizen],
    wishes: Sequence[int],
    client_uuid: UUID,
    channel: str = "web",
    user: User | None = None,
) -> DrawEntry:
    """Give these people one number in the draw; several people win together or not at all.

    The same `client_uuid` returns the first answer. Wishes the rules do not allow for every one of them are left out.
    Raises DrawNotOpen, AlreadyEntered, AlreadyBooked, NotEligible, BookingError. Holds the draw against freezing until
    commit, without making others who enter wait.
    """
    if first := _first_answer(client_uuid, citizens):
        return first
    draw = _open_draw(draw_id)
    if not 0 < len(citizens) <= LARGEST_FAMILY:
        raise errors.BookingError(_("Pilih siapa yang ikut undian."))
    for citizen in citizens:
        if active := booking.active_appointment(citizen, draw.programme_id):
            raise errors.AlreadyBooked(active)
        if member := _membership(draw, citizen):
            raise AlreadyEntered(member.entry)
    entry = DrawEntry(
        draw=draw, ticket=tickets.new_code(), wishes=_allowed_wishes(draw, citizens, wishes), channel=channel,
        client_uuid=client_uuid, entered_by=user,
    )  # fmt: skip
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
            DrawMember.objects.bulk_create(DrawMember(entry=entry, draw=draw, citizen=one) for one in citizens)
    except IntegrityError:
        # The same form or the same person came through another door at this moment; the indexes told us.
        if first := _first_answer(client_uuid, citizens):
            return first
        for citizen in citizens:
            if member := _membership(draw, citizen):
                raise AlreadyEntered(member.entry) from None
        raise
    outbox.add("draw.entered", entry_id=entry.pk)
    return entry


@transaction.atomic
def withdraw(entry_id: int) -> DrawEntry:
    """Leave the draw while its window is open; leaving twice is once. Raises DrawNotOpen. Locks the entry."""
    entry = DrawEntry.objects.get(pk=entry_id)
    _open_draw(entry.draw_id)
    entry = DrawEntry.objects.select_for_update(no_key=True).get(pk=entry_id)
    if entry.outcome == DrawEntry.Outcome.WAITING:
        entry.outcome = DrawEntry.Outcome.WITHDRAWN
        entry.save(update_fields=["outcome"])
        entry.members.update(is_active=False)
    return entry


def move_entries(kept: Citizen, merged: Citizen) -> None:
    """Two records of one person became one: of two numbers in one draw the older stays.

    Runs inside the merge, which has both citizens locked. A frozen list stays as it was published: there the second
    line keeps the record that is gone, and gets nothing when its turn comes.
    """
    theirs = DrawMember.objects.filter(citizen=merged)
    both = DrawMember.objects.filter(citizen=kept, is_active=True).values("draw")
    for member in theirs.filter(is_active=True, draw__in=both, draw__state=Draw.State.ANNOUNCED):
        if DrawMember.objects.filter(entry=member.entry_id).count() > 1:
            member.delete()
        else:
            DrawEntry.objects.filter(pk=member.entry_id).update(outcome=DrawEntry.Outcome.WITHDRAWN)
            DrawMember.objects.filter(pk=member.pk).update(is_active=False)
    theirs.exclude(is_active=True, draw__in=both).exclude(
        entry__in=DrawMember.objects.filter(citizen=kept).values("entry")
    ).update(citizen=kept)


def _check_drawable(schedule: Schedule, programme: Programme, rest_at: datetime) -> None:
    now = timezone.now()
    if schedule.programme_id != programme.pk:
        raise NotDrawable(f"{schedule} adalah jadwal program lain.")
    if schedule.state != Schedule.State.OPEN:
        raise NotDrawable(f"{schedule} tidak dibuka.")
    if schedule.draw is not None and schedule.draw.is_pending:
        raise NotDrawable(f"{schedule} sudah dipakai undian lain.")
    if schedule.is_released(now):
        raise NotDrawable(f"{schedule} sudah dibuka untuk umum; yang diundi hanya jadwal yang belum dibuka.")
    first = schedule.slots.order_by("starts_at").first()
    if first is None or first.starts_at <= rest_at:
        raise NotDrawable(f"{schedule} dimulai sebelum sisa tempat dibuka.")


def _open_draw(draw_id: int) -> Draw:
    """The draw, kept from being frozen until commit. Raises DrawNotOpen."""
    with connection.cursor() as cursor:
        # Many may hold this at once; freezing takes FOR UPDATE, waits for all of them, and then nobody gets here.
        cursor.execute("SELECT FROM scheduling_draw WHERE id = %s FOR KEY SHARE", [draw_id])
    draw = Draw.objects.defer("seed").select_related("programme").get(pk=draw_id)
    now = timezone.now()
    if draw.phase(now) != "open":
        raise DrawNotOpen(draw, now)
    return draw


def _allowed_wishes(draw: Draw, citizens: Sequence[Citizen], wishes: Sequence[int]) -> list[int]:
    people = fits(draw, citizens)
    for person in people:
        if refusal := person.refusal:
            raise errors.NotEligible(refusal, draw.closes_at.date())
    shared = set.intersection(*(person.allowed for person in people))
    wanted = [pk for pk in dict.fromkeys(wishes) if pk in shared][:MOST_WISHES]
    if not wanted:
        raise errors.BookingError(_why_none(draw, people, wishes))
    return wanted


def _why_none(draw: Draw, people: Sequence[Fit], wishes: Sequence[int]) -> str:
    """Who may not come to the first wish and by which rule, and what would do for all of them."""
    shared = set.intersection(*(person.allowed for person in people))
    said = [
        f"{person.citizen.full_name}: {person.options[pk].text}"
        for person in people
        for pk in wishes[:1]
        if pk in person.options and pk not in person.allowed
    ]
    fitting = [f"{one.vaccine.short_name}, {one.facility.name}" for one in schedules_of(draw) if one.pk in shared]
    if fitting:
        said.append(_("Yang bisa dipilih: %(schedules)s.") % {"schedules": "; ".join(fitting)})
    else:
        said.append(_("Tidak ada jadwal undian ini yang bisa untuk semuanya sekaligus. Daftarkan satu per satu."))
    return " ".join(map(str, said))


def _membership(draw: Draw, citizen: Citizen) -> DrawMember | None:
    return DrawMember.objects.filter(draw=draw, citizen=citizen, is_active=True).select_related("entry").first()


def _first_answer(client_uuid: UUID, citizens: Sequence[Citizen]) -> DrawEntry | None:
    found = DrawEntry.objects.filter(client_uuid=client_uuid).prefetch_related("members").first()
    if found and {member.citizen_id for member in found.members.all()} != {citizen.pk for citizen in citizens}:
        raise errors.KeyBelongsToAnother
    return found
