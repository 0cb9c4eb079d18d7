"""Numbers and lists about one schedule for staff: occupancy, how a closing is going, the list of a day."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import xlsxwriter
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from messaging.models import Message
from scheduling.models import Appointment, Place, Schedule
from scheduling.notify import dedupe_key
from scheduling.queries import dose_label

COUNTED = {
    "booked": Q(appointments__status="booked"),
    "arrived": Q(appointments__status="arrived"),
    "fulfilled": Q(appointments__status="fulfilled"),
    "lost": Q(appointments__status__in=["noshow", "deferred", "cancelled"]),
}


def with_occupancy(rows: QuerySet[Schedule]) -> QuerySet[Schedule]:
    """Schedules with booked, arrived, fulfilled, lost, all places and those without stock counted; one query."""
    unstocked = Q(slots__places__pool=Place.Pool.UNSTOCKED)
    places = {
        "places": Count("slots__places", distinct=True),
        "unstocked": Count("slots__places", filter=unstocked, distinct=True),
    }
    counts = {name: Count("appointments", filter=which, distinct=True) for name, which in COUNTED.items()}
    return rows.annotate(**counts, **places)


@dataclass(frozen=True)
class SessionRow:
    """One session as staff see it."""

    starts_at: object
    ends_at: object
    booked: int
    arrived: int
    fulfilled: int
    free: int
    walk_in: int
    held: int
    offered: int
    unstocked: int
    total: int


def sessions(schedule: Schedule) -> list[SessionRow]:
    """Occupancy per session; one query."""
    taken = Q(places__state=Place.TAKEN)
    rows = schedule.slots.annotate(
        booked=Count("places", filter=taken & Q(places__appointment__status="booked")),
        arrived=Count("places", filter=taken & Q(places__appointment__status="arrived")),
        fulfilled=Count("places", filter=taken & Q(places__appointment__status="fulfilled")),
        free=Count("places", filter=Q(places__state=Place.FREE, places__pool=Place.Pool.ONLINE)),
        walk_in=Count("places", filter=Q(places__state=Place.FREE, places__pool=Place.Pool.WALK_IN)),
        held=Count("places", filter=Q(places__state=Place.HELD)),
        offered=Count("places", filter=Q(places__pool__in=["offered", "next_dose"]) & ~taken),
        unstocked=Count("places", filter=Q(places__pool=Place.Pool.UNSTOCKED)),
        total=Count("places", filter=~Q(places__pool=Place.Pool.CLOSED) | taken),
    ).order_by("starts_at")
    names = (
        "starts_at", "ends_at", "booked", "arrived", "fulfilled", "free", "walk_in", "held", "offered", "unstocked",
        "total",
    )  # fmt: skip
    return [SessionRow(**{name: getattr(row, name) for name in names}) for row in rows]


@dataclass(frozen=True)
class Closing:
    """How far a closing or shrinking has come: people cancelled, and their messages."""

    total: int
    told: int
    remaining: int
    sent: int
    waiting: int
    failed: int
    unreachable: int

    @property
    def finished(self) -> int:
        """People dealt with, whether cancelled or left alone because they had moved or come."""
        return self.total - self.remaining

    @property
    def is_done(self) -> bool:
        """Nobody left to cancel and no message on its way."""
        return not self.remaining and not self.waiting


def closing(schedule: Schedule) -> Closing | None:
    """Progress for the people who had to go, or None when there were none and the schedule is open. Three queries."""
    total, remaining = schedule.displaced.count(), schedule.displaced.filter(done_at__isnull=True).count()
    if schedule.state != Schedule.State.CLOSED and not total:
        return None
    told = list(
        schedule.appointments.filter(
            cancelled_because__in=[Appointment.Because.CLOSED, Appointment.Because.SHRUNK], displaced__isnull=False
        )
    )
    keys = [dedupe_key(row, "appointment_cancelled", row.sequence) for row in told]
    states = dict(
        Message.objects.filter(dedupe_key__in=keys)
        .values_list("state")
        .annotate(n=Count("id"))
        .values_list("state", "n")
    )
    waiting = states.get(Message.WAITING, 0) + states.get(Message.IN_FLIGHT, 0)
    return Closing(
        total=total,
        told=len(told),
        remaining=remaining,
        sent=states.get(Message.SENT, 0),
        waiting=waiting,
        failed=states.get(Message.FAILED, 0) + states.get(Message.EXPIRED, 0),
        unreachable=len(told) - sum(states.values()),
    )


HEADINGS = ("Sesi", "Kode", "Status", "Dosis", "Melalui", "Keterangan")
VIA = {"web": "Daring", "desk": "Meja", "kader": "Kader", "walk_in": "Datang langsung", "api": "Mitra"}


def day_list(schedule: Schedule, *, with_names: bool) -> tuple[list[str], list[list[str]], list[int]]:
    """Headings, rows and the citizens named in them; names only for the facility that serves these people."""
    rows = schedule.appointments.select_related("slot", "citizen").order_by("slot__starts_at", "pk")
    headings = [*HEADINGS[:2], "Nama", "Tanggal lahir", *HEADINGS[2:]] if with_names else list(HEADINGS)
    labels = {code: dose_label(schedule.programme_id, code) for code in schedule.dose_codes}
    table, named = [], []
    for row in rows:
        person = [row.citizen.full_name, f"{row.citizen.birth_date:%d-%m-%Y}"] if with_names else []
        starts = timezone.localtime(row.slot.starts_at)
        table.append(
            [
                f"{starts:%H.%M}", row.code, *person, row.get_status_display(),
                labels.get(row.dose_code, row.dose_code),
                VIA.get(row.booked_via, row.booked_via), row.cancel_reason,
            ]
        )  # fmt: skip
        if with_names:
            named.append(row.citizen_id)
    return headings, table, named


def to_csv(headings: list[str], rows: Iterable[list[str]]) -> bytes:
    """UTF-8 with a mark, so that spreadsheet programs read names right."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows(_harmless(row) for row in rows)
    return "\ufeff".encode() + text.getvalue().encode()


def to_xlsx(title: str, headings: list[str], rows: Iterable[list[str]]) -> bytes:
    """One sheet with a bold first line."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(title[:31])
        sheet.write_row(0, 0, headings, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(headings) - 1, 18)
    return file.getvalue()


def _harmless(row: list[str]) -> Iterator[str]:
    # A cell that starts like a formula is run by spreadsheet programs.
    for cell in row:
        yield f"'{cell}" if cell[:1] in "=+-@\t\r" and cell[:1] else cell
