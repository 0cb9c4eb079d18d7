"""What became of the people whose place went: where they were offered another, and what they said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch
from django.utils import timezone

from scheduling import queries
from scheduling.models import Appointment, Displaced, Offer, Place, Schedule, WaitlistEntry

DUE, KEPT, NOT_SOUGHT = "due", "kept", "not_sought"
ACCEPTED, ELSEWHERE, OFFERED, DECLINED, SILENT, WAITING, GONE = (
    "accepted", "elsewhere", "offered", "declined", "silent", "waiting", "gone",
)  # fmt: skip
LABELS = {
    ACCEPTED: "Menerima tawaran",
    ELSEWHERE: "Memesan sendiri",
    OFFERED: "Ditawari, belum menjawab",
    DECLINED: "Menolak, masih dicarikan",
    SILENT: "Tidak menjawab, masih dicarikan",
    WAITING: "Belum ada tawaran",
    GONE: "Tidak dicarikan lagi",
    NOT_SOUGHT: "Tidak dicarikan",
    DUE: "Belum diproses",
    KEPT: "Janji tidak jadi dibatalkan",
}
KINDS = {
    ACCEPTED: "ok", ELSEWHERE: "ok", KEPT: "ok", OFFERED: "info", DECLINED: "wait", SILENT: "wait", WAITING: "wait",
    DUE: "wait",
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One person whose place went."""

    appointment: Appointment
    outcome: str
    offer: Offer | None

    @property
    def label(self) -> str:
        """The outcome in words."""
        return LABELS[self.outcome]

    @property
    def kind(self) -> str:
        """Colour of its tag."""
        return KINDS.get(self.outcome, "stop")


def people(schedule: Schedule) -> list[Person]:
    """Everybody who had to go from this schedule, in the order they were chosen; four queries."""
    newest = Offer.objects.select_related("schedule__facility", "slot").order_by("-offered_at", "-pk")
    rows = (
        Displaced.objects.filter(schedule=schedule)
        .select_related("appointment__slot", "appointment__citizen", "entry")
        .prefetch_related(Prefetch("entry__offers", queryset=newest))
        .order_by("appointment__slot__starts_at", "pk")
    )
    return [_person(row) for row in rows]


def totals(found: Sequence[Person]) -> list[tuple[str, str, int]]:
    """Label, colour and number of each outcome that occurs, the good ones first."""
    count = {outcome: sum(one.outcome == outcome for one in found) for outcome in LABELS}
    return [(LABELS[outcome], KINDS.get(outcome, "stop"), n) for outcome, n in count.items() if n]


HEADINGS = ["Sesi semula", "Kode tiket", "Hasil", "Ditawarkan di", "Tanggal", "Sesi", "Berlaku sampai"]


def table(found: Sequence[Person]) -> list[list[str]]:
    """The rows of the download; no names, so that the office may have it."""
    return [[f"{_clock(one.appointment.slot.starts_at)}", one.appointment.code, one.label, *_offer(one.offer)]
            for one in found]  # fmt: skip


def _person(row: Displaced) -> Person:
    entry = row.entry
    offers = list(entry.offers.all()) if entry else []
    latest = offers[0] if offers else None
    if row.done_at is None:
        outcome = DUE
    elif entry is None:
        outcome = NOT_SOUGHT if row.appointment.status == Appointment.Status.CANCELLED else KEPT
    elif entry.state == WaitlistEntry.State.SERVED:
        accepted = next((one for one in offers if one.state == Offer.State.ACCEPTED), None)
        outcome, latest = (ACCEPTED, accepted) if accepted else (ELSEWHERE, None)
    elif entry.state == WaitlistEntry.State.OFFERED:
        outcome = OFFERED
    elif entry.state == WaitlistEntry.State.WAITING:
        answers = {Offer.State.DECLINED.value: DECLINED, Offer.State.EXPIRED.value: SILENT}
        outcome = answers.get(latest.state, WAITING) if latest else WAITING
    else:
        outcome = GONE
    return Person(row.appointment, outcome, latest)


def _offer(offer: Offer | None) -> list[str]:
    if offer is None:
        return ["", "", "", ""]
    until = timezone.localtime(offer.expires_at)
    return [
        offer.schedule.facility.name, f"{offer.schedule.date:%d-%m-%Y}", _clock(offer.slot.starts_at),
        f"{until:%d-%m-%Y %H.%M}",
    ]  # fmt: skip


def _clock(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%H.%M}"


@dataclass(frozen=True)
class Cut:
    """One session before and after."""

    slot_id: int
    starts_at: datetime
    ends_at: datetime
    places: int
    people: int
    keep: int
    stay: int
    go: int


@dataclass(frozen=True)
class Preview:
    """What a shrinking would do; nothing is written."""

    cuts: list[Cut]
    near: list[queries.Row]

    @property
    def stay(self) -> int:
        """People who keep their place."""
        return sum(cut.stay for cut in self.cuts)

    @property
    def go(self) -> int:
        """People who are offered another."""
        return sum(cut.go for cut in self.cuts)

    @property
    def places(self) -> int:
        """Places left."""
        return sum(cut.keep for cut in self.cuts)

    @property
    def kept(self) -> str:
        """The numbers as the confirmation sends them."""
        return ",".join(f"{cut.slot_id}:{cut.keep}" for cut in self.cuts)

    @property
    def near_left(self) -> int:
        """Free places at the schedules offered first."""
        return sum(row.places_left for row in self.near)


def preview(schedule: Schedule, keep: dict[int, int]) -> Preview:
    """Who would stay and who would go if the sessions of `keep` had so many places; three queries."""
    cuts = []
    for slot in schedule.slots.order_by("starts_at"):
        rows = list(Place.objects.filter(slot=slot).values_list("pool", "state", "appointment__status"))
        here = sum(state == Place.TAKEN or pool != Place.Pool.CLOSED for pool, state, _status in rows)
        people_here = sum(state == Place.TAKEN for _pool, state, _status in rows)
        booked = sum(status == Appointment.Status.BOOKED for _pool, _state, status in rows)
        left = min(keep.get(slot.pk, here), here)
        go = min(booked, max(0, people_here - left))
        cuts.append(Cut(slot.pk, slot.starts_at, slot.ends_at, here, people_here, left, people_here - go, go))
    return Preview(cuts, queries.alternatives(schedule, limit=5))
