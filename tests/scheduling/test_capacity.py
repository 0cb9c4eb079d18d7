"""Places that can be booked never exceed what is on the shelf or announced, per facility and vaccine."""

import random
import uuid
from datetime import date, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from core import audit
from programmes.models import Vaccine
from scheduling import capacity, errors, places, sweeps
from scheduling.capacity import Demand, reckon
from scheduling.models import Place, StockFit
from scheduling.publishing import at, close_schedule, reopen_schedule
from scheduling.services import arrive, book, cancel, defer, hold_place, move
from stock import announcements, services
from stock.announcements import Supply
from tests.scheduling.world import booked, free_places, make_adult, make_schedule, make_slot
from tests.stock.shelf import expire, facility, keeper, on_hand, stocked

pytestmark = pytest.mark.django_db


def short_slot(places=10, **options):
    """One session that has only the stock a test puts on the shelf."""
    return make_slot(places=places, stocked=False, **options)


def pools(**which):
    """Pool → places, of free places."""
    rows = Place.objects.filter(state="free", **which).values_list("pool", flat=True)
    return {pool: list(rows).count(pool) for pool in set(rows)}


def beyond():
    """What the audit says."""
    checks = {check.title: count for check, count in audit.run() if check.id == "I1"}
    return checks["tempat yang dapat dipesan tidak melebihi stok"]


def announced(doses, days, **options):
    """A delivery that is to come in `days`."""
    return announcements.announce(
        facility=facility(), vaccine_code="COV_AZ", doses=doses, actor=keeper(),
        expected_on=timezone.localdate() + timedelta(days=days), **options,
    )  # fmt: skip


# --- the reckoning ---------------------------------------------------------------------------------------------------

DAY = date(2030, 1, 1)


def day(number):
    """Days counted from the first."""
    return DAY + timedelta(days=number)


def test_people_who_have_a_place_come_before_open_places_of_earlier_days():
    demand = [Demand(1, day(0), 0, 10, 10), Demand(2, day(5), 8, 2, 2)]
    found = reckon(demand, [Supply(10, DAY, day(90))], DAY)
    assert (found.allowed, found.short) == ({1: 2, 2: 0}, 0)


def test_a_lot_counts_up_to_its_last_day_and_a_delivery_from_its_first():
    demand = [Demand(n, day(n), 0, 10, 10) for n in range(4)]
    found = reckon(demand, [Supply(15, DAY, day(1)), Supply(7, day(3), day(90))], DAY)
    assert found.allowed == {0: 10, 1: 5, 2: 0, 3: 7}


def test_what_is_to_spare_is_what_can_be_used_on_every_day():
    demand = [Demand(1, day(3), 1, 4, 4)]
    found = reckon(demand, [Supply(9, DAY, day(90)), Supply(50, DAY, day(2))], DAY)
    assert (found.allowed, found.slack) == ({1: 4}, 4)


def most(firm, extra, supplies):
    """The same question by augmenting paths, place by place: whether all of `firm` and `extra` get a dose each."""
    doses = [supply for supply in supplies for _ in range(supply.doses)]
    owner: dict[int, int] = {}
    days = [*firm, *extra]

    def seat(place, seen):
        for number, dose in enumerate(doses):
            if number not in seen and dose.first <= days[place] <= dose.last:
                seen.add(number)
                if number not in owner or seat(owner[number], seen):
                    owner[number] = place
                    return True
        return False

    return sum(seat(place, set()) for place in range(len(days)))


@pytest.mark.parametrize("seed", range(60))
def test_the_reckoning_agrees_with_a_search_place_by_place(seed):
    dice = random.Random(seed)
    demand = [Demand(n, day(n), dice.randint(0, 3), dice.randint(0, 3), 0) for n in range(4)]
    supplies = []
    for _ in range(dice.randint(0, 4)):
        first = dice.randint(0, 4)
        supplies.append(Supply(dice.randint(1, 5), day(first), day(dice.randint(first, 5))))

    found = reckon(demand, supplies, DAY)

    firm = [row.day for row in demand for _ in range(row.firm)]
    served = most(firm, [], supplies)
    assert found.short == len(firm) - served
    accepted = []
    for row in demand:
        for _ in range(row.open):
            if most(firm, [*accepted, row.day], supplies) == served + len(accepted) + 1:
                accepted.append(row.day)
    assert found.allowed == {row.schedule_id: accepted.count(row.day) for row in demand}


