"""A dose from elsewhere while the person still holds a ticket: nobody comes in vain, nobody blocks a place."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from core import audit, outbox
from messaging.models import Message
from scheduling.models import Appointment, Place
from scheduling.services import arrive
from tests.registration.people import make_account
from tests.scheduling.world import booked, free_places, make_adult, make_slot
from tests.stock.shelf import facility, stocked
from tests.vaccination.desk import booked_today, nurse
from vaccination import past_doses, services

pytestmark = pytest.mark.django_db


def give_elsewhere(citizen, dose_code="primary1", at="pkm-genuk"):
    """A dose as a partner hospital sends it: no visit, no ticket."""
    place = facility(at)
    doctor = nurse(at=place)
    return services.record_dose(
        client_uuid=uuid.uuid4(), citizen_id=citizen.pk, facility_id=place.pk, programme_code="covid19",
        dose_code=dose_code, lot_id=stocked(at=place).pk, performer=doctor, recorder=doctor,
    ).immunization  # fmt: skip


def broken():
    return [check.id for check, count in audit.run() if count and check.id in ("I1", "I2", "I3", "I4")]


def test_the_ticket_for_a_dose_given_elsewhere_is_cancelled_told_and_its_place_free():
    slot = make_slot()
    appointment = booked(slot, make_adult(make_account(), full_name="Ani Uji"))
    give_elsewhere(appointment.citizen)
    while outbox.drain(consumer="scheduling.notify"):
        pass

    appointment.refresh_from_db()
    assert (appointment.status, appointment.cancelled_because) == ("cancelled", "dosis")
    assert "Puskesmas Genuk" in appointment.cancel_reason
    assert free_places(slot) == 5 and broken() == []
    told = Message.objects.get(kind="appointment_cancelled")
    assert "Ani Uji" in told.body and "tidak perlu datang" in told.body


def test_the_ticket_stays_for_the_dose_that_is_due_by_then():
    appointment = booked(make_slot(days=40, dose_codes=("primary1", "primary2"), vaccine="COV_SINOVAC"))
    place = facility("pkm-genuk")
    doctor = nurse(at=place)
    services.record_dose(
        client_uuid=uuid.uuid4(), citizen_id=appointment.citizen_id, facility_id=place.pk, programme_code="covid19",
        dose_code="primary1", lot_id=stocked(at=place, vaccine="COV_SINOVAC").pk, performer=doctor, recorder=doctor,
    )  # fmt: skip
    appointment.refresh_from_db()
    assert (appointment.status, appointment.dose_code) == ("booked", "primary2")
    assert broken() == []


def test_a_dose_typed_without_the_ticket_of_that_place_and_day_uses_it_up():
    appointment = booked_today()
    give_elsewhere(appointment.citizen, at="pkm-poncol")
    appointment.refresh_from_db()
    assert appointment.status == Appointment.Status.FULFILLED
    assert Place.objects.get(appointment=appointment).state == Place.TAKEN and broken() == []


def test_somebody_who_stands_at_a_desk_is_left_to_that_desk():
    appointment = booked_today()
    arrive(appointment.pk)
    give_elsewhere(appointment.citizen)
    appointment.refresh_from_db()
    assert appointment.status == Appointment.Status.ARRIVED


def test_a_dose_from_a_card_cancels_nothing():
    citizen = make_adult()
    give_elsewhere(citizen)
    appointment = booked(make_slot(days=200, dose_codes=("primary2",)), citizen)
    before = appointment.changed_at
    past_doses.record_past_dose(
        client_uuid=uuid.uuid4(), citizen_id=citizen.pk, programme_code="covid19", vaccine_code="COV_AZ",
        dose_code="primary2", occurred_on=timezone.localdate() - timedelta(days=1), origin="card", recorder=nurse(),
    )  # fmt: skip
    appointment.refresh_from_db()
    assert (appointment.status, appointment.changed_at) == ("booked", before)  # the desk weighs a card with the person
