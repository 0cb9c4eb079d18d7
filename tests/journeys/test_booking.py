"""A citizen registers a child, books, moves and cancels: with and without JavaScript, on a phone and at a desk."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.journeys import steps


@pytest.mark.parametrize(
    ("screen", "scripts"), [("phone", False), ("desktop", True)], ids=["phone without JavaScript", "desktop"]
)
def test_a_parent_books_for_a_child_then_moves_and_cancels(visitor, screen, scripts):
    parent = visitor(screen=screen, scripts=scripts)
    number = next(steps.serials)
    # Given: a parent with a phone that was never seen before
    steps.citizen_signs_in(parent, f"0812 9900 9{number:03d}")
    steps.citizen_adds_member(parent, nik=f"9974015203319{number:03d}", name="Wati Uji", born="12-03-1931", sex="P")
    born = datetime.now(ZoneInfo("Asia/Jakarta")).date() - timedelta(days=75)
    steps.citizen_adds_member(
        parent,
        nik=f"997401{born:%d%m%y}9{number:03d}",
        name="Tirta Uji",
        born=f"{born:%d-%m-%Y}",
        sex="L",
        relation="anak",
    )

    # When: she books the first drops against polio for the child
    code = steps.citizen_books(parent, search="vaksin=OPV", who="Tirta Uji")
    ticket = parent.page.url.partition("?")[0].removeprefix(parent.url)
    place = parent.page.locator(".ticket .summary-list").inner_text()

    # And: moves it with one press
    parent.follow("Pindahkan", exact=True)
    parent.page.locator('button[name="sesi"]').first.click()
    parent.look()
    parent.arrives("Janji sudah dipindahkan")

    # Then: the code is the same and the place another
    assert steps.ticket_code(parent) == code
    assert parent.page.locator(".ticket .summary-list").inner_text() != place

    # When: she goes back and cancels, then the ticket says so and a second cancel does nothing
    parent.visit(ticket)
    parent.follow("Batalkan", exact=True)
    parent.press("Ya, batalkan")
    assert "dibatalkan" in parent.text
    parent.visit(f"{ticket}batal/")
    assert "Tidak ada yang perlu dibatalkan" in parent.text


def test_the_back_button_after_booking_makes_no_second_appointment(visitor):
    parent = visitor(screen="phone")
    number = next(steps.serials)
    steps.citizen_signs_in(parent, f"0812 9901 9{number:03d}")
    steps.citizen_adds_member(parent, nik=f"9974015203328{number:03d}", name="Sri Uji", born="12-03-1932", sex="P")
    code = steps.citizen_books(parent, search="vaksin=COV_SINOVAC", who="Sri Uji")
    parent.page.go_back()
    again = parent.page.get_by_role("button", name=re.compile("Pesan tempat ini"))
    if again.count():
        again.click()
        parent.page.wait_for_load_state()
        assert steps.ticket_code(parent) == code
    parent.visit("/janji/")
    assert parent.text.count(code) == 1