# --- what moves the bound --------------------------------------------------------------------------------------------


def test_without_stock_nothing_can_be_booked_and_a_delivery_opens_it_in_the_same_transaction():
    slot = short_slot(10, walk_in_percent=20)
    assert pools() == {"unstocked": 10} and beyond() == 0
    with pytest.raises(errors.SlotFull):
        booked(slot)

    stocked(7)

    assert pools() == {"online": 7, "unstocked": 3}  # earliest first; the last numbers are the walk-in share
    stocked(3)
    assert pools() == {"online": 8, "walk_in": 2} and beyond() == 0


def test_the_latest_day_closes_first_and_people_with_a_place_stay():
    first, last = short_slot(5, days=1), short_slot(5, days=3)
    lot = stocked(10)
    kept = [booked(last) for _ in range(3)]

    services.waste(facility_id=facility().pk, lot_id=lot.pk, doses=5, reason="Pecah", actor=keeper())
    assert (free_places(first), free_places(last)) == (2, 0)
    services.waste(facility_id=facility().pk, lot_id=lot.pk, doses=3, reason="Pecah", actor=keeper())

    fit = StockFit.objects.get()
    assert (free_places(first), free_places(last), fit.short, fit.unstocked) == (0, 0, 1, 7)
    for appointment in kept:
        appointment.refresh_from_db()
        assert appointment.status == "booked"
    assert beyond() == 0  # people beyond the stock are a shortage to solve, not a place that can be booked


@pytest.mark.parametrize("act", ["cancel", "move", "defer"])
def test_while_stock_is_short_a_place_that_comes_free_does_not_open(act):
    slot, other = short_slot(5), make_slot(facility="pkm-genuk", days=2)
    lot = stocked(5)
    appointments = [booked(slot) for _ in range(5)]
    services.waste(facility_id=facility().pk, lot_id=lot.pk, doses=3, reason="Pecah", actor=keeper())

    if act == "cancel":
        cancel(appointments[0].pk)
    elif act == "move":
        move(appointments[0].pk, other.pk)
    else:
        defer(arrive(appointments[0].pk).pk)

    assert pools(slot=slot) == {"unstocked": 1} and beyond() == 0
    assert StockFit.objects.get(facility=facility()).short == 2
    cancel(appointments[1].pk), cancel(appointments[2].pk)
    assert pools(slot=slot) == {"unstocked": 3}  # two people, two doses
    cancel(appointments[3].pk)
    assert pools(slot=slot) == {"unstocked": 3, "online": 1} and beyond() == 0


def test_a_hold_without_a_dose_ends_and_one_with_a_dose_stays():
    slot = short_slot(5)
    lot = stocked(5)
    keys = [uuid.uuid4() for _ in range(3)]
    for key in keys:
        hold_place(slot.pk, key)
    services.waste(facility_id=facility().pk, lot_id=lot.pk, doses=3, reason="Pecah", actor=keeper())
    assert Place.objects.filter(state="held").count() == 2 and free_places(slot) == 0 and beyond() == 0


def test_counting_vvm_expiry_and_transfers_move_places_too():
    here, there = facility(), facility("pkm-genuk")
    slot, other = short_slot(10), short_slot(10, facility="pkm-genuk", days=2)
    lot = stocked(10)
    assert (free_places(slot), free_places(other)) == (10, 0)

    services.count(facility_id=here.pk, lot_id=lot.pk, doses=8, actor=keeper(), reason="Dua hilang")
    assert free_places(slot) == 8
    transfer = services.send(from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=5, actor=keeper())
    assert (free_places(slot), free_places(other)) == (3, 5)  # on the way it counts where it is going
    services.receive_transfer(transfer_id=transfer.pk, doses=4, actor=keeper(there), note="Satu pecah")
    assert free_places(other) == 4
    services.set_vvm(facility_id=there.pk, lot_id=lot.pk, stage="C")
    assert free_places(other) == 0
    back = services.send(from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=3, actor=keeper())
    assert (free_places(slot), free_places(other)) == (0, 3)
    services.cancel_transfer(transfer_id=back.pk, actor=keeper(), reason="Salah kirim")
    assert (free_places(slot), free_places(other)) == (3, 0)
    assert beyond() == 0


