"""A person's record: the way of each dose in plain words, and who opened the record."""

import uuid
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.http import HttpResponse
from django.utils import timezone

from certificates.queries import CertificateState
from core.formats import long_date
from core.readlog import log_read
from pcare_bridge.models import Delivery
from pcare_bridge.outlook import Outage
from pcare_bridge.queries import DeliveryState, states_by_service
from portal import record
from regions.models import Facility
from registration.models import Citizen, CitizenAccount
from registration.session import sign_in
from tests.factories.reference import load_reference
from tests.staff import make_staff
from vaccination.models import Immunization

CREATE = Delivery.Operation.CREATE
NOON = datetime(2023, 1, 22, 12, tzinfo=timezone.get_default_timezone())
WAITING_PROOF = CertificateState("wait", "siap dibuka", "/sertifikat/x/")


def dose(**fields) -> Immunization:
    return Immunization(**{"status": "completed", "occurred_at": timezone.now(), "is_primary_source": True} | fields)


def delivered(*deliveries, recorded_at=None) -> list[DeliveryState]:
    """The states that the PCare pages show for these deliveries."""
    rows = SimpleNamespace(all=lambda: list(deliveries))
    known = {"status": "completed", "is_primary_source": True, "recorded_at": recorded_at or timezone.now()}
    return states_by_service(SimpleNamespace(deliveries=rows, **known))


def states(steps) -> list[tuple[str, str]]:
    return [(step.state, str(step.title)) for step in steps]


def test_a_fresh_dose_is_given_and_waits_for_pcare_while_its_proof_is_ready_to_open():
    steps = record.journey(dose(), WAITING_PROOF, delivered())
    assert states(steps) == [
        ("done", "Diberikan"),
        ("now", "Sertifikat dibuat saat Anda membukanya"),
        ("now", "Menunggu PCare"),
        ("next", "Diterima PCare"),
    ]


def test_a_waiting_delivery_says_since_when_and_when_it_is_tried_again():
    created, later = timezone.now() - timedelta(minutes=5), timezone.now() + timedelta(minutes=2)
    waiting = Delivery(operation=CREATE, state="waiting", created_at=created, available_at=later)
    now = next(
        step for step in record.journey(dose(), WAITING_PROOF, delivered(waiting)) if step.title == "Menunggu PCare"
    )
    assert (now.at, now.news_at) == (created, later)


def test_an_accepted_delivery_ends_the_way():
    accepted = timezone.now()
    sent = Delivery(operation=CREATE, state=Delivery.SENT, created_at=accepted, finished_at=accepted)
    assert states(record.journey(dose(), WAITING_PROOF, delivered(sent)))[-1] == ("done", "Diterima PCare")


def test_a_refused_delivery_is_the_staffs_work_and_the_proof_stays_valid():
    refused = Delivery(operation=CREATE, state=Delivery.REFUSED, created_at=timezone.now())
    steps = record.journey(dose(), WAITING_PROOF, delivered(refused))
    assert any("sertifikat Anda tetap berlaku" in str(step.text) for step in steps)


@pytest.mark.parametrize("operation", [CREATE, Delivery.Operation.UPDATE])
def test_a_dose_that_replaced_another_arrives_like_any_other(operation):
    now = timezone.now()
    sent = Delivery(operation=operation, state=Delivery.SENT, created_at=now, finished_at=now)
    assert states(record.journey(dose(), WAITING_PROOF, delivered(sent)))[-1] == ("done", "Diterima PCare")


def test_a_paused_facility_is_waiting_not_a_fault_of_the_data():
    now = timezone.now()
    paused = Delivery(operation=CREATE, state=Delivery.PAUSED, created_at=now, available_at=now)
    assert ("now", "Menunggu PCare") in states(record.journey(dose(), WAITING_PROOF, delivered(paused)))


