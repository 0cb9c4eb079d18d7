import uuid
from datetime import time, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from scheduling import audits, errors, families, places, sweeps
from scheduling.booking import hold_key
from scheduling.models import Appointment, Place
from scheduling.publishing import at
from scheduling.services import (
    arrive,
    book,
    cancel,
    defer,
    find_by_ticket,
    fulfil,
    hold_place,
    move,
    take_walk_in,
    unfulfil,
)
from scheduling.tickets import new_code, scan_text
from tests.scheduling.world import booked, free_places, make_adult, make_schedule, make_slot

pytestmark = pytest.mark.django_db


def later(**delta):
    """Be at a later moment."""
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=False)


def walk_in(schedule, citizen=None, key=None):
    """Somebody at the gate."""
    return take_walk_in(
        schedule_id=schedule.pk, citizen=citizen or make_adult(), dose_code="primary1", client_uuid=key or uuid.uuid4()
    )


def test_a_hold_keeps_a_place_from_others_for_five_minutes_and_no_longer():
    slot = make_slot(places=1)
    before = timezone.now()
    until = hold_place(slot.pk, uuid.uuid4())

    assert before + timedelta(minutes=5) <= until <= timezone.now() + timedelta(minutes=5)
    with pytest.raises(errors.SlotFull):
        booked(slot)
    with later(minutes=5, seconds=1):  # no sweeper ran
        assert booked(slot).pk


def test_asking_again_does_not_make_a_hold_longer():
    slot, key = make_slot(), uuid.uuid4()
    until = hold_place(slot.pk, key)
    with later(minutes=4):
        assert hold_place(slot.pk, key) == until
    with later(minutes=6):
        assert hold_place(slot.pk, key) > until
    assert Place.objects.filter(held_by=key).count() == 1


def test_choosing_another_session_gives_the_first_hold_back():
    one, other, key = make_slot(), make_slot(days=2), uuid.uuid4()
    hold_place(one.pk, key)
    hold_place(other.pk, key)
    assert (free_places(one), free_places(other)) == (5, 4)


def test_a_person_books_the_place_held_for_them_even_when_it_is_the_last():
    slot, citizen = make_slot(places=1), make_adult()
    hold_place(slot.pk, hold_key(citizen, "covid19"))
    assert booked(slot, citizen, held=True).status == "booked"


def test_a_freed_place_is_bookable_in_the_next_breath():
    slot = make_slot(places=1)
    first = booked(slot)
    cancel(first.pk)
    second = booked(slot)
    move(second.pk, make_slot(days=2).pk)
    assert booked(slot).status == "booked"


def test_the_same_key_returns_the_first_answer_even_after_it_was_cancelled():
    slot, citizen, key = make_slot(), make_adult(), uuid.uuid4()
    first = book(citizen=citizen, slot_id=slot.pk, client_uuid=key)
    cancel(first.pk)
    again = book(citizen=citizen, slot_id=slot.pk, client_uuid=key)
    assert (again.pk, again.status) == (first.pk, "cancelled")
    with pytest.raises(errors.KeyBelongsToAnother):
        book(citizen=make_adult(), slot_id=slot.pk, client_uuid=key)


def test_each_refusal_has_its_own_name():
    now = timezone.now()
    with pytest.raises(errors.NotReleasedYet) as refused:
        booked(make_slot(release_at=now + timedelta(hours=3)))
    assert "dibuka" in refused.value.messages[0]
    with pytest.raises(errors.WalkInOnly):
        booked(make_slot(days=2, walk_in_at=now - timedelta(minutes=1)))
    slot = make_slot(days=3)
    with time_machine.travel(slot.ends_at, tick=False), pytest.raises(errors.SlotOver):
        booked(slot)
    citizen = make_adult()
    first = booked(slot, citizen)
    with pytest.raises(errors.AlreadyBooked) as double:
        booked(slot, citizen)
    assert double.value.appointment == first
    with pytest.raises(errors.NotEligible) as unsure:
        booked(make_slot(vaccine="COV_PFIZER"))
    assert unsure.value.option.manual_review


