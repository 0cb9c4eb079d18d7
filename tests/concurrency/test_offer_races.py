"""Offers under real threads: no place offered twice, no answer counted twice, no place lost between two answers."""

import threading
import time as time_of_day
import uuid
from collections import Counter
from datetime import time, timedelta

import pytest
import time_machine
from django.utils import timezone

from scheduling import audits, booking, errors, families, sweeps
from scheduling.models import Appointment, Offer, Place, WaitlistEntry
from scheduling.publishing import at, close_schedule
from scheduling.services import cancel
from scheduling.waiting import offers, waitlist
from tests.registration.people import make_account
from tests.scheduling.world import at_once, booked, make_adult, make_city, make_schedule, make_slot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _by_day():
    offers.forget()
    with time_machine.travel(at(timezone.localdate(), time(10)), tick=True):
        yield


def wait(*citizens, days=30):
    """An entry for these people, or one adult."""
    make_city()
    today = timezone.localdate()
    people = list(citizens) or [make_adult(make_account())]
    return waitlist.join(citizens=people, programme="covid19", first=today, last=today + timedelta(days=days))


def assert_sound():
    """What is offered is kept, what is booked has its place, nothing is lost."""
    checks = (
        audits.active_without_place, audits.taken_without_appointment, audits.place_elsewhere, audits.double_active,
        audits.offers_without_places, audits.offered_to_nobody, audits.entries_astray,
    )  # fmt: skip
    assert {check.__name__: check() for check in checks} == {check.__name__: 0 for check in checks}


def test_eight_workers_make_no_double_offer_and_lose_no_place():
    schedule = make_schedule(places_per_slot=10, walk_in_percent=0)
    entries = [wait() for _ in range(25)]

    at_once(lambda _: offers.offer_free_places(schedule.pk), range(8), threads=8)

    offered = Offer.objects.filter(state="open")
    assert offered.count() == offered.values("entry").distinct().count() == 20
    assert set(offered.values_list("entry", flat=True)) == {entry.pk for entry in entries[:20]}  # in order
    assert Place.objects.filter(state="held", pool="offered").count() == 20
    assert_sound()


def test_workers_at_two_schedules_give_one_person_one_offer():
    schedules = [make_schedule(days=day) for day in (1, 2, 3, 4)]
    entry = wait()
    at_once(lambda one: offers.offer_free_places(one.pk), schedules * 2, threads=8)
    assert Offer.objects.get().entry == entry
    assert_sound()


def test_sixteen_taps_on_accept_are_one_booking():
    make_slot(places=5)
    wait(make_adult(make_account()), make_adult())
    sweeps.tidy()
    offer = Offer.objects.get()

    results = at_once(lambda _: offers.accept(offer.pk, uuid.uuid4()), range(16))

    assert {tuple(one.pk for one in result) for result in results} == {
        tuple(Appointment.objects.order_by("slot__starts_at", "pk").values_list("pk", flat=True))
    }
    assert Appointment.objects.count() == 2
    assert_sound()


def test_accepting_at_the_last_second_and_running_out_are_one_or_the_other():
    for day in range(1, 7):
        make_slot(places=1, days=day)
        entry = wait()
        sweeps.tidy()
        offer = Offer.objects.get(entry=entry)
        # The worker's clock is ahead of the web's: the offer is over for one and open for the other.
        late = offer.expires_at + timedelta(seconds=1)
        work = [lambda offer=offer: offers.accept(offer.pk, uuid.uuid4())] * 3 + [
            lambda late=late: offers.expire_due(late)
        ] * 3

        results = at_once(lambda job: job(), work, threads=6)

        offer.refresh_from_db(), entry.refresh_from_db()
        booked_now = [result for result in results if isinstance(result, list)]
        assert offer.state in ("accepted", "expired")
        assert (offer.state == "accepted") == bool(booked_now) == (entry.state == "served")
        assert sum(result for result in results if isinstance(result, int)) == (offer.state == "expired")
        assert {type(result) for result in results} <= {list, int, errors.OfferOver}
        assert_sound()
        waitlist.leave(entry.pk)
        Place.objects.filter(state="free").delete()


