"""Stock goes and comes while people book, move and cancel: never a place that can be booked without a dose."""

import threading
import time
import uuid
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from scheduling import audits, capacity, errors
from scheduling.models import Appointment, Place, StockFit
from scheduling.services import book, cancel, close_schedule, hold_place, move
from stock import services
from tests.scheduling.world import at_once, booked, make_adult, make_slot
from tests.stock.shelf import facility, keeper, on_hand, stocked

pytestmark = pytest.mark.django_db(transaction=True)


def assert_sound():
    """I1 and I2, and the stock."""
    checks = (
        audits.active_without_place, audits.taken_without_appointment, audits.place_elsewhere, audits.double_active,
        capacity.bookable_beyond_stock,
    )  # fmt: skip
    assert {check.__name__: check() for check in checks} == {check.__name__: 0 for check in checks}


def names(results):
    """What came out, by kind."""
    return Counter(type(result).__name__ for result in results)


class Watch:
    """Looks at the committed state all the time from a connection of its own, as somebody who books would see it."""

    def __init__(self):
        self.over, self.looks, self.stop = [], 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def look(self):
        """One statement, one snapshot: places that can be booked, people with a place, doses on hand.

        A place that somebody has locked cannot be booked by anybody else, so it is passed over as a booking would.
        """
        with connection.cursor() as cursor:
            while not self.stop.is_set():
                cursor.execute("""
                    SELECT (SELECT count(*) FROM (
                               SELECT FROM scheduling_place WHERE state <> 'taken'
                               AND pool NOT IN ('unstocked', 'closed') FOR KEY SHARE SKIP LOCKED) AS places),
                           (SELECT count(*) FROM scheduling_place WHERE state = 'taken'),
                           (SELECT sum(doses_on_hand) FROM stock_stockbalance)""")
                bookable, taken, doses = cursor.fetchone()
                self.looks += 1
                time.sleep(0.003)
                if bookable and bookable + taken > doses:
                    self.over.append((bookable, taken, doses))
        connection.close()


def test_fifty_people_book_while_the_stock_is_thrown_away():
    slots = [make_slot(places=30, days=day, stocked=False) for day in (1, 2)]
    # A lot for each: not the lock of one balance makes them take turns, but that of the reckoning.
    lots, actor, here = [stocked(6) for _ in range(10)], keeper(), facility()
    people = [make_adult() for _ in range(50)]

    def act(number):
        if number % 6 == 5:
            lot = lots[number // 6]
            return services.waste(facility_id=here.pk, lot_id=lot.pk, doses=5, reason="Pecah", actor=actor)
        return book(citizen=people[number % 50], slot_id=slots[number % 2].pk, client_uuid=uuid.uuid4())

    with Watch() as watch:
        results = at_once(act, range(60), threads=30)

    assert set(names(results)) <= {"Appointment", "SlotFull", "StockMovement", "AlreadyBooked"}
    assert names(results)["StockMovement"] == 10 and sum(on_hand(lot) for lot in lots) == 10
    assert watch.looks > 10 and watch.over == []
    taken = Place.objects.filter(state="taken").count()
    assert StockFit.objects.get().short == max(0, taken - 10)
    assert Place.objects.exclude(state="taken").exclude(pool="unstocked").count() == max(0, 10 - taken)
    assert_sound()


def test_stock_comes_and_goes_while_people_hold_move_and_cancel():
    slots = [make_slot(places=12, days=day, stocked=False) for day in (1, 2)]
    lot, actor, here = stocked(24), keeper(), facility()
    appointments = [booked(slots[0]) for _ in range(10)]

    def act(number):
        match number % 6:
            case 0:
                return services.waste(facility_id=here.pk, lot_id=lot.pk, doses=2, reason="Pecah", actor=actor)
            case 1:
                return hold_place(slots[number % 2].pk, uuid.uuid4())
            case 2:
                return move(appointments[number % 10].pk, slots[1].pk)
            case 3:
                return cancel(appointments[number % 10].pk)
            case 4:
                return stocked(1, at=here, actor=actor)
            case _:
                return capacity.fit(here.pk, "COV_AZ")

    with Watch() as watch:
        results = at_once(act, range(60), threads=20)

    unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, errors.BookingError)]
    assert unexpected == []
    assert watch.over == []
    capacity.fit(here.pk, "COV_AZ")
    assert_sound()


def test_a_schedule_is_published_and_another_closed_while_stock_goes():
    lot, actor, here = stocked(40), keeper(), facility()
    first = make_slot(places=20, days=1, stocked=False)
    people = [make_adult() for _ in range(20)]

    def act(number):
        if number == 3:
            return make_slot(places=20, days=2, stocked=False)
        if number == 9:
            return close_schedule(first.schedule_id, "listrik padam")
        if number % 3 == 0:
            return services.waste(facility_id=here.pk, lot_id=lot.pk, doses=3, reason="Pecah", actor=actor)
        return book(citizen=people[number % 20], slot_id=first.pk, client_uuid=uuid.uuid4())

    with Watch() as watch:
        results = at_once(act, range(24), threads=24)

    unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, errors.BookingError)]
    assert unexpected == [] and watch.over == []
    assert_sound()


def test_crossing_transfers_and_desk_doses_wait_for_nobody_in_a_circle():
    from tests.vaccination import desk

    here, there = facility(), facility("pkm-genuk")
    lot, actor, other = stocked(40), keeper(), keeper(there)
    stocked(40, at=there, lot_number=lot.lot_number, actor=other)
    for place in ("pkm-poncol", "pkm-genuk"):
        make_slot(places=30, days=2, facility=place, stocked=False)
    today = desk.today_schedule(places_per_slot=20)
    visits = [desk.screened(schedule=today) for _ in range(6)]

    def act(number):
        if number < 6:
            return desk.give(visits[number], lot, actor=actor)
        source, target, who = (here, there, actor) if number % 2 else (there, here, other)
        return services.send(
            from_facility_id=source.pk, to_facility_id=target.pk, lot_id=lot.pk, doses=1, actor=who
        )  # fmt: skip

    results = at_once(act, range(26), threads=26)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert Appointment.objects.filter(status="fulfilled").count() == 6
    assert on_hand(lot) == 40 - 6 - 10 and on_hand(lot, there) == 30
    assert timezone.localdate() and capacity.bookable_beyond_stock() == 0