def test_unclaimed_places_fall_to_the_gate_at_the_hour_in_one_statement(django_assert_num_queries):
    schedule = make_schedule(days=0, open_time=time(0), close_time=time(23, 59), slot_minutes=720,
                             places_per_slot=5, walk_in_at=at(timezone.localdate(), time(14)))  # fmt: skip
    with time_machine.travel(at(schedule.date, time(13, 59)), tick=False):
        evening = schedule.slots.last()
        booked(evening)
        hold_place(evening.pk, uuid.uuid4())
        assert places.fall_to_walk_in() == 0
    with time_machine.travel(at(schedule.date, time(14)), tick=False):
        with pytest.raises(errors.WalkInOnly):  # the clock decides, not the sweeper
            booked(evening)
        with django_assert_num_queries(1):
            assert places.fall_to_walk_in() == 6  # 8 online, one taken, one held
    pools = Place.objects.filter(slot__schedule=schedule, pool="walk_in").values_list("state", flat=True)
    assert list(pools) == ["free"] * 8


def test_who_holds_a_place_as_the_hour_comes_may_finish_the_form():
    hour = timezone.now() + timedelta(minutes=2)
    slot, family = make_slot(places=4, walk_in_at=hour), [make_adult(), make_adult()]
    person, slow = make_adult(), make_adult()
    hold_place(slot.pk, hold_key(person, "covid19"))
    hold_place(slot.pk, hold_key(slow, "covid19"))
    families.hold_family(slot_id=slot.pk, keys=[hold_key(one, "covid19") for one in family])

    with time_machine.travel(hour + timedelta(minutes=1), tick=False):
        places.fall_to_walk_in()
        with pytest.raises(errors.SlotFull):  # the gate waits for them
            take_walk_in(
                schedule_id=slot.schedule_id, citizen=make_adult(), dose_code="primary1", client_uuid=uuid.uuid4()
            )  # fmt: skip
        with pytest.raises(errors.WalkInOnly):
            booked(slot, held=True)  # who holds nothing
        assert booked(slot, person, held=True).status == "booked"
        made = families.book_family(citizens=family, slot_id=slot.pk, client_uuid=uuid.uuid4(), held=True)
        assert len(made) == 2
    with time_machine.travel(hour + timedelta(minutes=4), tick=False), pytest.raises(errors.WalkInOnly):
        booked(slot, slow, held=True)


def test_the_gate_serves_its_share_first_and_the_rest_only_after_the_hour():
    schedule = make_schedule(days=0, open_time=time(0), close_time=time(23, 59), slot_minutes=1440,
                             places_per_slot=5, walk_in_at=at(timezone.localdate(), time(14)))  # fmt: skip
    with time_machine.travel(at(schedule.date, time(9)), tick=False):
        first = walk_in(schedule)
        assert (first.status, first.booked_via, first.place.pool) == ("arrived", "walk_in", "walk_in")
        with pytest.raises(errors.SlotFull):
            walk_in(schedule)
    with time_machine.travel(at(schedule.date, time(14)), tick=False):
        assert walk_in(schedule).status == "arrived"  # although no sweeper has moved anything


def test_the_same_walk_in_form_sent_twice_is_one_place():
    schedule, citizen, key = (
        make_schedule(days=0, open_time=time(0), close_time=time(23, 59)),
        make_adult(),
        uuid.uuid4(),
    )
    assert walk_in(schedule, citizen, key) == walk_in(schedule, citizen, key)
    with pytest.raises(errors.AlreadyBooked):
        walk_in(schedule, citizen)
    assert Place.objects.filter(state="taken").count() == 1


def test_who_did_not_come_is_marked_after_the_day_and_may_book_again():
    slot, citizen = make_slot(), make_adult()
    missed, came = booked(slot, citizen), booked(slot)
    arrive(came.pk)
    with time_machine.travel(at(slot.schedule.date, time(23, 59)), tick=False):
        sweeps.tidy()
        missed.refresh_from_db()
        assert missed.status == "booked"
    with time_machine.travel(at(slot.schedule.date, time(23, 59)) + timedelta(minutes=2), tick=False):
        sweeps.tidy()
        missed.refresh_from_db(), came.refresh_from_db()
        assert (missed.status, came.status) == ("noshow", "deferred")
        assert booked(make_slot(days=1), citizen).status == "booked"
    assert audits.taken_without_appointment() == audits.active_without_place() == 0


