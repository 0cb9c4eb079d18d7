"""Reads over doses and visits."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, Sum
from django.utils import timezone

from accounts.territory import Territory
from core.models import ReadLog
from programmes.rules import Option
from regions.models import Facility
from registration.models import Citizen
from scheduling.models import Appointment
from stock.models import StockMovement
from stock.queries import LotOnShelf, usable_lots
from vaccination.eligibility import OVERRIDABLE, dose_label, options_for
from vaccination.models import Immunization, Visit

Step = Visit.Step


# Completed doses of a row `citizen` in all programmes, oldest first: the expression behind programmes.history.
PAST_DOSES = """(
    SELECT coalesce(json_agg(json_build_array(
        programme_id, vaccine_id, dose_code, occurred_at, cardinality(invalid_reasons) = 0, NOT is_primary_source
    ) ORDER BY occurred_at), '[]')
    FROM vaccination_immunization WHERE citizen_id = citizen.id AND status = 'completed')"""


def served_here(territory: Territory) -> Q:
    """Citizens who were served at a facility of the territory, for registration.visibility."""
    here = Facility.objects.filter(territory.facility_filter()).values("pk")
    # Subqueries, not joins: a filter over many rows of one person must not list that person twice.
    return Q(pk__in=Visit.objects.filter(facility__in=here).values("citizen_id")) | Q(
        pk__in=Immunization.objects.filter(facility__in=here).values("citizen_id")
    )


# --- the day --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DayRow:
    """One person on today's list: expected, or somewhere between the desks."""

    citizen: Citizen
    step: str
    step_text: str
    kind: str
    at: datetime | None
    queue_number: int | None
    what: str
    code: str
    visit: Visit | None
    appointment: Appointment | None

    @property
    def sort_key(self) -> tuple:
        """Who needs somebody now comes first."""
        order = {Step.ARRIVED: 0, Step.SCREENED: 1, Step.VACCINATED: 2, "booked": 3, Step.OBSERVED: 4, Step.ENDED: 5}
        return order.get(self.step, 6), self.queue_number or 0, self.at or timezone.now()


@dataclass(frozen=True)
class Day:
    """Everything on the desk's first page; four queries whatever the number of people."""

    rows: list[DayRow]
    expected: int
    waiting: int
    screened: int
    observed_now: int
    done: int
    ended: int


_KINDS = {
    Step.ARRIVED: "wait", Step.SCREENED: "info", Step.VACCINATED: "info", Step.OBSERVED: "ok", Step.ENDED: "stop",
}  # fmt: skip


def day_of(facility: Facility, day: date | None = None) -> Day:
    """Today's list of one facility: visits in their step, and bookings not yet arrived."""
    day = day or timezone.localdate()
    visits = list(
        Visit.objects.filter(facility=facility, date=day).select_related(
            "citizen", "appointment__slot", "programme", "vaccine"
        )
    )
    booked = Appointment.objects.filter(
        schedule__facility=facility, schedule__date=day, status=Appointment.Status.BOOKED
    ).select_related("citizen", "slot", "schedule__vaccine", "programme")
    rows = [_visit_row(visit) for visit in visits] + [_booked_row(row) for row in booked]
    counts = {step: sum(visit.step == step for visit in visits) for step in Step.values}
    return Day(
        rows=sorted(rows, key=lambda row: row.sort_key),
        expected=len(rows) - len(visits),
        waiting=counts[Step.ARRIVED],
        screened=counts[Step.SCREENED],
        observed_now=counts[Step.VACCINATED],
        done=counts[Step.OBSERVED],
        ended=counts[Step.ENDED],
    )


def _visit_row(visit: Visit) -> DayRow:
    return DayRow(
        citizen=visit.citizen,
        step=visit.step,
        step_text=visit.get_step_display() if visit.step != Step.ENDED else (visit.end_note or "Selesai tanpa suntik"),
        kind=_KINDS[Step(visit.step)],
        at=visit.appointment.slot.starts_at if visit.appointment else visit.arrived_at,
        queue_number=visit.queue_number,
        what=_what(visit.programme_id, visit.dose_code, visit.vaccine.short_name if visit.vaccine else ""),
        code=visit.appointment.code if visit.appointment else "",
        visit=visit,
        appointment=visit.appointment,
    )


def _booked_row(row: Appointment) -> DayRow:
    late = row.slot.ends_at < timezone.now()
    return DayRow(
        citizen=row.citizen,
        step="booked",
        step_text="Belum datang, lewat jam" if late else "Belum datang",
        kind="",
        at=row.slot.starts_at,
        queue_number=None,
        what=_what(row.programme_id, row.dose_code, row.schedule.vaccine.short_name),
        code=row.code,
        visit=None,
        appointment=row,
    )