def test_each_service_ends_its_own_way_and_an_outage_is_told_as_it_is():
    now = timezone.now()
    sent = Delivery(operation=CREATE, state=Delivery.SENT, created_at=now, finished_at=now)
    waiting = Delivery(
        operation=CREATE, profile="satusehat", state="waiting", created_at=now, available_at=now + timedelta(minutes=5)
    )
    down = [Outage("SATUSEHAT", now - timedelta(hours=1), 12)]
    steps = record.journey(dose(), WAITING_PROOF, delivered(sent, waiting), down)
    assert states(steps)[2:] == [
        ("done", "Masuk antrean laporan nasional"),
        ("done", "Diterima PCare"),
        ("now", "Menunggu SATUSEHAT"),
        ("next", "Diterima SATUSEHAT"),
    ]
    honest = steps[-2]
    assert f"SATUSEHAT tidak menjawab sejak {timezone.localtime(down[0].since):%d-%m-%Y %H.%M} WIB" in str(honest.text)
    assert "sertifikat Anda tetap berlaku" in str(honest.text)
    assert honest.news_at is None
    up = record.journey(dose(), WAITING_PROOF, delivered(sent, waiting), [])[-2]
    assert "tidak menjawab" not in str(up.text)
    assert up.news_at is not None


def test_a_corrected_dose_says_so_and_promises_nothing():
    steps = record.journey(dose(status="entered-in-error"), WAITING_PROOF, delivered())
    assert states(steps)[-1] == ("stop", "Catatan ini dibetulkan")


@pytest.fixture
def family(client):
    """A signed-in account with one member who has one dose."""
    load_reference()
    account = CitizenAccount.objects.create(phone="+6281200009001", phone_index=uuid.uuid4().bytes * 2)
    citizen = Citizen.objects.create(
        account=account, full_name="Suminten", birth_date=date(1931, 5, 4), sex="P", no_nik_reason="lain"
    )
    facility = Facility.objects.order_by("pk")[0]
    Immunization.objects.create(
        client_uuid=uuid.uuid4(),
        citizen=citizen,
        programme_id="covid19",
        vaccine_id="COV_SINOVAC",
        dose_code="primary1",
        dose_number=1,
        occurred_at=timezone.now(),
        lot_number="UJI1",
        facility=facility,
    )
    response = HttpResponse()
    sign_in(response, account)
    client.cookies.update(response.cookies)
    return account, citizen, facility


@pytest.mark.django_db
def test_the_record_shows_the_dose_and_every_opening_by_staff_with_its_reason(client, family):
    _account, citizen, facility = family
    nurse = make_staff("vaksinator", facility=facility, full_name="Bidan Uji")
    log_read(user=nurse, citizen_id=citizen.pk, purpose="dose")
    page = client.get(f"/keluarga/{citizen.public_id}/").text
    assert "Suminten" in page and "UJI1" in page
    assert "Bidan Uji" in page and "Pencatatan penyuntikan" in page
    assert 'class="now"' in page


@pytest.mark.django_db
def test_a_strangers_record_is_not_found_and_a_visitor_is_asked_to_sign_in(client, family):
    stranger = Citizen.objects.create(
        full_name="Orang Lain", birth_date=date(1930, 1, 1), sex="L", no_nik_reason="lain"
    )
    assert client.get(f"/keluarga/{stranger.public_id}/").status_code == 404
    client.cookies.clear()
    answer = client.get(f"/keluarga/{stranger.public_id}/")
    assert answer.status_code == 302 and "/masuk/" in answer.url


@pytest.mark.django_db
def test_the_record_says_what_is_next_by_which_rule_and_from_when(client, family):
    _account, citizen, _facility = family
    page = client.get(f"/keluarga/{citizen.public_id}/").text
    soon = timezone.localdate(Immunization.objects.get().occurred_at) + timedelta(days=28)  # RULES C-SINOVAC-2
    assert "Vaksin berikutnya" in page
    assert f"Mulai {long_date(soon)}" in page and "Dosis 2" in page
    assert "Imunisasi rutin anak" not in page  # nothing in it for a grown-up, now or later
    assert "Dose 2" in client.get(f"/en/keluarga/{citizen.public_id}/").text


@pytest.mark.django_db
def test_a_dose_told_from_a_card_has_a_day_but_no_hour(client, family):
    _account, citizen, _facility = family
    Immunization.objects.update(is_primary_source=False, occurred_at=NOON)
    page = client.get(f"/keluarga/{citizen.public_id}/").text
    assert f"{long_date(NOON.date(), 'id')}</time>" in page and "12.00" not in page