def test_a_transfer_nobody_signs_for_stops_counting():
    here, there = facility(), facility("pkm-genuk")
    lot, slot = stocked(10), short_slot(5, facility="pkm-genuk", days=9)
    services.send(from_facility_id=here.pk, to_facility_id=there.pk, lot_id=lot.pk, doses=5, actor=keeper())
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=False):
        capacity.sweep()
        assert pools(slot=slot) == {"unstocked": 5}


def test_a_lot_that_expires_before_the_day_does_not_count_for_it():
    soon, late = short_slot(5, days=1), short_slot(5, days=4)
    stocked(20, days=2)
    assert (free_places(soon), free_places(late)) == (5, 0)
    stocked(20, days=4)
    assert free_places(late) == 5


def test_each_vaccine_and_each_facility_has_its_own_stock():
    slots = [short_slot(3, days=2), short_slot(3, vaccine="COV_SINOVAC"), short_slot(3, facility="pkm-genuk")]
    stocked(3)
    assert [free_places(slot) for slot in slots] == [3, 0, 0]


# --- announced deliveries --------------------------------------------------------------------------------------------


def test_an_announced_delivery_opens_the_days_after_it_and_an_overdue_one_closes_them_again():
    today = timezone.localdate()
    slots = {days: short_slot(5, days=days) for days in (2, 3, 4)}
    row = announced(8, 2)
    assert {days: free_places(slot) for days, slot in slots.items()} == {2: 0, 3: 5, 4: 3}
    kept = booked(slots[3])

    with time_machine.travel(at(today + timedelta(days=3), time(0, 1)), tick=False):
        capacity.sweep()  # a day late: nobody knows whether it will come
        assert [free_places(slot) for slot in slots.values()] == [0, 0, 0]
        kept.refresh_from_db()
        assert kept.status == "booked" and StockFit.objects.get().short == 1 and beyond() == 0
        stocked(8)  # it came after all, without anybody naming it
        assert {days: free_places(slots[days]) for days in (3, 4)} == {3: 4, 4: 3}
    row.refresh_from_db()
    assert row.state == "announced"


def test_after_midnight_the_places_of_an_overdue_delivery_close_first(monkeypatch):
    """Hundreds of facilities and vaccines are reckoned anew on a new day; these places promise doses nobody has."""
    today = timezone.localdate()
    waiting = [make_slot(facility=code, days=5) for code in ("pkm-poncol", "pkm-bandarharjo", "pkm-genuk")]
    here = facility("pkm-miroto")
    late = short_slot(5, days=4, facility=here.code)
    announcements.announce(
        facility=here, vaccine_code="COV_AZ", doses=8, actor=keeper(), expected_on=today + timedelta(days=2)
    )
    assert free_places(late) == 5
    order, fit = [], capacity.fit
    monkeypatch.setattr(capacity, "fit", lambda *pair: order.append(pair) or fit(*pair))
    with time_machine.travel(at(today + timedelta(days=3), time(0, 1)), tick=False):
        assert capacity.sweep() == len(waiting) + 1
        assert free_places(late) == 0 and all(free_places(slot) == 5 for slot in waiting)
    assert order[0] == (here.pk, "COV_AZ") != min(order)


def test_receiving_what_was_announced_ends_the_announcement_without_counting_it_twice():
    slot = short_slot(20, days=3)
    row = announced(8, 1)
    services.receive(
        facility_id=facility().pk, vaccine_code="COV_AZ", lot_number="TIBA1", doses=6, actor=keeper(),
        expiration_date=timezone.localdate() + timedelta(days=90), announced_id=row.pk,
    )  # fmt: skip
    row.refresh_from_db()
    assert (row.state, row.doses_arrived, free_places(slot)) == ("arrived", 6, 6)


def test_an_announcement_taken_back_closes_its_places():
    slot = short_slot(5, days=3)
    row = announced(5, 1)
    assert free_places(slot) == 5
    for _ in range(2):
        announcements.cancel(delivery_id=row.pk, actor=keeper(), reason="Ditunda")
    assert free_places(slot) == 0 and beyond() == 0


# --- doses at the desk -----------------------------------------------------------------------------------------------


