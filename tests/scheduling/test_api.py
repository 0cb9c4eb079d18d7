import pytest

from scheduling.publishing import close_schedule
from tests.scheduling.world import booked, make_schedule, make_slot

pytestmark = pytest.mark.django_db

URL = "/api/v1/schedules/"


def test_open_data_says_what_the_public_page_says(client):
    slot = make_slot(places=3)
    booked(slot)
    closed = make_schedule(facility="pkm-genuk")
    close_schedule(closed.pk, "banjir")

    answer = client.get(URL)

    rows = answer.json()["results"]
    assert [(row["facility"], row["state"], row["places_left"]) for row in rows] == [
        ("pkm-poncol", "open", 2),
        ("pkm-genuk", "closed", 0),
    ]
    assert rows[1]["close_reason"] == "banjir" and not answer.cookies
    assert client.get(URL, {"district": "33.74.05"}).json()["count"] == 1
    assert client.get(URL, {"facility": "pkm-poncol", "vaccine": "COV_AZ"}).json()["count"] == 1


@pytest.mark.parametrize("query", ["date=x", "district=%00", "facility=%00", "vaccine=" + "A" * 99, "programme='"])
def test_a_malformed_filter_is_a_400(client, query):
    assert client.get(f"{URL}?{query}").status_code == 400


def test_booking_is_not_offered_by_api(client):
    assert client.post(URL, {}).status_code == 405
