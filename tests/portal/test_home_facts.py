"""Figures of the home page agree with the rows they come from."""

from datetime import date, datetime, time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from portal.queries import hours_today, spread

WIB = ZoneInfo("Asia/Jakarta")
DAY = date(2030, 1, 7)


def row(facility_id, opens, closes, day=DAY, state="open"):
    facility = SimpleNamespace(pk=facility_id, name=f"Puskesmas {facility_id}")
    schedule = SimpleNamespace(
        facility_id=facility_id,
        facility=facility,
        date=day,
        open_time=time(opens),
        close_time=time(closes),
        state=state,
    )
    return SimpleNamespace(schedule=schedule)


def test_hours_span_all_schedules_of_a_facility_and_the_open_ones_come_first():
    rows = [
        row(1, 13, 15),
        row(2, 8, 10),
        row(2, 10, 12),
        row(3, 8, 12, day=date(2030, 1, 8)),
        row(4, 8, 12, state="closed"),
    ]
    found = hours_today(rows, datetime(2030, 1, 7, 11, 0, tzinfo=WIB))
    assert [(one.facility.pk, one.is_open, one.open_time, one.close_time) for one in found] == [
        (2, True, time(8), time(12)),
        (1, False, time(13), time(15)),
    ]


def test_closing_time_is_no_longer_open():
    (one,) = hours_today([row(1, 8, 12)], datetime(2030, 1, 7, 12, 0, tzinfo=WIB))
    assert not one.is_open


def test_one_big_facility_does_not_fill_the_page():
    rows = [row(1, 8, 9), row(1, 9, 10), row(1, 10, 11), row(2, 11, 12)]
    assert [one.schedule.facility_id for one in spread(rows, 3)] == [1, 2, 1]
