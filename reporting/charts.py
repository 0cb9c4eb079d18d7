"""Geometry of the kecamatan tile map and the trend bars; templates turn it into SVG, a table says the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from reporting.coverage import Cell, Coverage

TILE_WIDTH, TILE_HEIGHT, GAP = 132, 104, 6
# A longer name would leave its tile at the size that a phone can still show.
LONG_NAME = 10
# Lower bounds of tile classes 1 to 5. Boosters never reached half of the city: their differences need finer steps.
FINE_STEPS, FULL_STEPS = (25, 30, 35, 40, 50), (20, 40, 60, 80, 95)
CHART_WIDTH, CHART_HEIGHT, CHART_LEFT, CHART_BOTTOM = 720, 220, 56, 28
DAYS_AS_BARS = 62


@dataclass(frozen=True, slots=True)
class Tile:
    """One square of the map."""

    cell: Cell
    x: int
    y: int
    shade: str
    lines: tuple[str, ...]

    @property
    def width(self) -> int:
        """Width of the square."""
        return TILE_WIDTH

    @property
    def height(self) -> int:
        """Height of the square."""
        return TILE_HEIGHT

    @property
    def middle(self) -> int:
        """Horizontal centre for the texts."""
        return self.x + TILE_WIDTH // 2

    @property
    def name_lines(self) -> list[tuple[int, str, int]]:
        """The name in one or two lines: baseline, text, and the width to squeeze it into (0: as it is)."""
        first = self.y + (44 if len(self.lines) == 1 else 30)
        return [
            (first + 24 * number, line, TILE_WIDTH - 10 if len(line) >= LONG_NAME else 0)
            for number, line in enumerate(self.lines)
        ]

    @property
    def percent_y(self) -> int:
        """Baseline of the percentage."""
        return self.y + TILE_HEIGHT - 18


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the legend."""

    shade: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class TileMap:
    """The whole map."""

    tiles: tuple[Tile, ...]
    legend: tuple[Step, ...]
    width: int
    height: int


def tile_map(table: Coverage) -> TileMap:
    """Lay the kecamatan out on their grid (RULES W-5), shaded by percentage."""
    known = [cell.percent for cell in table.cells if cell.percent is not None and not cell.suppressed]
    steps = FINE_STEPS if max(known, default=Decimal(0)) < 60 else FULL_STEPS
    tiles = tuple(
        Tile(
            cell=cell,
            x=(cell.grid_col or 0) * (TILE_WIDTH + GAP),
            y=(cell.grid_row or 0) * (TILE_HEIGHT + GAP),
            shade=_shade(cell, steps),
            lines=tuple(cell.name.split(" ", 1)),
        )
        for cell in table.cells
    )
    bounds = (None, *steps, None)
    return TileMap(
        tiles=tiles,
        legend=tuple(Step(str(n), low, high) for n, (low, high) in enumerate(pairwise(bounds))),
        width=max((tile.x for tile in tiles), default=0) + TILE_WIDTH,
        height=max((tile.y for tile in tiles), default=0) + TILE_HEIGHT,
    )


def _shade(cell: Cell, steps: Sequence[int]) -> str:
    if cell.percent is None or cell.suppressed:
        return "none"
    return str(sum(cell.percent >= step for step in steps))


@dataclass(frozen=True, slots=True)
class Bar:
    """Doses of one day or month."""

    start: date
    label: str
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Bars and the scale beside them."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, int], ...]
    by_month: bool
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    left: int = CHART_LEFT
    base: int = CHART_HEIGHT - CHART_BOTTOM

    @property
    def total(self) -> int:
        """All doses in the range."""
        return sum(bar.count for bar in self.bars)

    @property
    def first(self) -> Bar:
        """Leftmost bar, whose label stands under the axis."""
        return self.bars[0]

    @property
    def last(self) -> Bar:
        """Rightmost bar."""
        return self.bars[-1]


def trend(per_day: Sequence[tuple[date, int]], since: date, until: date) -> Trend | None:
    """Bars per day, or per month for more than two months; days without a dose show as a gap. None when empty."""
    if not per_day:
        return None
    by_month = (until - since).days >= DAYS_AS_BARS
    counts: dict[date, int] = {}
    if by_month:
        month = since.replace(day=1)
        while month <= until:
            counts[month] = 0
            month = (month + timedelta(days=32)).replace(day=1)
        for day, count in per_day:
            counts[day.replace(day=1)] += count
    else:
        counts = {since + timedelta(days=n): 0 for n in range((until - since).days + 1)}
        counts |= dict(per_day)
    top = _nice_top(max(counts.values()))
    base = CHART_HEIGHT - CHART_BOTTOM
    pitch = (CHART_WIDTH - CHART_LEFT) / len(counts)
    bars = []
    for number, (start, count) in enumerate(counts.items()):
        height = max(0, count) / top * (base - 12)
        bars.append(
            Bar(
                start=start,
                label=f"{start:%m-%Y}" if by_month else f"{start:%d-%m-%Y}",
                count=count,
                x=round(CHART_LEFT + number * pitch + pitch * 0.1, 2),
                y=round(base - height, 2),
                width=round(pitch * 0.8, 2),
                height=round(height, 2),
            )
        )
    ticks = tuple((round(base - share * (base - 12), 2), round(top * share)) for share in (0, 0.5, 1))
    return Trend(bars=tuple(bars), ticks=ticks, by_month=by_month)


def _nice_top(value: int) -> int:
    """The next round number whose middle is whole: 2, 4, 6, 8, 10, 20, 40 ..."""
    scale = 1
    while value > 10 * scale:
        scale *= 10
    return next(step * scale for step in (2, 4, 6, 8, 10) if step * scale >= value)
