from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reporting import charts
from reporting.coverage import Cell, Coverage, Dose


def test_a_day_without_a_dose_leaves_a_gap_and_the_bars_add_up():
    drawn = charts.trend([(date(2026, 11, 1), 3), (date(2026, 11, 3), 5)], date(2026, 11, 1), date(2026, 11, 3))
    assert [bar.count for bar in drawn.bars] == [3, 0, 5]
    assert drawn.total == 8
    assert not drawn.by_month
    assert charts.trend([], date(2026, 11, 1), date(2026, 11, 3)) is None


def test_more_than_two_months_are_drawn_by_month():
    drawn = charts.trend([(date(2026, 1, 31), 3), (date(2026, 3, 1), 5)], date(2026, 1, 1), date(2026, 3, 31))
    assert [(bar.label, bar.count) for bar in drawn.bars] == [("01-2026", 3), ("02-2026", 0), ("03-2026", 5)]


@given(st.lists(st.integers(-3, 100_000), min_size=1, max_size=60))
def test_no_bar_leaves_the_picture(counts):
    days = [(date(2026, 1, 1) + timedelta(days=n), count) for n, count in enumerate(counts)]
    drawn = charts.trend(days, days[0][0], days[-1][0])
    for bar in drawn.bars:
        assert 0 <= bar.y <= drawn.base
        assert bar.y + bar.height <= drawn.base + 0.02
        assert drawn.left <= bar.x and bar.x + bar.width <= drawn.width + 0.02


def test_tiles_do_not_overlap_and_shades_follow_the_figure():
    names = [("33.74.01", "A", 0, 2, 10), ("33.74.02", "B", 0, 3, 44), ("33.74.03", "C", 1, 2, 96)]
    cells = tuple(Cell(code, name, 100, count, 0, 0, row, col) for code, name, row, col, count in names)
    table = Coverage(Dose("p", "P", "d", "D"), cells, Cell("", "K", 300, 150, 0, 0), (), ())
    drawn = charts.tile_map(table)
    assert len({(tile.x, tile.y) for tile in drawn.tiles}) == 3
    assert [tile.shade for tile in drawn.tiles] == ["0", "2", "5"]
    hidden = charts.tile_map(Coverage(table.dose, (Cell("x", "X", None, 3, 0, 0, 0, 0),), table.city, (), ()))
    assert hidden.tiles[0].shade == "none"
