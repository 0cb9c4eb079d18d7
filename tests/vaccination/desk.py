"""A day at the desk: somebody booked for today, a shelf, a vaccinator."""

import uuid
from datetime import time, timedelta

from django.utils import timezone

from programmes.models import Vaccine
from scheduling.models import Appointment, Place, Schedule, Slot
from scheduling.publishing import publish_schedule
from tests.scheduling.world import ensure_stock, make_adult, make_city
from tests.staff import make_staff
from tests.stock.shelf import facility, stocked
from vaccination import flow, past_doses, services


def nurse(role="vaksinator", at=None):
    """A member of staff of the facility."""
    return make_staff(role, facility=at or facility())


def today_schedule(vaccine="COV_AZ", dose_codes=("primary1", "primary2", "booster1", "booster2"), at=None, **options):
    """The schedule of today for this vaccine, open the whole day."""
    make_city()
    known = Schedule.objects.filter(facility=at or facility(), vaccine=vaccine, date=timezone.localdate()).first()
    if known:
        return known
    product = Vaccine.objects.get(code=vaccine)
    ensure_stock(at or facility(), product)
    return publish_schedule(
        facility=at or facility(), vaccine=product, dose_codes=dose_codes,
        day=timezone.localdate(), open_time=time(0), close_time=time(23, 59), slot_minutes=1439,
        **({"places_per_slot": 20, "walk_in_percent": 50} | options),
    )  # fmt: skip


def booked_today(citizen=None, *, schedule=None, dose_code="primary1", pre_screening=None):
    """An appointment of today, as the booking page would have left it."""
    schedule = schedule or today_schedule()
    slot = Slot.objects.filter(schedule=schedule).first()
    place = Place.objects.filter(slot=slot, state=Place.FREE).first()
    appointment = Appointment.objects.create(
        code=uuid.uuid4().hex[:8].upper(), citizen=citizen or make_adult(), programme_id=schedule.programme_id,
        schedule=schedule, slot=slot, dose_code=dose_code, client_uuid=uuid.uuid4(), pre_screening=pre_screening,
    )  # fmt: skip
    Place.objects.filter(pk=place.pk).update(state=Place.TAKEN, appointment=appointment)
    return appointment


def arrived(citizen=None, actor=None, **options):
    """A visit of somebody who booked for today and stands at the desk."""
    appointment = booked_today(citizen, **options)
    return flow.check_in(
        appointment_id=appointment.pk, facility=appointment.schedule.facility, actor=actor or nurse()
    )  # fmt: skip


def healthy(visit):
    """Answers and a reading without any objection."""
    sheet = flow.sheet_for(visit)
    from programmes.screening import questions_for

    answers = {item.key: False for item in questions_for(sheet.form, sheet.subject)}
    return answers, {"temperature_c": "36.5", "systolic": 120, "diastolic": 80}


def screened(visit=None, actor=None, **options):
    """A visit whose screening said: go ahead."""
    visit = visit or arrived(**options)
    answers, reading = healthy(visit)
    result = flow.screen(
        visit_id=visit.pk, client_uuid=uuid.uuid4(), answers=answers, reading=reading, actor=actor or nurse()
    )  # fmt: skip
    assert result.screening is not None, result.proposal
    visit.refresh_from_db()
    return visit


def give(visit=None, lot=None, *, key=None, actor=None, **options):
    """Record the dose of a visit that is ready for it."""
    visit = visit or screened()
    actor = actor or nurse()
    entry = {
        "client_uuid": key or uuid.uuid4(), "citizen_id": visit.citizen_id, "facility_id": visit.facility_id,
        "programme_code": visit.programme_id, "dose_code": visit.dose_code, "lot_id": (lot or stocked()).pk,
        "performer": actor, "recorder": actor, "visit_id": visit.pk, "body_site": "LA",
    } | options  # fmt: skip
    return services.record_dose(**entry)


def past(citizen, dose_code, days_ago, vaccine="COV_AZ", programme="covid19"):
    """A dose on record from a card."""
    return past_doses.record_past_dose(
        client_uuid=uuid.uuid4(), citizen_id=citizen.pk, programme_code=programme, vaccine_code=vaccine,
        dose_code=dose_code, occurred_on=timezone.localdate() - timedelta(days=days_ago), origin="card",
        recorder=nurse(),
    ).immunization  # fmt: skip
