"""Reads of draws for pages: what is drawn for, who takes part, what came of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from registration.models import CitizenAccount
from scheduling import queries
from scheduling.draws import run as draw_run
from scheduling.draws import weights as draw_weights
from scheduling.models import Draw, DrawEntry, DrawMember, Place, Schedule, WaitlistEntry
from scheduling.waiting import waitlist

SETTLING, WAITS, KEEPS, NOWHERE = "settling", "waits", "keeps", "nowhere"
SHOWN_AFTER = timedelta(days=90)
NOT_FOR_BOOKING = (Place.Pool.WALK_IN, Place.Pool.CLOSED, Place.Pool.LEASED)


@dataclass(frozen=True)
class Prize:
    """One schedule of a draw with the places given."""

    schedule: Schedule
    places: int

    @property
    def dose_text(self) -> str:
        """Doses served, in one line."""
        return ", ".join(queries.dose_labels(self.schedule))


def public_draws(now: datetime) -> list[tuple[Draw, str]]:
    """Draws with their phase: open ones first, then coming ones, then those of the last months."""
    rank = {"open": 0, "announced": 1, "closed": 2, "frozen": 2, "drawn": 3, "cancelled": 4}
    rows = Draw.objects.defer("seed").select_related("programme").filter(closes_at__gt=now - SHOWN_AFTER)
    found = [(draw, draw.phase(now)) for draw in rows]
    return sorted(found, key=lambda pair: (rank[pair[1]], -pair[0].opens_at.timestamp()))


def prizes(draw: Draw) -> list[Prize]:
    """The schedules of a draw, soonest first, with how many places are or were given by lot; one query."""
    given = Count("slots__places", filter=~Q(slots__places__pool__in=NOT_FOR_BOOKING))
    rows = draw.schedules.select_related("facility__kecamatan", "vaccine", "programme").annotate(given=given)
    return [Prize(row, row.given) for row in rows.order_by("date", "open_time", "facility__name", "pk")]


def taking_part(draw: Draw) -> int:
    """Numbers in the drum: as counted when the list was frozen, until then those there are now."""
    if draw.frozen_at:
        return draw.list_count
    return draw.entries.filter(outcome=DrawEntry.Outcome.WAITING).count()


def results(draw: Draw, number: str = "") -> QuerySet[DrawEntry]:
    """The drawn numbers in order, or the one asked for; no person is read."""
    rows = DrawEntry.objects.filter(draw=draw, rank__isnull=False).select_related("schedule__facility")
    if number:
        rows = rows.filter(ticket=number.strip().upper().replace("-", "").replace(" ", "")[:8])
    return rows.annotate(people=Count("members")).order_by("rank")


@dataclass(frozen=True)
class Mine:
    """A number of one's own family with what it means at this moment."""

    entry: DrawEntry
    names: str
    phase: str
    draws_at: datetime
    tickets: int
    reasons: str
    # What follows a number that lost: about to join the waiting list, waits there in drawn order, keeps what its people
    # had before (an appointment, an earlier wait), or nothing any more.
    after: str = ""

    @property
    def may_withdraw(self) -> bool:
        """Until the window closes."""
        return self.phase == "open" and self.entry.outcome == DrawEntry.Outcome.WAITING


def of_family(account: CitizenAccount, draw: Draw | None = None) -> list[Mine]:
    """Numbers of a family, the newest first; those of long ago only on their own draw's page."""
    now = timezone.now()
    rows = DrawEntry.objects.filter(members__citizen__account=account).distinct()
    rows = rows.filter(draw=draw) if draw else rows.filter(draw__closes_at__gt=now - SHOWN_AFTER)
    rows = rows.exclude(outcome=DrawEntry.Outcome.WITHDRAWN).select_related("draw", "schedule__facility")
    return [
        _mine(entry, now)
        for entry in rows.prefetch_related(
            "members__citizen__kelurahan", "members__citizen__domicile_kelurahan"
        ).order_by("-entered_at")
    ]


def _mine(entry: DrawEntry, now: datetime) -> Mine:
    members = sorted(entry.members.all(), key=lambda member: member.pk)
    if entry.weight:
        best = max(members, key=lambda member: member.weight)
        tickets, reasons = entry.weight, list(best.reasons)
    else:
        missed = draw_run.missed_by(entry.draw, [member.citizen_id for member in members], now)
        found = [
            draw_weights.extras(
                entry.draw.weights, draw_run.person_of(member.citizen, missed.get(member.citizen_id, 0), entry.draw)
            )
            for member in members
        ]
        best_found = max(found, key=lambda extras: sum(extra for _kind, extra in extras), default=[])
        tickets, reasons = 1 + sum(extra for _kind, extra in best_found), [kind for kind, _extra in best_found]
    return Mine(
        entry=entry,
        names=", ".join(member.citizen.full_name for member in members),
        phase=entry.draw.phase(now),
        draws_at=draw_run.draws_at(entry.draw),
        tickets=tickets,
        reasons=", ".join(draw_weights.reason_text(kind) for kind in reasons),
        after=_after(entry, members) if entry.outcome == DrawEntry.Outcome.LOST else "",
    )


def _after(entry: DrawEntry, members: Sequence[DrawMember]) -> str:
    if entry.told_at is None:
        return SETTLING
    # The draw joins with its own key (draws.notify).
    if WaitlistEntry.objects.filter(client_uuid=entry.client_uuid, state__in=WaitlistEntry.ACTIVE).exists():
        return WAITS
    people = {member.citizen_id for member in members}
    return KEEPS if waitlist.waiting_or_booked(people, entry.draw.programme_id) == people else NOWHERE


def counts(draw: Draw) -> dict[str, list[tuple[str, int, int]]]:
    """(name, people, of them with a place) per channel and per kecamatan of residence; two queries. For the office."""
    members = draw.entries.exclude(outcome=DrawEntry.Outcome.WITHDRAWN)
    home = "members__citizen__domicile_kelurahan__kecamatan__name"
    card = "members__citizen__kelurahan__kecamatan__name"
    won = Count("members", filter=Q(outcome=DrawEntry.Outcome.WON))
    by_channel = members.values("channel").annotate(people=Count("members"), won=won).order_by("channel")
    by_home = members.values(home=F(home), card=F(card)).annotate(people=Count("members"), won=won)
    return {
        "channel": [(row["channel"], row["people"], row["won"]) for row in by_channel],
        "kecamatan": _sum((row["home"] or row["card"] or "", row["people"], row["won"]) for row in by_home),
    }


def _sum(rows: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    found: dict[str, list[int]] = {}
    for name, people, won in rows:
        cell = found.setdefault(name, [0, 0])
        cell[0] += people
        cell[1] += won
    return [(name, people, won) for name, (people, won) in sorted(found.items())]


def drawable_schedules(
    now: datetime, user: object, *, programme: str = "", first: date | None = None, last: date | None = None
) -> QuerySet[Schedule]:
    """Schedules that may be given by lot: open state, not yet released, not in another pending draw.

    Of one programme, and from `first` to `last` (local dates), where these are given.
    """
    rows = Schedule.objects.visible_to(user).filter(state=Schedule.State.OPEN, release_at__gt=now)
    if programme:
        rows = rows.filter(programme=programme)
    if first:
        rows = rows.filter(date__gte=first)
    if last:
        rows = rows.filter(date__lte=last)
    free = Q(draw__isnull=True) | ~Q(draw__state__in=Draw.PENDING)
    return rows.filter(free).select_related("facility", "vaccine", "programme").order_by("date", "facility__name", "pk")
