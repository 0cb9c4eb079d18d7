"""Figures, dates and identifiers as Indonesian readers write them."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from django.utils import translation

from core import formats
from core.templatetags import siap


def test_thousands_carry_points_and_percentages_a_comma():
    assert formats.number(503875) == "503.875"
    assert siap.persen(Decimal("36.2096")) == "36,21 %"


def test_an_english_page_writes_figures_as_its_readers_do():
    with translation.override("en"):
        assert (siap.angka(8208), siap.persen(Decimal("36.2096"))) == ("8,208", "36.21%")


def test_percentages_round_half_up_not_to_even():
    assert formats.percent(Decimal("0.125")) == "0,13 %"
    assert formats.percent(Decimal("2.665")) == "2,67 %"


def test_dates_are_spelt_in_the_language_of_the_page():
    assert formats.long_date(date(2023, 1, 24)) == "Selasa, 24 Januari 2023"
    with translation.override("en"):
        assert siap.tanggal(date(2023, 1, 24)) == "Tuesday, 24 January 2023"


def test_a_moment_is_shown_in_wib_with_a_point():
    assert siap.jam(datetime(2026, 1, 1, 1, 5, tzinfo=UTC)) == "08.05"
    assert siap.jam(time(12, 0)) == "12.00"
    assert siap.tanggal_pendek(datetime(2026, 1, 1, 18, 0, tzinfo=UTC)) == "02-01-2026"


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "baru saja"), (180, "3 menit lalu"), (7200, "2 jam lalu"), (200000, "2 hari lalu")]
)
def test_ages_are_said_in_one_unit(seconds, text):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    then = datetime.fromtimestamp(now.timestamp() - seconds, tz=UTC)
    assert formats.time_ago(then, now) == text


def test_identifiers_are_masked():
    assert siap.nik_masked("3374051203900003") == "337405******0003"
    assert siap.phone_masked("+6281234567890") == "+62812****7890"
    assert siap.nik_masked("123") == "***"
