"""The countdown of a held place in a real browser, with and without JavaScript."""

import re

import pytest
from django.http import HttpResponse
from django.urls import reverse

from registration import session
from tests.registration.people import make_account
from tests.scheduling.world import make_adult, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("javascript", [True, False])
def test_the_page_shows_how_long_the_place_is_held(live_server, browser, javascript):
    slot, account = make_slot(), make_account()
    citizen = make_adult(account)
    answer = HttpResponse()
    session.sign_in(answer, account)
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 360, "height": 740})
    context.add_cookies([{"name": "warga", "value": answer.cookies["warga"].value, "url": live_server.url}])
    page = context.new_page()

    page.goto(live_server.url + reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]))
    page.get_by_role("button", name="Pilih").click()

    assert re.search(r"sampai pukul \d\d\.\d\d WIB", page.get_by_role("status").inner_text())
    clock = page.locator("[data-hold-clock]")
    clock.wait_for(state="visible" if javascript else "hidden")  # a script draws it, once it is there
    if javascript:
        assert re.fullmatch(r"[45]:\d\d", clock.inner_text())
    context.close()
