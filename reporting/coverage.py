"""Coverage as pages, commands and the API read it: baseline of the earlier system plus doses recorded since.

One statement reads baseline, targets, roll-up and unfolded deltas, so a dose is never seen twice or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db import connection

from programmes.models import DoseRule, Programme
from programmes.reasons import local_label
from regions.models import Kecamatan
from reporting.recap import CITY, percentage

SMALL_CELL = 5
DEFAULT_PROGRAMME, DEFAULT_DOSE = "covid19", "booster1"
_EARLIEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class Dose:
    """A dose coverage can be asked for."""

    programme: str
    programme_name: str
    code: str
    label: str

    @property
    def key(self) -> str:
        """Value of the filter on the pages."""
        return f"{self.programme}:{self.code}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table: a kecamatan, or the city."""

    code: str
    name: str
    target: int | None
    baseline: int
    added: int
    in_range: int
    grid_row: int | None = None
    grid_col: int | None = None
    # Too few persons to publish (RULES RP-5); the figures stay for the office.
    suppressed: bool = False

    @property
    def achieved(self) -> int:
        """Persons reached: taken over plus recorded here since."""
        return self.baseline + self.added

    @property
    def percent(self) -> Decimal | None:
        """Half-up to two decimals; may pass 100 (RULES RP-2)."""
        return percentage(self.achieved, self.target)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a set of figures comes from."""

    source: str
    as_of: date


@dataclass(frozen=True)
class Coverage:
    """Coverage of one dose, per kecamatan and for the city."""

    dose: Dose
    cells: tuple[Cell, ...]
    city: Cell
    targets: tuple[Origin, ...]
    baselines: tuple[Origin, ...]

    @property
    def over_hundred(self) -> bool:
        """True if any figure passes 100 per cent, which the page then explains."""
        return any(cell.percent and cell.percent > 100 for cell in (*self.cells, self.city))

    @property
    def suppressed(self) -> bool:
        """True if any cell is hidden."""
        return any(cell.suppressed for cell in self.cells)


def doses() -> tuple[Dose, ...]:
    """Every dose of an active rule, in the order of programme and series."""
    rows = (
        DoseRule.objects.filter(is_active=True)
        .order_by("programme__sort_order", "programme_id", "stage", "step", "dose_code", "code")
        .values_list("programme_id", "dose_code", "dose_label", "step")
    )
    names = {programme.pk: programme.local_name for programme in Programme.objects.all()}
    found: dict[tuple[str, str], Dose] = {}
    for programme, code, label, _step in sorted(rows, key=lambda row: (list(names).index(row[0]), row[3], row[1])):
        found.setdefault((programme, code), Dose(programme, names[programme], code, local_label(label)))
    return tuple(found.values())


def find_dose(programme: str, code: str) -> Dose | None:
    """The dose by its codes, or None."""
    return next((dose for dose in doses() if (dose.programme, dose.code) == (programme, code)), None)


_RECORDED = """
    WITH base AS (
        SELECT kecamatan_id, count, source, as_of FROM reporting_coveragebaseline
        WHERE programme_id = %(p)s AND dose_code = %(d)s
    ), recorded AS (
        SELECT residence_id, date, count FROM reporting_coveragerollup WHERE programme_code=%(p)s AND dose_code=%(d)s
        UNION ALL
        SELECT residence_id, date, amount FROM reporting_coveragedelta WHERE programme_code=%(p)s AND dose_code=%(d)s
    ), counted AS (
        SELECT kel.kecamatan_id, r.residence_id, r.date, r.count
        FROM recorded r
        JOIN regions_kelurahan kel ON kel.code = r.residence_id
        LEFT JOIN base ON base.kecamatan_id = kel.kecamatan_id
        WHERE base.as_of IS NULL OR r.date > base.as_of
    )
"""
_COVERAGE = "".join(
    [
        _RECORDED,
        """
    SELECT kec.code, kec.name, kec.grid_row, kec.grid_col,
           target.count, target.source, target.as_of, base.count, base.source, base.as_of,
           coalesce(added.total, 0), coalesce(added.in_range, 0)
    FROM regions_kecamatan kec
    LEFT JOIN base ON base.kecamatan_id = kec.code
    LEFT JOIN LATERAL (
        SELECT t.count, t.source, t.as_of FROM regions_targetpopulation t
        WHERE t.kecamatan_id = kec.code AND t.programme_code = %(p)s AND t."group" = %(d)s
        ORDER BY t.as_of DESC, t.id DESC LIMIT 1
    ) target ON true
    LEFT JOIN (
        SELECT kecamatan_id, sum(count)::int AS total, (sum(count) FILTER (WHERE date >= %(since)s))::int AS in_range
        FROM counted WHERE date <= %(until)s GROUP BY kecamatan_id
    ) added ON added.kecamatan_id = kec.code