def test_a_dose_with_a_place_is_net_zero_and_one_without_takes_a_place_away():
    from tests.vaccination import desk

    slot = short_slot(5, days=2)
    visit = desk.screened(schedule=make_schedule(days=0, open_time=time(0), close_time=time(23, 59), slot_minutes=1439,
                                                 stocked=False, places_per_slot=4))  # fmt: skip
    lot = stocked(9)
    assert (free_places(slot), StockFit.objects.get().unstocked) == (5, 0)  # one person, 3 places today, 5 later

    desk.give(visit, lot)
    assert (on_hand(lot), free_places(slot), beyond()) == (8, 5, 0)
    without = desk.services.record_dose(
        client_uuid=uuid.uuid4(), citizen_id=make_adult().pk, facility_id=facility().pk, programme_code="covid19",
        dose_code="primary1", lot_id=lot.pk, performer=desk.nurse(), recorder=desk.nurse(),
    )  # fmt: skip
    assert without.created
    assert (on_hand(lot), free_places(slot), beyond()) == (7, 4, 0)


def test_with_doses_to_spare_a_dose_counts_down_and_reckons_nothing(django_assert_num_queries):
    short_slot(5)
    lot, here = stocked(50), facility().pk
    assert StockFit.objects.get().slack == 45
    services.take_dose(
        facility_id=here, lot_id=lot.pk, at=timezone.now(), actor=keeper(), immunization_uuid=uuid.uuid4()
    )
    with django_assert_num_queries(1):
        capacity.dose_given(None, facility_id=here, lot=lot)
    assert StockFit.objects.get().slack == 44


# --- publishing, closing, the sweeper, the audit ----------------------------------------------------------------------


def test_a_schedule_gets_what_the_earlier_ones_leave():
    stocked(7)
    first, second = short_slot(5, days=2), short_slot(5, days=3)
    assert (free_places(first), free_places(second)) == (5, 2)
    earlier = short_slot(5, days=1)  # published later, but its day comes first
    assert [free_places(slot) for slot in (earlier, first, second)] == [5, 2, 0]


def test_a_closed_schedule_leaves_its_doses_to_others_and_takes_them_back():
    stocked(5)
    first, second = short_slot(5, days=1), short_slot(5, days=2)
    close_schedule(first.schedule_id, "listrik padam")
    assert (free_places(first), free_places(second)) == (0, 5)
    reopen_schedule(first.schedule_id)
    assert (free_places(first), free_places(second)) == (5, 0) and beyond() == 0


def test_the_sweeper_reckons_what_nobody_reckoned():
    slot = make_slot(places=5)
    lot = stocked(1)
    StockFit.objects.all().delete()
    services.StockBalance.objects.exclude(lot=lot).update(doses_on_hand=0)  # behind the back of every service
    assert beyond() == 4
    assert capacity.sweep() == 1 and capacity.sweep() == 0
    assert free_places(slot) == 1 and beyond() == 0


def test_a_new_day_is_reckoned_once():
    short_slot(5, days=3)
    lot = stocked(5)
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        assert capacity.sweep() == 1 and capacity.sweep() == 0
        expire(lot)
        assert beyond() == 5  # a lot rewritten behind the back of the services is found


def test_reckoning_twice_changes_nothing():
    short_slot(5, days=3), short_slot(5, days=4)
    stocked(6)
    before = list(Place.objects.order_by("pk").values_list("pk", "pool", "state"))
    capacity.fit(facility().pk, "COV_AZ")
    sweeps.tidy()
    assert list(Place.objects.order_by("pk").values_list("pk", "pool", "state")) == before


def test_i1_a_place_open_without_a_dose_is_found():
    short_slot(5)
    stocked(2)
    assert beyond() == 0
    Place.objects.filter(pool="unstocked").update(pool="online")
    assert beyond() == 3


def test_who_waits_is_served_before_everybody_when_stock_arrives():
    from scheduling.waiting import offers, waitlist

    slot = short_slot(3, days=2)
    waitlist.join(
        citizens=[make_adult()], programme="covid19", first=slot.schedule.date, last=slot.schedule.date,
        facility=slot.schedule.facility,
    )  # fmt: skip
    stocked(1)
    assert pools() == {"offered": 1, "unstocked": 2}  # nobody is quicker than the list
    with pytest.raises(errors.SlotFull):
        booked(slot)
    assert offers.offer_everywhere() == 1
    places.release_expired_holds()
    assert Place.objects.get(state="held").pool == "offered"


def test_booking_still_works_up_to_the_last_dose():
    slot = short_slot(5)
    stocked(2)
    for _ in range(2):
        book(citizen=make_adult(), slot_id=slot.pk, client_uuid=uuid.uuid4())
    with pytest.raises(errors.SlotFull):
        booked(slot)
    assert Vaccine.objects.get(code="COV_AZ").pk == slot.schedule.vaccine_id
