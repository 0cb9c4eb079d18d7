import threading
import uuid
from collections import Counter
from datetime import time, timedelta

import pytest
import time_machine
from django.db import connection, transaction

from core.models import OutboxMessage
from scheduling import audits, errors, sweeps
from scheduling.models import Appointment, Place
from scheduling.publishing import at, shrink_schedule
from scheduling.services import book, cancel, close_schedule, hold_place, move
from tests.scheduling.world import at_once, booked, free_places, make_adult, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


def assert_sound():
    """I1 to I3 hold."""
    checks = (
        audits.active_without_place, audits.taken_without_appointment, audits.place_elsewhere, audits.double_active,
        audits.double_keys, audits.double_codes,
    )  # fmt: skip
    assert {check.__name__: check() for check in checks} == {check.__name__: 0 for check in checks}


def test_five_hundred_attempts_on_twenty_places_give_exactly_twenty():
    slot = make_slot(places=20)
    people = [make_adult() for _ in range(500)]

    results = at_once(
        lambda citizen: book(citizen=citizen, slot_id=slot.pk, client_uuid=uuid.uuid4()), people, threads=24
    )

    assert Counter(type(result).__name__ for result in results) == {"Appointment": 20, "SlotFull": 480}
    assert Appointment.objects.filter(status="booked").count() == 20
    assert Place.objects.filter(slot=slot, state="taken").count() == 20
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 20
    assert_sound()


def test_one_person_in_sixteen_tabs_gets_one_appointment():
    slots = [make_slot(days=day) for day in range(1, 5)]
    citizen = make_adult()

    results = at_once(lambda slot: book(citizen=citizen, slot_id=slot.pk, client_uuid=uuid.uuid4()), slots * 4)

    assert Counter(type(result).__name__ for result in results) == {"Appointment": 1, "AlreadyBooked": 15}
    winner = next(result for result in results if isinstance(result, Appointment))
    assert {result.appointment.pk for result in results if isinstance(result, errors.AlreadyBooked)} == {winner.pk}
    assert Place.objects.filter(state="taken").count() == 1
    assert_sound()


def test_one_form_sent_sixteen_times_gives_the_first_answer_to_all():
    slot = make_slot(places=20)
    citizen, key = make_adult(), uuid.uuid4()

    results = at_once(lambda _: book(citizen=citizen, slot_id=slot.pk, client_uuid=key), range(16))

    assert {result.public_id for result in results} == {Appointment.objects.get().public_id}
    assert Place.objects.filter(state="taken").count() == 1
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 1
    assert_sound()


def test_a_place_locked_by_a_booking_that_fails_is_not_reported_as_full(monkeypatch):
    slot, citizen = make_slot(places=1), make_adult()
    locked, let_go = threading.Event(), threading.Event()

    def lock_and_fail():
        with transaction.atomic():
            Place.objects.select_for_update().get(slot=slot)
            locked.set()
            let_go.wait(120)
            transaction.set_rollback(True)
        connection.close()

    other = threading.Thread(target=lock_and_fail)
    other.start()
    locked.wait(120)

    def pause(_seconds):
        let_go.set()
        other.join()

    monkeypatch.setattr("scheduling.booking.time.sleep", pause)
    try:
        assert book(citizen=citizen, slot_id=slot.pk, client_uuid=uuid.uuid4()).status == "booked"
    finally:
        pause(0)
    assert_sound()


def test_holds_never_exceed_the_places():
    slot = make_slot(places=5)

    results = at_once(lambda _: hold_place(slot.pk, uuid.uuid4()), range(40))

    assert Counter(type(result).__name__ for result in results) == {"datetime": 5, "SlotFull": 35}
    assert Place.objects.filter(slot=slot, state="held").count() == 5


def test_moving_and_cancelling_at_once_leaves_one_truth():
    first, second = make_slot(days=1, places=8), make_slot(days=2, places=8)
    appointments = [booked(first) for _ in range(8)]

    def act(number):
        appointment = appointments[number % 8]
        return move(appointment.pk, second.pk) if number < 16 else cancel(appointment.pk)

    at_once(act, range(32))

    assert Appointment.objects.filter(status="cancelled").count() == 8
    assert free_places(first) == free_places(second) == 8
    assert_sound()


def test_nobody_books_into_a_schedule_that_is_being_closed():
    slot = make_slot(places=30)
    people = [make_adult() for _ in range(40)]

    def act(number):
        if number == 12:
            return close_schedule(slot.schedule_id, "listrik padam")
        return book(citizen=people[number], slot_id=slot.pk, client_uuid=uuid.uuid4())

    results = at_once(act, range(40))

    made = sum(isinstance(result, Appointment) for result in results)
    others = {type(result).__name__ for result in results} - {"Appointment", "Schedule"}
    assert others <= {"ScheduleClosed", "SlotFull"}  # full is said by who looked while the closing was under way
    slot.schedule.refresh_from_db()
    assert slot.schedule.close_total == made == Appointment.objects.filter(status="booked").count()
    assert not Place.objects.filter(slot=slot, pool="online").exclude(state="taken").exists()
    assert_sound()


@pytest.mark.parametrize("leave", ["move", "cancel"])
def test_who_leaves_while_the_day_is_made_smaller_leaves_no_place_behind(leave):
    slot, other = make_slot(places=3), make_slot(places=3, days=2)
    people = [booked(slot) for _ in range(3)]
    left, go = threading.Event(), threading.Event()

    def act(who):
        if who == "office":
            left.wait(120)
            threading.Timer(0.3, go.set).start()
            return shrink_schedule(slot.schedule_id, {slot.pk: 2}, "tenaga kurang")
        with transaction.atomic():
            move(people[2].pk, other.pk) if leave == "move" else cancel(people[2].pk)
            left.set()
            return go.wait(120)

    gone, _ = at_once(act, ["office", "person"], threads=2)

    assert gone == 0  # two were left by then, and two may stay
    assert Place.objects.filter(slot=slot).exclude(pool="closed").count() == 2
    assert Place.objects.filter(slot=slot, state="taken").count() == 2
    assert_sound()


def test_who_was_locked_as_the_day_ended_may_book_again_within_the_hour():
    appointment = booked(make_slot())
    midnight = at(appointment.schedule.date + timedelta(days=1), time(0))
    locked, swept = threading.Event(), threading.Event()

    def hold_on():
        with transaction.atomic():
            Appointment.objects.select_for_update().get(pk=appointment.pk)
            locked.set()
            swept.wait(120)
        connection.close()

    desk = threading.Thread(target=hold_on)
    desk.start()
    locked.wait(120)
    with time_machine.travel(midnight - timedelta(seconds=5), tick=False):
        sweeps.tidy()  # the day is not over
    with time_machine.travel(midnight + timedelta(seconds=5), tick=False):
        sweeps.tidy()
    swept.set()
    desk.join()
    assert Appointment.objects.get().status == "booked"
    with time_machine.travel(midnight + timedelta(hours=1), tick=False):
        sweeps.tidy()
    assert Appointment.objects.get().status == "noshow"
    assert_sound()