""",
    ]
)


def coverage(dose: Dose, *, since: date | None = None, until: date | None = None) -> Coverage:
    """Coverage of one dose per kecamatan; `since`/`until` bound the doses recorded here, not the baseline.

    Doses on or before the baseline's date are part of the baseline and do not count again; people from outside the
    city (no kelurahan on the card) belong to no row (RULES RP-3). One statement.
    """
    bounds = {"since": since or _EARLIEST, "until": until or _LATEST}
    with connection.cursor() as cursor:
        cursor.execute(_COVERAGE, {"p": dose.programme, "d": dose.code, **bounds})
        rows = cursor.fetchall()
    cells = sorted(
        (
            Cell(code, name, target, baseline or 0, added, in_range, grid_row, grid_col)
            for code, name, grid_row, grid_col, target, _ts, _ta, baseline, _bs, _ba, added, in_range in rows
        ),
        key=lambda cell: cell.name,
    )
    return Coverage(
        dose=dose,
        cells=tuple(cells),
        city=_total(cells),
        targets=_origins(row[5:7] for row in rows),
        baselines=_origins(row[8:10] for row in rows),
    )


def for_the_public(table: Coverage) -> Coverage:
    """The same table with cells under five persons hidden (RULES RP-5).

    A single hidden cell could be read off the city total, so the smallest other one is hidden with it.
    """
    small = {cell.code for cell in table.cells if 0 < cell.achieved < SMALL_CELL}
    if len(small) == 1:
        others = [cell for cell in table.cells if cell.code not in small and cell.achieved]
        small |= {min(others, key=lambda cell: cell.achieved).code} if others else set()
    cells = tuple(replace(cell, suppressed=cell.code in small) for cell in table.cells)
    city = replace(table.city, suppressed=0 < table.city.achieved < SMALL_CELL)
    return replace(table, cells=cells, city=city)


@dataclass(frozen=True, slots=True)
class Ward:
    """Doses of one kelurahan, recorded in the portal."""

    code: str
    name: str
    added: int
    in_range: int


_WARDS = "".join(
    [
        _RECORDED,
        """
    SELECT kel.code, kel.name, coalesce(added.total, 0), coalesce(added.in_range, 0)
    FROM regions_kelurahan kel
    LEFT JOIN (
        SELECT residence_id, sum(count)::int AS total, (sum(count) FILTER (WHERE date >= %(since)s))::int AS in_range
        FROM counted WHERE date <= %(until)s AND kecamatan_id = %(kecamatan)s GROUP BY residence_id
    ) added ON added.residence_id = kel.code
    WHERE kel.kecamatan_id = %(kecamatan)s
    ORDER BY kel.name
""",
    ]
)


def wards(dose: Dose, kecamatan: Kecamatan, *, since: date | None = None, until: date | None = None) -> list[Ward]:
    """Doses recorded here per kelurahan of one kecamatan; the earlier system told no more than the kecamatan."""
    values = {"p": dose.programme, "d": dose.code, "kecamatan": kecamatan.pk}
    with connection.cursor() as cursor:
        cursor.execute(_WARDS, {**values, "since": since or _EARLIEST, "until": until or _LATEST})
        return [Ward(*row) for row in cursor.fetchall()]


_DAYS = "".join(
    [
        _RECORDED,
        """
    SELECT date, sum(count)::int FROM counted
    WHERE date BETWEEN %(since)s AND %(until)s AND (%(kecamatan)s = '' OR kecamatan_id = %(kecamatan)s)
    GROUP BY date HAVING sum(count) <> 0 ORDER BY date
""",
    ]
)


def per_day(dose: Dose, since: date, until: date, kecamatan: str = "") -> list[tuple[date, int]]:
    """Doses recorded here per day, days without one left out."""
    values = {"p": dose.programme, "d": dose.code, "kecamatan": kecamatan}
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, {**values, "since": since, "until": until})
        return cursor.fetchall()


def percent_by_kecamatan(programme: str, code: str) -> dict[str, Decimal]:
    """Per cent reached of each kecamatan that has a target, by code; empty for an unknown dose."""
    dose = find_dose(programme, code)
    if dose is None:
        return {}
    return {cell.code: cell.percent for cell in coverage(dose).cells if cell.percent is not None}


@dataclass(frozen=True, slots=True)
class Summary:
    """One sentence for the home page."""

    percent: Decimal
    achieved: int
    target: int
    as_of: date
    source: str
    programme: str
    dose: str
    dose_label: str


def coverage_summary() -> Summary | None:
    """City coverage of the first booster; None while no target is known."""
    dose = find_dose(DEFAULT_PROGRAMME, DEFAULT_DOSE)
    if dose is None:
        return None
    table = coverage(dose)
    if not table.city.target or table.city.percent is None:
        return None
    origin = table.targets[0]
    return Summary(
        percent=table.city.percent,
        achieved=table.city.achieved,
        target=table.city.target,
        as_of=origin.as_of,
        source=origin.source,
        programme=dose.programme,
        dose=dose.code,
        dose_label=dose.label,
    )


def _total(cells: Sequence[Cell]) -> Cell:
    """Sums over sums, never a mean of percentages (RULES RP-1)."""
    targets = [cell.target for cell in cells]
    return Cell(
        code="",
        name=CITY,
        target=sum(target for target in targets if target is not None) if targets and None not in targets else None,
        baseline=sum(cell.baseline for cell in cells),
        added=sum(cell.added for cell in cells),
        in_range=sum(cell.in_range for cell in cells),
    )


def _origins(pairs: Iterable[tuple[str | None, date]]) -> tuple[Origin, ...]:
    return tuple(
        sorted(
            {Origin(source, as_of) for source, as_of in pairs if source},
            key=lambda origin: (origin.as_of, origin.source),
        )
    )
