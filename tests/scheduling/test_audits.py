"""Each check of I1 to I3, broken on purpose: the constraint that prevents it is taken away inside the test."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core import audit
from scheduling.models import Appointment, Place
from tests.scheduling.world import booked, make_adult, make_slot

pytestmark = pytest.mark.django_db


def violations():
    """Title → count, of the checks that complain."""
    return {check.title: count for check, count in audit.run() if check.id in ("I1", "I2", "I3") and count}


def sql(statement, *values):
    """Behind the back of every service."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(statement, values)


def drop_constraint(name, table):
    """Take a guard away until the test's transaction is rolled back."""
    sql(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    sql(f"DROP INDEX IF EXISTS {name}")


@pytest.fixture
def appointment():
    made = booked(make_slot())
    assert violations() == {}
    return made


def test_i1_an_appointment_that_lost_its_place_is_found(appointment):
    Place.objects.filter(appointment=appointment).update(state="free", appointment=None)
    assert violations() == {"setiap janji aktif punya tepat satu tempat": 1}


def test_i1_a_place_kept_for_a_cancelled_person_is_found(appointment):
    Appointment.objects.filter(pk=appointment.pk).update(status="cancelled")
    assert violations() == {"setiap tempat terpakai punya tepat satu janji yang berlaku": 1}


def test_i1_a_taken_place_of_nobody_is_found(appointment):
    with pytest.raises(IntegrityError), transaction.atomic():
        Place.objects.filter(appointment=appointment).update(appointment=None)
    drop_constraint("place_state_tells_the_truth", "scheduling_place")
    Place.objects.filter(state="free").first().delete()
    Place.objects.filter(pk=Place.objects.filter(state="free").first().pk).update(state="taken")
    assert violations() == {"setiap tempat terpakai punya tepat satu janji yang berlaku": 1}


def test_i1_one_appointment_on_two_places_is_found(appointment):
    other = Place.objects.filter(state="free").first()
    with pytest.raises(IntegrityError), transaction.atomic():
        Place.objects.filter(pk=other.pk).update(state="taken", appointment=appointment)
    drop_constraint("scheduling_place_appointment_id_key", "scheduling_place")
    Place.objects.filter(pk=other.pk).update(state="taken", appointment=appointment)
    assert set(violations()) == {
        "setiap janji aktif punya tepat satu tempat",
        "setiap tempat terpakai punya tepat satu janji yang berlaku",
    }


def test_i1_a_ticket_that_names_another_session_is_found(appointment):
    Appointment.objects.filter(pk=appointment.pk).update(slot=make_slot(days=2))
    assert violations() == {"tempat dan janji menunjuk sesi yang sama": 2}


def test_i1_a_hold_that_stayed_is_found():
    slot = make_slot()
    place = Place.objects.filter(slot=slot).first()
    long_ago = timezone.now() - timedelta(minutes=2)
    Place.objects.filter(pk=place.pk).update(state="held", held_until=long_ago, held_by=uuid.uuid4())
    assert violations() == {"penahanan yang habis tidak tertinggal": 1}


def test_i2_two_active_appointments_of_one_person_are_found(appointment):
    other = booked(make_slot(days=2), make_adult())
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.filter(pk=other.pk).update(citizen=appointment.citizen)
    drop_constraint("appointment_one_active_per_programme", "scheduling_appointment")
    Appointment.objects.filter(pk=other.pk).update(citizen=appointment.citizen)
    assert violations() == {"satu janji aktif per warga dan program": 1}


def test_i3_one_key_that_made_two_appointments_is_found(appointment):
    other = booked(make_slot(days=2), make_adult())
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.filter(pk=other.pk).update(client_uuid=appointment.client_uuid)
    drop_constraint("scheduling_appointment_client_uuid_key", "scheduling_appointment")
    Appointment.objects.filter(pk=other.pk).update(client_uuid=appointment.client_uuid)
    assert violations() == {"satu kunci permintaan, satu janji": 1}


def test_i3_a_code_that_stands_for_two_is_found(appointment):
    other = booked(make_slot(days=2), make_adult())
    drop_constraint("scheduling_appointment_code_key", "scheduling_appointment")
    Appointment.objects.filter(pk=other.pk).update(code=appointment.code)
    assert violations() == {"setiap janji menyimpan kunci permintaannya dan kode tiketnya sendiri": 1}
