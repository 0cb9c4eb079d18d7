"""How each service is doing: the public page, the banner, the forecast, the rate and the history of outages."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.template import Context, Template
from django.test import Client
from django.utils import timezone

from core import outbox
from pcare_bridge import health, outlook, sending, services
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import Delivery, Incident, Upstream
from pcare_bridge.simulator.server import Server
from pcare_bridge.views import status
from tests.pcare_bridge.doses import add_profiles, make_dose, make_facility
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bridge")]


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> None:
    """No page of another test; SATUSEHAT only where a test asks for it."""
    settings.SATUSEHAT_BASE_URL = settings.SATUSEHAT_OAUTH_URL = ""
    status.PAGE.clear()
    cache.clear()


@pytest.fixture
def office(client: Client) -> Client:
    """The health office, signed in."""
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


def deliver() -> None:
    outbox.drain("pcare")
    sending.send_due(60)


def go_down() -> Upstream:
    row = health.upstream()
    assert row is not None
    for _ in range(5):
        health.note_failure(row.pk, ERROR_CLASSES["unreachable"])
    row.refresh_from_db()
    return row


def test_the_public_page_tells_up_down_since_when_and_how_many_wait(client: Client) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    page = client.get("/status/")
    assert page.status_code == 200
    assert "PCare belum dihubungi" in page.text
    health.note_success(health.upstream().pk)
    status.PAGE.clear()
    page = client.get("/status/")
    assert "PCare terhubung" in page.text
    assert "<strong>1</strong> <span>dosis menunggu PCare" in page.text
    assert not page.cookies
    go_down()
    status.PAGE.clear()
    text = client.get("/status/").text
    assert "PCare tidak menjawab" in text
    assert "masih berlangsung" in text
    assert "sertifikat berjalan seperti biasa" in text


@pytest.mark.usefixtures("exchange")
def test_the_public_page_shows_each_service_with_its_own_outage(client: Client) -> None:
    health.note_success(health.upstream().pk)
    ministry = health.upstream("satusehat")
    for _ in range(5):
        health.note_failure(ministry.pk, ERROR_CLASSES["unreachable"])
    text = client.get("/status/").text
    assert "PCare terhubung" in text
    assert "SATUSEHAT tidak menjawab" in text
    assert "<td>SATUSEHAT</td>" in text
    assert "dosis menunggu SATUSEHAT" in text
    desk = Template("{% load pcare %}{% pcare_banner %}").render(Context())
    assert "SATUSEHAT tidak menjawab sejak" in desk
    assert "PCare tidak" not in desk
    english = client.get("/en/status/").text
    assert "SATUSEHAT does not answer" in english
    assert "PCare is connected" in english


def test_a_dose_that_goes_by_two_profiles_waits_once_for_the_public(client: Client) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi", "kunjungan")
    make_dose(facility)
    outbox.drain("pcare")
    assert "<strong>1</strong> <span>dosis menunggu PCare" in client.get("/status/").text
    assert outlook.service_state().waiting == 2
    go_down()
    assert outlook.outages()[0].waiting == 1


def test_a_service_the_city_does_not_use_is_not_shown(client: Client, settings: Any) -> None:
    settings.SATUSEHAT_BASE_URL = ""
    assert "SATUSEHAT" not in client.get("/status/").text


def test_an_outage_that_began_before_the_window_and_ended_in_it_is_told() -> None:
    row = go_down()
    Incident.objects.update(began_at=timezone.now() - timedelta(days=91))
    assert len(outlook.incidents()) == 1
    health.note_success(row.pk)
    assert len(outlook.incidents()) == 1
    Incident.objects.update(ended_at=timezone.now() - timedelta(days=90, hours=1))
    assert not outlook.incidents()


@pytest.mark.usefixtures("kept_fresh")
def test_the_public_page_answers_unchanged_and_costs_no_query_while_fresh(
    client: Client, django_assert_num_queries: Any
) -> None:
    first = client.get("/status/")
    with django_assert_num_queries(0):
        again = client.get("/status/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_public_page_exists_in_english(client: Client) -> None:
    assert client.get("/en/status/").status_code == 200


def test_the_banner_appears_only_during_an_outage() -> None:
    template = Template("{% load pcare %}{% pcare_banner %}")
    assert template.render(Context()).strip() == ""
    go_down()
    assert "berjalan seperti biasa" in template.render(Context())


def test_the_forecast_names_a_time_and_none_during_an_outage(settings: Any) -> None:
    settings.PCARE_PER_SECOND = 5
    facility = make_facility()
    for _ in range(3):
        make_dose(facility)
    outbox.drain("pcare")
    state = outlook.service_state()
    assert state.done_at is not None
    assert state.done_at <= timezone.now() + timedelta(minutes=2)
    go_down()
    assert outlook.service_state().done_at is None


def test_the_forecast_follows_what_arrives_since_the_outage_and_not_the_permitted_rate(settings: Any) -> None:
    settings.PCARE_PER_SECOND = 5
    facility = make_facility()
    for _ in range(40):
        make_dose(facility)
    outbox.drain("pcare")
    now = timezone.now()
    row = health.upstream()
    Upstream.objects.filter(pk=row.pk).update(changed_at=now - timedelta(minutes=2))
    ids = list(Delivery.objects.values_list("pk", flat=True))
    # Before the outage ended there was another pace; since then ten in two minutes.
    for at, pk in enumerate(ids[:30]):
        minutes = 2 - at / 5 if at < 10 else 7
        Delivery.objects.filter(pk=pk).update(
            state="sent", upstream_number=str(pk), finished_at=now - timedelta(minutes=minutes)
        )
    with time_machine.travel(now, tick=False):
        state = outlook.service_state()
        assert state.waiting == 10
        assert 4.5 < state.per_minute < 5.5
        assert timedelta(minutes=1) < state.done_at - now <= timedelta(minutes=4)
        settings.PCARE_PER_SECOND = 1 / 60
        assert outlook.service_state().done_at - now > timedelta(minutes=9), "never faster than the throttle"


def test_what_waits_for_a_person_is_not_promised_for_an_hour(settings: Any) -> None:
    settings.PCARE_PER_SECOND = 5
    first, second = make_facility(7), make_facility(8)
    for facility in (first, first, second):
        make_dose(facility)
    outbox.drain("pcare")
    Delivery.objects.filter(facility=first).update(state="paused", error_class="configuration")
    state = outlook.service_state()
    assert (state.waiting, state.kept) == (3, 2)
    assert state.forecast.endswith("(tanpa 2 yang menunggu akun atau izin kirim)")
    switch = services.stop_profile("vaksinasi", second, "uji", make_staff("admin_dinkes", city=True))
    state = outlook.service_state()
    assert (state.kept, state.done_at) == (3, None)
    assert state.forecast == "3 menunggu, 0/menit, selesai setelah akun atau izin kirim dibereskan"
    services.release_profile(switch)
    assert outlook.service_state().kept == 2


def test_a_forecast_for_another_day_says_which(settings: Any) -> None:
    settings.PCARE_PER_SECOND = 1 / 3600
    facility = make_facility()
    for _ in range(30):
        make_dose(facility)
    outbox.drain("pcare")
    assert re.fullmatch(r"\d\d-\d\d \d\d\.\d\d", outlook.service_state().done_text)


def test_incidents_close_when_the_service_answers() -> None:
    row = go_down()
    assert Incident.objects.get().ended_at is None
    health.note_success(row.pk)
    assert Incident.objects.get().ended_at is not None
    assert len(outlook.incidents()) == 1


def test_the_queue_says_how_many_wait_how_fast_and_until_when(office: Client, simulator: Server) -> None:
    facility = make_facility()
    for _ in range(3):
        make_dose(facility)
    deliver()
    page = office.get("/dinkes/pcare/").text
    assert re.search(r"0 menunggu, [1-9]\d*/menit", page)
    assert page.count('<rect class="bar"') == 36
    now = timezone.now()
    bars = outlook.rate(now)
    assert (sum(bar.count for bar in bars), bars[-1].count, bars[-1].height) == (3, 3, outlook.CHART_HEIGHT)
    make_dose(facility)
    outbox.drain("pcare")
    assert re.fullmatch(
        r"1 menunggu, [1-9]\d*/menit, selesai sekitar (\d\d-\d\d )?\d\d\.\d\d", outlook.service_state().forecast
    )
    go_down()
    assert outlook.service_state().forecast.endswith("/menit, selesai setelah tersambung lagi")
