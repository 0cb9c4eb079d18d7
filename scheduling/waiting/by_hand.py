"""Entries that the desk or a kader made for people who may have no phone: what to tell them, and their answers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Case, Q, QuerySet, When
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from core.formats import long_date
from regions.models import Facility
from registration.models import Citizen
from registration.queries import notification_phone
from scheduling.models import Appointment, Offer, WaitlistEntry
from scheduling.waiting.standing import Standing, standing

SHOWN_AFTER_END = timedelta(days=14)


@dataclass(frozen=True)
class Row:
    """One entry as its kader or the desk sees it."""

    entry: WaitlistEntry
    people: list[Citizen]
    standing: Standing | None  # None when it has ended
    has_phone: bool
    tickets: list[Appointment]

    @property
    def names(self) -> str:
        """Whom it is for."""
        return ", ".join(one.full_name for one in self.people)


def entries_of(user: User) -> QuerySet[WaitlistEntry]:
    """What this kader put on the list, or anybody at the desks this member of staff works at.

    A desk answers as one: whoever put somebody there may be off duty when the place is offered, and who has moved to
    another facility has no business with them any more.
    """
    theirs = Q(entered_by=user, desk_facility__isnull=True)
    if user.territory().can("desk.check_in"):
        theirs |= Q(desk_facility__in=Facility.objects.visible_to(user))
    return WaitlistEntry.objects.filter(theirs)


def listed(user: User) -> QuerySet[WaitlistEntry]:
    """Those with an offer first, then those that wait, then those that ended within two weeks; the newest first."""
    recent = Q(ended_at__isnull=True) | Q(ended_at__gt=timezone.now() - SHOWN_AFTER_END)
    turn = Case(
        When(state=WaitlistEntry.State.OFFERED, then=0), When(state=WaitlistEntry.State.WAITING, then=1), default=2
    )
    found = (
        entries_of(user)
        .filter(recent)
        .select_related("programme", "vaccine", "facility__kecamatan", "kecamatan", "entered_by", "desk_facility")
    )
    return found.prefetch_related("members__citizen__account").order_by(turn, "-pk")


def rows_of(entries: Sequence[WaitlistEntry]) -> list[Row]:
    """What a page says of these entries; some queries for each that waits: show a page of them, not all."""
    people = {entry.pk: people_of(entry) for entry in entries}
    tickets = _tickets({one.pk for each in people.values() for one in each})
    return [
        Row(
            entry=entry,
            people=people[entry.pk],
            standing=standing(entry) if entry.is_active else None,
            has_phone=any(notification_phone(one) for one in people[entry.pk]),
            tickets=[found for one in people[entry.pk] for found in tickets[one.pk, entry.programme_id]],
        )
        for entry in entries
    ]


def people_of(entry: WaitlistEntry) -> list[Citizen]:
    """Everybody of an entry, those who were served by themselves too."""
    return [member.citizen for member in sorted(entry.members.all(), key=lambda member: member.pk)]


def offer_of(entry: WaitlistEntry, public_id: str) -> Offer:
    """The offer of this entry that a form names: its page may be older than the one open now. Raises Http404."""
    for offer in entry.offers.all():
        if str(offer.public_id) == public_id:
            return offer
    raise Http404


def ticket_text(made: Sequence[Appointment]) -> str:
    """What to write down for the people: code, day, hour and place of each."""
    lines = []
    for one in made:
        starts = timezone.localtime(one.slot.starts_at)
        lines.append(f"{one.citizen.full_name}: kode tiket {one.code}, {long_date(starts.date(), 'id')} {starts:%H.%M}")
    return f"Tempat diterima di {made[0].schedule.facility.name}. Catat untuk warganya. " + "; ".join(lines) + " WIB."


def _tickets(citizen_ids: Collection[int]) -> dict[tuple[int, str], list[Appointment]]:
    """Active appointments by person and programme."""
    found = defaultdict(list)
    booked = Appointment.objects.filter(citizen__in=citizen_ids, status__in=Appointment.ACTIVE)
    for one in booked.select_related("citizen", "slot", "schedule__facility").order_by("slot__starts_at"):
        found[one.citizen_id, one.programme_id].append(one)
    return found
