"""The waiting page in a real browser on a small phone: with JavaScript, without it, and with the network gone."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from admission import board, tokens, turns
from admission.models import Room
from registration.session import COOKIE
from tests.admission.rush import crowd, make_room, visitor
from tests.scheduling.world import make_slot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]


@pytest.fixture
def waiting(monkeypatch):
    """A room, and the cookies of a family whose number is three."""
    monkeypatch.setattr("admission.clock.tick", lambda *_: None)  # the test calls the numbers
    make_slot(places=50)
    room = make_room(minutes=None, rate=60)
    crowd(room, 2)
    browser, _account = visitor()
    browser.post(f"/antrean/{room.pk}/ikut/")
    return room, {name: browser.cookies[name].value for name in (COOKIE, tokens.TURN_COOKIE)}


def phone(new_context, live_server, cookies, **options):
    context = new_context(viewport={"width": 360, "height": 640}, **options)
    context.add_cookies([{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()])
    return context, context.new_page()


def serve(room, upto, **changes):
    turns.called(room.pk, 0, upto, timezone.now())
    Room.objects.filter(pk=room.pk).update(served_number=upto, places_left=50, **changes)
    board.publish(Room.objects.get(pk=room.pk))


def test_the_page_updates_itself_survives_a_lost_network_and_shows_the_door(new_context, live_server, waiting):
    room, cookies = waiting
    serve(room, 0)
    context, page = phone(new_context, live_server, cookies)
    page.goto(f"{live_server.url}/antrean/{room.pk}/")
    expect(page.locator("h1")).to_have_text("Nomor Anda 3, sedang dilayani 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

    serve(room, 1, message="Mohon sabar, server sehat.")
    expect(page.locator("h1")).to_have_text("Nomor Anda 3, sedang dilayani 1")
    expect(page.locator("[data-message]")).to_have_text("Mohon sabar, server sehat.")

    context.set_offline(True)
    expect(page.locator("[data-lost]")).to_be_visible()
    context.set_offline(False)
    serve(room, 3)
    button = page.get_by_role("button", name="Mulai memesan")
    expect(button).to_be_visible()
    button.click()
    page.wait_for_url("**/janji/baru/**")


def test_without_javascript_the_page_reloads_itself(new_context, live_server, waiting):
    room, cookies = waiting
    serve(room, 0)
    _context, page = phone(new_context, live_server, cookies, java_script_enabled=False)
    page.goto(f"{live_server.url}/antrean/{room.pk}/")
    expect(page.locator("h1")).to_have_text("Nomor Anda 3, sedang dilayani 0")
    serve(room, 3)
    expect(page.get_by_role("button", name="Mulai memesan")).to_be_visible()
    page.get_by_role("button", name="Mulai memesan").click()
    page.wait_for_url("**/janji/baru/**")


def test_the_pages_are_accessible(new_context, live_server, waiting):
    from axe_playwright_python.sync_playwright import Axe

    room, cookies = waiting
    serve(room, 0)
    _context, page = phone(new_context, live_server, cookies)
    for address in (f"/antrean/{room.pk}/", "/antrean/", f"/en/antrean/{room.pk}/"):
        page.goto(live_server.url + address)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
