"""Families at the opening hour: whole or not at all, whoever else is booking."""

import uuid
from collections import Counter
from datetime import time

import pytest

from core.models import OutboxMessage
from scheduling import errors
from scheduling.families import book_family, hold_family
from scheduling.models import Appointment, Place
from scheduling.services import book, hold_key
from tests.concurrency.test_booking_races import assert_sound
from tests.scheduling.world import at_once, make_adult, make_schedule, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


def make_families(number, size=3):
    return [[make_adult() for _ in range(size)] for _ in range(number)]


def book_all(slot_id):
    return lambda family: book_family(citizens=family, slot_id=slot_id, client_uuid=uuid.uuid4())


def sizes(families):
    """How many members of each family have an appointment."""
    has_one = set(Appointment.objects.filter(status="booked").values_list("citizen_id", flat=True))
    return Counter(sum(member.pk in has_one for member in family) for family in families)


def test_forty_families_of_three_on_sixty_places_are_exactly_twenty_whole_families():
    slot, families = make_slot(places=60), make_families(40)

    results = at_once(book_all(slot.pk), families, threads=24)

    assert Counter(type(result).__name__ for result in results) == {"list": 20, "SlotFull": 20}
    assert sizes(families) == {3: 20, 0: 20}
    assert Place.objects.filter(slot=slot, state="taken").count() == 60
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 60
    assert_sound()


def test_the_last_three_places_are_not_lost_between_families_that_each_see_some_of_them():
    slot, families = make_slot(places=3), make_families(16)

    results = at_once(book_all(slot.pk), families)

    assert Counter(type(result).__name__ for result in results) == {"list": 1, "SlotFull": 15}
    assert sizes(families) == {3: 1, 0: 15}
    assert_sound()


def test_families_and_single_people_share_a_day_without_a_deadlock_or_an_empty_place():
    schedule = make_schedule(open_time=time(8), close_time=time(10), places_per_slot=15, walk_in_percent=0)
    slots = list(schedule.slots.all())
    families, people = make_families(15), [make_adult() for _ in range(60)]
    jobs = [job for pair in zip(families * 4, people, strict=True) for job in pair]

    def act(job):
        if isinstance(job, list):
            return book_family(citizens=job, slot_id=slots[job[0].pk % 4].pk, client_uuid=uuid.uuid4())
        return book(citizen=job, slot_id=slots[job.pk % 4].pk, client_uuid=uuid.uuid4())

    results = at_once(act, jobs, threads=20)

    kinds = {type(result).__name__ for result in results}
    assert kinds <= {"list", "Appointment", "SlotFull", "TooFewTogether", "AlreadyBooked"}, kinds
    assert set(sizes(families)) <= {0, 3}
    taken = Place.objects.filter(state="taken").count()
    assert taken == Appointment.objects.filter(status="booked").count()
    assert 58 <= taken <= 60  # two left at most: fewer than any family needs, and every single person tried once
    assert_sound()


def test_one_family_in_sixteen_tabs_gets_each_member_one_appointment():
    schedule = make_schedule(open_time=time(8), close_time=time(10), places_per_slot=20, walk_in_percent=0)
    slots, family = list(schedule.slots.all()), make_families(1)[0]

    results = at_once(
        lambda number: book_family(
            citizens=family if number % 2 else family[::-1], slot_id=slots[number % 4].pk, client_uuid=uuid.uuid4()
        ),
        range(16),
    )

    assert Counter(type(result).__name__ for result in results) == {"list": 1, "AlreadyBooked": 15}
    assert Place.objects.filter(state="taken").count() == 3
    assert_sound()


def test_one_form_sent_sixteen_times_gives_the_first_answer_to_all():
    slot, family, key = make_slot(places=60), make_families(1)[0], uuid.uuid4()

    results = at_once(lambda _: book_family(citizens=family, slot_id=slot.pk, client_uuid=key), range(16))

    assert {tuple(one.pk for one in result) for result in results} == {tuple(one.pk for one in results[0])}
    assert Place.objects.filter(slot=slot, state="taken").count() == 3
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 3
    assert_sound()


def test_a_member_booking_alone_in_another_tab_ends_without_a_deadlock():
    slot, families = make_slot(places=60), make_families(10)
    for family in families:
        hold_family(slot_id=slot.pk, keys=[hold_key(member, "covid19") for member in family])
    jobs = [job for family in families for job in (family, family[0], family[-1])]

    def act(job):
        if isinstance(job, list):
            return book_family(citizens=job, slot_id=slot.pk, client_uuid=uuid.uuid4())
        return book(citizen=job, slot_id=slot.pk, client_uuid=uuid.uuid4())

    results = at_once(act, jobs, threads=24)

    assert {type(result).__name__ for result in results} <= {"list", "Appointment", "AlreadyBooked"}
    assert set(sizes(families)) <= {1, 2, 3}
    assert_sound()


def test_holding_twice_at_once_holds_one_place_each():
    slot, family = make_slot(places=60), make_families(1)[0]
    keys = [hold_key(member, "covid19") for member in family]

    results = at_once(lambda _: hold_family(slot_id=slot.pk, keys=keys), range(16))

    assert not [result for result in results if isinstance(result, Exception)]
    assert Place.objects.filter(slot=slot, state="held").count() == 3


def test_holds_of_families_never_exceed_the_places():
    slot = make_slot(places=20)

    results = at_once(lambda _: hold_family(slot_id=slot.pk, keys=[uuid.uuid4() for _ in range(3)]), range(20))

    assert Counter(type(result).__name__ for result in results) == {"Held": 6, "TooFewTogether": 14}
    assert Place.objects.filter(slot=slot, state="held").count() == 18
    assert all(result.left == 2 for result in results if isinstance(result, errors.TooFewTogether))
