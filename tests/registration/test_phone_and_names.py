"""Phones and names as people write them (RULES X-4, X-5)."""

import pytest
from django.core.exceptions import ValidationError

from registration import names, phone


@pytest.mark.parametrize(
    "typed",
    [
        "081234567890",
        "6281234567890",
        "+62 812-3456-7890",
        "0812.3456.7890",
        "(0812) 3456 7890",
        "81234567890",
        "+62 0812 3456 7890",
    ],
)
def test_every_way_to_write_a_mobile_number_becomes_one(typed):
    assert phone.normalise(typed) == "+6281234567890"


@pytest.mark.parametrize(
    "typed",
    ["", "0812", "08123456789012345", "0712345678901", "+1 202 555 0100", "0812x4567890", "٠٨١٢٣٤٥٦٧٨٩٠", "08123456"],
)
def test_what_is_no_mobile_number_is_refused(typed):
    with pytest.raises(phone.PhoneInvalid):
        phone.normalise(typed)


def test_a_land_line_is_taken_where_no_code_has_to_arrive():
    assert phone.normalise("(024) 8311441", landline=True) == "+62248311441"
    with pytest.raises(phone.PhoneInvalid):
        phone.normalise("(024) 8311441")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Suparti", "Suparti"),
        ("  Siti   Nur’aini ", "Siti Nur'aini"),
        ("R. Ag. Sukarno-Putra, S.", "R. Ag. Sukarno-Putra, S."),
    ],
)
def test_a_name_is_kept_as_on_the_card(typed, kept):
    assert names.clean(typed) == kept


@pytest.mark.parametrize("typed", ["", "   ", ".", "Budi 2", "Budi <b>", "a" * 101, "Budi\x00"])
def test_what_no_card_carries_is_refused(typed):
    with pytest.raises(ValidationError):
        names.clean(typed)


def test_names_agree_when_case_points_and_spaces_differ():
    assert names.same("SITI NUR'AINI", "Siti Nuraini")
    assert not names.same("Siti", "Sita")