def test_accepting_declining_and_leaving_at_once_end_in_one_answer():
    for day in range(1, 5):
        make_slot(places=1, days=day)
        entry = wait()
        sweeps.tidy()
        offer = Offer.objects.get(entry=entry)
        jobs = [
            lambda offer=offer: offers.accept(offer.pk, uuid.uuid4()),
            lambda offer=offer: offers.decline(offer.pk),
            lambda entry=entry: waitlist.leave(entry.pk),
        ]
        results = at_once(lambda job: job(), jobs * 2, threads=6)
        assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, errors.OfferOver)]
        assert_sound()
        waitlist.leave(entry.pk)
        Place.objects.filter(state="free").delete()


@pytest.mark.parametrize("other", ["runs out", "leaves", "declines"])
def test_an_answer_under_way_is_not_overtaken(monkeypatch, other):
    make_slot(places=1)
    entry = wait()
    sweeps.tidy()
    offer = Offer.objects.get()
    started, book_places = threading.Event(), families.book_places

    def slowly(**arguments):
        started.set()
        time_of_day.sleep(0.4)  # the others have all the time they need
        return book_places(**arguments)

    monkeypatch.setattr(families, "book_places", slowly)

    def overtake():
        started.wait(120)
        if other == "runs out":
            return offers.expire_due(offer.expires_at + timedelta(seconds=1))
        return waitlist.leave(entry.pk).state if other == "leaves" else offers.decline(offer.pk)

    made, answer = at_once(lambda job: job(), [lambda: offers.accept(offer.pk, uuid.uuid4()), overtake], threads=2)

    assert [one.status for one in made] == ["booked"]
    assert answer in (0, "served") or isinstance(answer, errors.OfferOver)
    offer.refresh_from_db(), entry.refresh_from_db()
    assert (offer.state, entry.state) == ("accepted", "served")
    assert_sound()


def test_closing_a_day_while_offers_are_made_and_accepted_leaves_nobody_between():
    schedule = make_schedule(places_per_slot=6, walk_in_percent=0)
    entries = [wait() for _ in range(12)]
    offers.offer_free_places(schedule.pk)
    made = list(Offer.objects.all())
    jobs = [lambda one=one: offers.accept(one.pk, uuid.uuid4()) for one in made[:6]]
    jobs += [lambda: close_schedule(schedule.pk, "Vaksin belum tiba"), lambda: offers.offer_free_places(schedule.pk)]

    results = at_once(lambda job: job(), jobs, threads=8)

    assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, errors.OfferOver)]
    sweeps.tidy()
    assert not Offer.objects.filter(state="open").exists()
    served = WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in entries], state="served").count()
    assert served == Appointment.objects.count()
    assert_sound()


def test_a_cancelled_place_cannot_be_snatched_before_it_is_offered():
    """Somebody who reloads the page all the time is not quicker than the queue."""
    for day in range(1, 6):
        slot = make_slot(places=1, days=day)
        taken = booked(slot)
        entry = wait()
        rival = make_adult()
        jobs = [lambda taken=taken: cancel(taken.pk)] + [
            lambda rival=rival, slot=slot: booking.book(citizen=rival, slot_id=slot.pk, client_uuid=uuid.uuid4())
        ] * 7
        results = at_once(lambda job: job(), jobs, threads=8)
        assert Counter(type(one).__name__ for one in results)["SlotFull"] == 7
        sweeps.tidy()
        assert Offer.objects.get(entry=entry).slot == slot
        waitlist.leave(entry.pk)
        Place.objects.filter(state="free").delete()


def test_booking_elsewhere_while_accepting_gives_one_appointment():
    other = make_slot(days=9, places=5)
    Place.objects.filter(slot=other).update(pool="leased")
    make_slot(places=1)
    citizen = make_adult(make_account())
    wait(citizen)
    sweeps.tidy()
    offer = Offer.objects.get()
    Place.objects.filter(slot=other).update(pool="online")
    jobs = [
        lambda: offers.accept(offer.pk, uuid.uuid4()),
        lambda: booking.book(citizen=citizen, slot_id=other.pk, client_uuid=uuid.uuid4()),
    ]
    at_once(lambda job: job(), jobs * 4, threads=8)
    assert Appointment.objects.count() == 1
    waitlist.settle_booked(citizen.pk, "covid19")
    assert_sound()