def _what(programme: str, dose_code: str, vaccine: str) -> str:
    label = dose_label(programme, dose_code) if dose_code else ""
    return " · ".join(part for part in (label, vaccine) if part)


def observation_board(facility: Facility) -> list[Visit]:
    """People under observation now, who is due first on top; two queries."""
    return list(
        Visit.objects.filter(facility=facility, step=Step.VACCINATED)
        .select_related("citizen", "vaccine")
        .prefetch_related("immunizations__vaccine")
        .order_by("observe_until")
    )


# --- choices for the injection --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DoseChoice:
    """One dose with one lot that can be given now."""

    option: Option
    lot: LotOnShelf
    is_proposed: bool
    needs_reason: bool

    @property
    def value(self) -> str:
        """Form value."""
        return f"{self.option.dose_code}:{self.lot.lot_id}"


def dose_choices(visit: Visit, at: datetime | None = None, *, pregnant: bool | None = None) -> list[DoseChoice]:
    """Doses the rules allow (or leave to a person) with the lots on the shelf, first to use first.

    The product that was booked comes first when the rules allow it.
    """
    at = at or timezone.now()
    shelf: dict[str, list[LotOnShelf]] = {}
    for lot in usable_lots(visit.facility_id, None, at):
        shelf.setdefault(lot.vaccine_code, []).append(lot)
    options = options_for(visit.citizen, timezone.localdate(at), visit.programme_id, pregnant=pregnant)
    wanted = [
        option
        for option in options
        if option.dose_code and (option.eligible or option.manual_review or option.reason in OVERRIDABLE)
    ]
    wanted.sort(
        key=lambda option: (
            not option.eligible,
            option.vaccine != visit.vaccine_id or (visit.dose_code not in ("", option.dose_code)),
            not option.manual_review,
        )
    )
    choices: list[DoseChoice] = []
    for option in wanted:
        for rank, lot in enumerate(shelf.get(option.vaccine, [])):
            choices.append(DoseChoice(option, lot, rank == 0 and not choices, not option.eligible))
    return choices


def same_as_first(choices: list[DoseChoice]) -> int:
    """How many choices, from the first on, are the same dose and product; the rest stands folded."""
    if not choices:
        return 0
    first = choices[0].option
    return sum((one.option.vaccine, one.option.dose_code) == (first.vaccine, first.dose_code) for one in choices)


def blocked_options(visit: Visit) -> list[Option]:
    """Doses of the programme that the rules refuse today, with the sentence why."""
    options = options_for(visit.citizen, visit.date, visit.programme_id)
    return [
        option for option in options if not (option.eligible or option.manual_review or option.reason in OVERRIDABLE)
    ]


def next_doses(citizen: Citizen, programme: str, days: int = 400) -> list[Option]:
    """What comes next after today, soonest first, for the confirmation page."""
    horizon = timezone.localdate() + timedelta(days=days)
    options = [o for o in options_for(citizen, programme=programme) if o.eligible_from and o.eligible_from <= horizon]
    options.sort(key=lambda option: option.eligible_from or horizon)
    first: dict[str, Option] = {}
    for option in options:
        first.setdefault(option.dose_code, option)
    return list(first.values())


# --- audit ------------------------------------------------------------------------------------------------------------


def doses_without_stock() -> int:
    """Pairs of facility and lot where doses on record differ from doses taken from the ledger (I4)."""
    taken = {
        (facility, lot): -moved
        for facility, lot, moved in StockMovement.objects.filter(
            kind__in=[StockMovement.Kind.GIVEN, StockMovement.Kind.GIVEN_REVERSED]
        )
        .values_list("facility_id", "lot_id")
        .annotate(moved=Sum("quantity"))
        .order_by()
    }
    given: dict[tuple[int, int], int] = {}
    rows = Immunization.objects.completed().filter(lot_id_used__isnull=False, is_primary_source=True)
    for facility, lot in rows.values_list("facility_id", "lot_id_used").iterator(chunk_size=5000):
        given[facility, lot] = given.get((facility, lot), 0) + 1
    return sum(taken.get(key, 0) != given.get(key, 0) for key in taken.keys() | given.keys())


def visits_without_dose() -> int:
    """Visits marked as vaccinated that hold no completed dose (I3)."""
    return (
        Visit.objects.filter(step__in=[Step.VACCINATED, Step.OBSERVED])
        .exclude(pk__in=Immunization.objects.completed().filter(visit__isnull=False).values("visit_id"))
        .count()
    )


def unlogged_visits() -> int:
    """Visits of people whose record nobody is logged to have opened (I9); merged records keep the log of both."""
    logged = ReadLog.objects.values("citizen_id")
    return Visit.objects.exclude(Q(citizen_id__in=logged) | Q(citizen__merges_kept__merged_id__in=logged)).count()
