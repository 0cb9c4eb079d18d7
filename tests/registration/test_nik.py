"""NIK structure as RULES N-1 to N-5."""

from datetime import date

import pytest

from registration import nik

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "nik_length"),
        ("337401010190900", "nik_length"),
        ("33740101019090011", "nik_length"),
        ("33740101019O9001", "nik_length"),
        ("٣٣٧٤٠١٠١٠١٩٠٩٠٠١", "nik_length"),
        ("1111111111111111", "nik_dummy"),
        ("9974010001209001", "nik_day"),
        ("9974013201209001", "nik_day"),
        ("9974014001209001", "nik_day"),
        ("9974017201209001", "nik_day"),
        ("9974010100209001", "nik_month"),
        ("9974010113209001", "nik_month"),
        ("9974013002209001", "nik_date"),
        ("9974012902219001", "nik_date"),
        ("9974010101200000", "nik_serial"),
    ],
)
def test_a_malformed_nik_is_refused_with_its_reason(text, code):
    with pytest.raises(nik.NikInvalid) as refused:
        nik.parse(text, today=TODAY)
    assert refused.value.code == code


def test_spaces_points_and_hyphens_are_allowed_while_typing():
    assert nik.parse(" 9974.01-0101 20 9001 ", today=TODAY).digits == "9974010101209001"


def test_a_woman_has_forty_added_to_her_day_of_birth():
    parsed = nik.parse("9974014107309001", today=TODAY)
    assert (parsed.sex, parsed.birth_date) == ("P", date(1930, 7, 1))


def test_the_century_in_the_future_is_not_chosen():
    assert nik.parse("9974010101309001", today=TODAY).birth_date == date(1930, 1, 1)


def test_when_both_centuries_fit_the_person_must_be_asked():
    parsed = nik.parse("9974010101209001", today=TODAY)
    assert parsed.birth_date is None
    assert parsed.birth_dates == (date(1920, 1, 1), date(2020, 1, 1))


def test_the_29th_of_february_1900_leaves_only_2000():
    assert nik.parse("9974012902009001", today=TODAY).birth_date == date(2000, 2, 29)


def test_differences_are_warnings_and_never_refusals():
    parsed = nik.parse("9974010101209001", today=TODAY)
    assert parsed.warnings(birth_date=date(1921, 5, 5), sex="P") == ["region", "sex", "birth_date"]


@pytest.mark.parametrize("prefix", ["337401", "337416", "110101", "960101"])
def test_a_known_region_gives_no_warning(prefix):
    parsed = nik.parse(prefix + "0101309001", today=TODAY)
    assert parsed.warnings(birth_date=date(1930, 1, 1), sex="L") == []


def test_a_kecamatan_semarang_never_had_is_a_warning():
    assert nik.parse("3374170101309001", today=TODAY).warnings() == ["region"]


def test_warnings_have_words_for_the_desk():
    assert all(nik.describe([code]) for code in nik.WARNINGS)
    assert nik.describe(["unknown"]) == []
