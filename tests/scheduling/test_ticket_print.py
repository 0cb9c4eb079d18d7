"""A ticket prints on one sheet of A6."""

import re

import pytest
from django.http import HttpResponse
from django.urls import reverse

from registration import session
from tests.registration.people import make_account
from tests.scheduling.world import booked, make_adult, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_ticket_fits_one_sheet_of_a6(live_server, browser):
    account = make_account()
    appointment = booked(make_slot(), make_adult(account, full_name="Raden Ayu Suparti Kusumawardhani Uji"))
    answer = HttpResponse()
    session.sign_in(answer, account)
    context = browser.new_context()
    context.add_cookies([{"name": "warga", "value": answer.cookies["warga"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse("scheduling:ticket", args=[appointment.public_id]))

    sheet = page.pdf(prefer_css_page_size=True)

    context.close()
    assert len(re.findall(rb"/Type\s*/Page[^s]", sheet)) == 1
    width, height = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", sheet).groups()
    assert (round(float(width)), round(float(height))) == (298, 420)  # points
