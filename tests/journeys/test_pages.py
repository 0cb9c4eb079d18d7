"""Every page of the menus, on both screens: the look on arrival does the judging (see visitor.py)."""

from urllib.parse import urlsplit

import pytest

from tests.journeys import steps

PUBLIC = ["/", "/jadwal/", "/stok/", "/cakupan/", "/verifikasi/", "/status/", "/masuk/"]
# Besides what the menu shows them.
STAFF = {"perawat": ["/petugas/warga/baru/", "/petugas/akun/"], "stok": [], "kader": [], "dinkes": []}


@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_public_pages_in_both_languages(visitor, screen):
    reader = visitor(screen=screen)
    for path in PUBLIC:
        reader.visit(path)
        reader.page.locator("a.lang").click()
        reader.look()
        assert reader.page.locator("html").get_attribute("lang") == "en"
    assert {cookie["name"] for cookie in reader.context.cookies()} <= {"csrftoken"}  # /masuk/ has a form


def test_a_missing_page_says_what_to_do(visitor):
    reader = visitor(screen="phone")
    answer = reader.page.goto(f"{reader.url}/tidak-ada/")
    assert answer.status == 404
    reader.look()
    reader.arrives("Halaman tidak ditemukan")


@pytest.mark.parametrize("username", STAFF)
def test_staff_pages_on_tablet_and_desktop(visitor, portal, username):
    staff = visitor(screen="desktop")
    steps.staff_signs_in(staff, portal, username)
    links = staff.page.get_by_role("navigation", name="Menu petugas").get_by_role("link").all()
    menu = [urlsplit(link.get_attribute("href")).path for link in links]
    assert menu
    for width in (1280, 360):
        staff.page.set_viewport_size({"width": width, "height": 800})
        for path in [*menu, *STAFF[username]]:
            staff.visit(path)
            # The page itself: a way back to the sign-in page would look as healthy.
            assert urlsplit(staff.page.url).path == path
            assert staff.heading
