"""Every page of the menus, on both screens: the look on arrival does the judging (see visitor.py)."""

import pytest

from tests.journeys import steps

PUBLIC = ["/", "/jadwal/", "/stok/", "/cakupan/", "/verifikasi/", "/status/", "/masuk/"]
STAFF = {
    "perawat": ["/petugas/", "/petugas/pantau/", "/petugas/jadwal/", "/petugas/warga/baru/", "/petugas/akun/"],
    "stok": ["/petugas/stok/"],
    "kader": ["/petugas/kader/"],
    "dinkes": [
        "/dinkes/", "/dinkes/jadwal/", "/dinkes/stok/", "/dinkes/pcare/", "/dinkes/petugas/", "/dinkes/mitra/",
        "/dinkes/pesan/",
    ],
}  # fmt: skip


@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_public_pages_in_both_languages(visitor, screen):
    reader = visitor(screen=screen)
    for path in PUBLIC:
        reader.visit(path)
        reader.page.locator("a.lang").click()
        reader.look()
        assert reader.page.locator("html").get_attribute("lang") == "en"
    assert reader.context.cookies() == [] or {cookie["name"] for cookie in reader.context.cookies()} <= {"csrftoken"}


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
    for path in STAFF[username]:
        staff.visit(path)
    staff.page.set_viewport_size({"width": 360, "height": 740})
    for path in STAFF[username]:
        staff.visit(path)