def test_the_desk_takes_an_appointment_from_arrival_to_dose_and_back():
    appointment = booked(make_slot())
    assert arrive(appointment.pk).status == arrive(appointment.pk).status == "arrived"
    assert fulfil(appointment.pk).status == fulfil(appointment.pk).status == "fulfilled"
    assert Place.objects.get(appointment=appointment).state == "taken"  # used, not free again
    with pytest.raises(errors.NotChangeable):
        cancel(appointment.pk)
    assert unfulfil(appointment.pk).status == "arrived"
    assert audits.active_without_place() == audits.taken_without_appointment() == 0


def test_a_deferred_person_gives_the_place_to_the_gate():
    appointment = booked(make_slot())
    arrive(appointment.pk)
    assert defer(appointment.pk, "demam").status == defer(appointment.pk).status == "deferred"
    assert Place.objects.filter(pool="walk_in", state="free").count() == 1
    with pytest.raises(errors.NotChangeable):
        arrive(appointment.pk)
    assert fulfil(appointment.pk).status == "fulfilled"  # a dose in the arm is a fact, however late it is typed


def test_a_late_dose_after_the_day_ended_is_still_recorded():
    slot = make_slot()
    appointment = booked(slot)
    with time_machine.travel(slot.ends_at + timedelta(days=2), tick=False):
        sweeps.tidy()
        assert fulfil(appointment.pk).status == "fulfilled"
    assert audits.active_without_place() == audits.taken_without_appointment() == 0


@pytest.mark.parametrize("typed", ["{code}", " {lower} ", "{front}-{back}", "{front} {back}", "{qr}", "{id}", "{hex}"])
def test_a_ticket_is_found_however_it_is_typed_or_scanned(typed):
    appointment = booked(make_slot())
    code = appointment.code
    text = typed.format(
        code=code, lower=code.lower(), front=code[:4], back=code[4:], id=appointment.public_id,
        hex=appointment.public_id.hex, qr=scan_text(code, appointment.public_id),
    )  # fmt: skip
    assert find_by_ticket(text) == appointment


@pytest.mark.parametrize("typed", ["", "x", "\x00", "SMG1:AAAAAAAA:123", "OOOOIIII", "9" * 500, "'; --"])
def test_what_is_no_ticket_finds_nobody(typed):
    assert find_by_ticket(typed) is None


def test_codes_hold_no_sign_that_can_be_misread():
    assert not set("".join(new_code() for _ in range(200))) & set("01ILO")


def test_merged_people_keep_one_active_appointment():
    from scheduling.booking import move_appointments

    kept, merged = make_adult(), make_adult()
    mine, theirs = booked(make_slot(), kept), booked(make_slot(days=2), merged)
    done = booked(make_slot(days=3), make_adult())

    move_appointments(kept, merged)

    theirs.refresh_from_db(), mine.refresh_from_db(), done.refresh_from_db()
    assert (mine.status, theirs.status, theirs.cancelled_because) == ("booked", "cancelled", "gabung")
    assert theirs.citizen == kept and done.citizen != kept
    assert Appointment.objects.filter(citizen=merged).count() == 0


def waits_for_the_disk():
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return cursor.fetchone() == ("on",)


@pytest.mark.django_db(transaction=True)
def test_a_hold_alone_is_told_before_it_is_on_the_disk():
    slot, citizen = make_slot(), make_adult()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")  # as in service; the server of the tests never waits
    with transaction.atomic():
        hold_place(slot.pk, hold_key(citizen, "covid19"))
        assert not waits_for_the_disk()
    hold_place(slot.pk, hold_key(citizen, "covid19"))
    assert waits_for_the_disk()
    with transaction.atomic():
        booked(slot, citizen, held=True)
        assert waits_for_the_disk()
    connection.close()
