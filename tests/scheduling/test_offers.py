"""Places offered to people who wait: in order, for a limited time, answered once."""

import uuid
from datetime import time, timedelta
from statistics import median

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import outbox
from messaging.models import Message
from regions.models import Facility
from registration.audits import leaks_in_database
from scheduling import audits, errors, places, sweeps
from scheduling.models import Appointment, Offer, Place, StockFit, WaitlistEntry
from scheduling.publishing import at, close_schedule
from scheduling.services import arrive, cancel, defer, move
from scheduling.waiting import offers, waitlist
from stock.models import StockBalance
from tests.registration.people import make_account, make_citizen
from tests.scheduling.world import ADULT, booked, make_adult, make_city, make_schedule, make_slot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_day")]


def wait(*citizens, days=30, **options):
    """An entry for these people (or one adult) in the next weeks."""
    make_city()
    today = timezone.localdate()
    options = {"programme": "covid19", "first": today, "last": today + timedelta(days=days)} | options
    return waitlist.join(citizens=list(citizens) or [make_adult(make_account())], **options)


def full_slot(places=1, **options):
    """A session whose places are all taken, with the appointments."""
    slot = make_slot(places=places, **options)
    return slot, [booked(slot) for _ in range(places)]


def offer_of(entry):
    """The open offer of an entry, or None."""
    return Offer.objects.filter(entry=entry, state="open").first()


def sound():
    """No check of places, appointments and offers complains."""
    checks = (
        audits.active_without_place, audits.taken_without_appointment, audits.place_elsewhere, audits.double_active,
        audits.offers_without_places, audits.offered_to_nobody, audits.entries_astray, audits.booked_and_offered,
    )  # fmt: skip
    return [check.__name__ for check in checks if check()] == []


def answer(offer):
    """One tap."""
    return offers.accept(offer.pk, uuid.uuid4())


def test_a_cancelled_place_goes_to_the_first_who_waits_and_nobody_can_snatch_it():
    slot, [taken] = full_slot()
    first, second = wait(), wait()

    cancel(taken.pk)

    with pytest.raises(errors.SlotFull):  # although no worker has been there yet
        booked(slot)
    sweeps.tidy()
    offer = offer_of(first)
    assert offer.slot == slot and offer_of(second) is None
    assert timedelta(minutes=29) < offer.expires_at - timezone.now() <= timedelta(minutes=30)
    assert Place.objects.get(held_by=offer.public_id).pool == "offered"
    [made] = answer(offer)
    assert (made.slot, made.status, made.citizen) == (slot, "booked", first.members.get().citizen)
    first.refresh_from_db()
    assert (first.state, offer_of(first)) == ("served", None)
    assert Place.objects.get(appointment=made).pool == "online"  # freed again it is for everybody
    assert sound()


@pytest.mark.parametrize("how", ["move", "defer"])
def test_moving_and_deferring_free_a_place_for_who_waits(how):
    _slot, [taken] = full_slot()
    other = make_slot(days=40)
    entry = wait()
    if how == "move":
        move(taken.pk, other.pk)
    else:
        arrive(taken.pk)
        defer(taken.pk)
    assert Place.objects.filter(pool="offered", state="free").count() == 1
    sweeps.tidy()
    assert offer_of(entry)


def test_a_freed_place_nobody_waits_for_is_for_everybody():
    slot, [taken] = full_slot()
    wait(days=0)  # another day
    wait(programme="rutin")
    wait(facility=Facility.objects.get(code="pkm-miroto"))
    wait(kecamatan=Facility.objects.exclude(kecamatan=slot.schedule.facility.kecamatan).first().kecamatan)
    cancel(taken.pk)
    assert booked(slot).status == "booked"


def test_source_then_rank_then_order_of_joining_decide():
    slot = make_slot(places=6)
    people = {
        name: wait(source=source, rank=rank)
        for name, source, rank in (
            ("drawn second", "draw", 2), ("citizen", "citizen", 0), ("closed", "closed", 0),
            ("drawn first", "draw", 1), ("next dose", "next_dose", 0), ("later citizen", "citizen", 0),
        )
    }  # fmt: skip
    order = []
    for _ in people:
        Place.objects.filter(slot=slot).update(pool="leased")
        Place.objects.filter(pk=Place.objects.filter(slot=slot, state="free").first().pk).update(pool="online")
        offers.offer_free_places(slot.schedule_id)
        order += [name for name, entry in people.items() if offer_of(entry) and name not in order]
    assert order == ["closed", "next dose", "drawn first", "drawn second", "citizen", "later citizen"]


def test_who_may_not_come_on_that_day_is_passed_over_and_the_rest_is_given_back():
    _slot, taken = full_slot(places=2)
    child = wait(make_citizen(birth_date=timezone.localdate() - timedelta(days=400)))
    adult = wait()
    for one in taken:
        cancel(one.pk)
    sweeps.tidy()
    assert offer_of(child) is None and offer_of(adult)
    assert list(Place.objects.filter(state="free").values_list("pool", flat=True)) == ["online"]


def test_silence_passes_the_place_on_and_the_third_silence_ends_the_wait(settings):
    settings.MISSED_OFFERS_LIMIT = 2
    silent = wait()
    slot, [taken] = full_slot()
    cancel(taken.pk)
    sweeps.tidy()
    second = wait()
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        with pytest.raises(errors.OfferOver):  # the clock decides, not the worker
            answer(Offer.objects.get(entry=silent))
        sweeps.tidy()
        silent.refresh_from_db()
        assert (silent.state, silent.missed_offers) == ("waiting", 1)
        assert offer_of(second).slot == slot
        other = make_slot(days=3)
        sweeps.tidy()
        assert offer_of(silent).slot == other
    with time_machine.travel(timezone.now() + timedelta(minutes=80), tick=False):
        sweeps.tidy()
        silent.refresh_from_db()
        assert (silent.state, silent.ended_because) == ("ended", "missed")
        outbox.drain()
    told = Message.objects.get(kind="waitlist_ended")
    assert leaks_in_database() == 0  # what tells messages apart does not hold the number
    assert "akhiri" in told.body and told.kind_text == "Daftar tunggu berakhir"
    assert sound()


def test_who_never_answered_is_not_asked_for_the_same_day_again():
    entry = wait()
    make_slot(places=1)
    sweeps.tidy()
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        sweeps.tidy()
        assert offer_of(entry) is None
        assert Place.objects.get().pool == "online"


def test_declining_passes_the_place_on_and_keeps_the_wait():
    slot, [taken] = full_slot()
    first, second = wait(), wait()
    cancel(taken.pk)
    sweeps.tidy()
    offer = offer_of(first)

    assert offers.decline(offer.pk).state == offers.decline(offer.pk).state == "declined"

    sweeps.tidy()
    first.refresh_from_db()
    assert first.state == "waiting" and offer_of(second).slot == slot
    with pytest.raises(errors.OfferOver):
        answer(offer)
    assert sound()


def test_accepting_twice_gives_the_same_appointments():
    entry = wait(make_adult(make_account()), make_adult())
    make_slot(places=2)
    sweeps.tidy()
    offer = offer_of(entry)
    assert [one.pk for one in answer(offer)] == [one.pk for one in answer(offer)]
    assert Appointment.objects.count() == 2


@pytest.mark.parametrize(
    ("made", "told", "until"),
    [
        ((20, 59), (20, 59), (21, 29)),
        ((21, 0), (6, 0), (6, 30)),
        ((23, 30), (6, 0), (6, 30)),
        ((5, 59), (6, 0), (6, 30)),
        ((6, 0), (6, 0), (6, 30)),
    ],
)
def test_nobody_is_woken_for_an_offer(made, told, until):
    today = timezone.localdate()
    now = at(today, time(*made))
    morning = today + timedelta(days=1 if made[0] >= 21 else 0)
    told_at, expires_at = offers.deadline(now, at(today + timedelta(days=2), time(8)), "citizen")
    assert told_at == at(morning if told != made else today, time(*told))
    assert expires_at == at(morning if told != made else today, time(*until))


def test_a_session_that_starts_sooner_ends_the_offer_when_it_starts():
    today = timezone.localdate()
    assert offers.deadline(at(today, time(8)), at(today, time(8, 20)), "citizen")[1] == at(today, time(8, 20))
    assert offers.deadline(at(today, time(8)), at(today, time(8, 9)), "citizen") is None
    assert offers.deadline(at(today, time(2)), at(today, time(6, 5)), "citizen") is None


def test_a_next_dose_has_two_days_but_never_the_last_before_the_session():
    now = at(timezone.localdate(), time(10))
    assert offers.deadline(now, now + timedelta(days=10), "next_dose")[1] == now + timedelta(hours=48)
    assert offers.deadline(now, now + timedelta(days=2), "next_dose")[1] == now + timedelta(hours=24)
    assert offers.deadline(now, now + timedelta(hours=5), "next_dose")[1] == now + timedelta(minutes=30)


def test_the_message_leaves_after_the_night_once_and_not_at_all_when_answered_before():
    today = timezone.localdate()
    silent, quick, unwilling = wait(), wait(), wait()
    make_slot(places=3, days=3)
    with time_machine.travel(at(today, time(22)), tick=False):
        sweeps.tidy()
        outbox.drain()
        assert not Message.objects.filter(kind="place_offered").exists()
        answer(offer_of(quick))
        offers.decline(offer_of(unwilling).pk)
    with time_machine.travel(at(today + timedelta(days=1), time(6, 1)), tick=False):
        for _ in range(3):
            outbox.drain()
        message = Message.objects.get(kind="place_offered")
        assert str(offer_of(silent).public_id) in message.body
        assert "06.30 WIB" in message.body


def test_news_held_up_into_the_night_is_told_in_the_morning_with_its_whole_time():
    today = timezone.localdate()
    first, second = wait(), wait()
    slot = make_slot(places=1, days=3)
    soon = make_slot(places=1, days=1, open_time=time(6, 5), slot_minutes=145, facility="pkm-genuk")
    with time_machine.travel(at(today, time(20, 50)), tick=False):
        sweeps.tidy()
        assert {offer_of(first).slot, offer_of(second).slot} == {slot, soon}
    with time_machine.travel(at(today, time(21, 5)), tick=False):  # the worker was away until now
        outbox.drain()
        assert not Message.objects.filter(kind="place_offered").exists()
        [offer] = Offer.objects.filter(state="open")
        assert offer.slot == slot and offer.expires_at == at(today + timedelta(days=1), time(6, 30))
        assert Offer.objects.get(slot=soon).state == "withdrawn"  # five minutes are no time to answer
    with time_machine.travel(at(today, time(22)), tick=False):
        sweeps.tidy()
        assert offer_of(offer.entry) == offer and sound()
    with time_machine.travel(at(today + timedelta(days=1), time(6, 1)), tick=False):
        outbox.drain()
        assert "06.30 WIB" in Message.objects.get(kind="place_offered").body
        assert answer(offer)[0].slot == slot


def test_a_family_gets_places_side_by_side_or_none():
    family = wait(make_adult(make_account()), make_adult(), make_adult())
    single = wait()
    make_slot(places=2)
    sweeps.tidy()
    assert offer_of(family) is None and offer_of(single)
    schedule = make_schedule(places_per_slot=2, walk_in_percent=0, days=2)
    sweeps.tidy()
    offer = offer_of(family)
    kept = Place.objects.filter(held_by=offer.public_id)
    assert offer.schedule == schedule and kept.count() == 3
    made = answer(offer)
    assert {one.slot_id for one in made} == set(schedule.slots.values_list("id", flat=True))
    assert sound()


def test_one_of_a_family_who_may_not_come_stops_the_whole_offer():
    family = wait(make_adult(make_account()), make_citizen(birth_date=timezone.localdate() - timedelta(days=400)))
    make_slot(places=3)
    sweeps.tidy()
    assert offer_of(family) is None


def test_leaving_gives_an_offered_place_to_the_next():
    slot = make_slot(places=1)
    first, second = wait(), wait()
    sweeps.tidy()
    assert waitlist.leave(first.pk).state == waitlist.leave(first.pk).state == "left"
    sweeps.tidy()
    assert offer_of(second).slot == slot
    assert sound()


def test_booking_elsewhere_ends_the_wait_and_the_offer():
    citizen = make_adult(make_account())
    entry = wait(citizen)
    make_slot(places=1)
    sweeps.tidy()
    assert offer_of(entry)
    other = make_slot(days=5)
    booked(other, citizen)
    outbox.drain()
    entry.refresh_from_db()
    assert (entry.state, entry.ended_because, offer_of(entry)) == ("served", "booked", None)
    assert sound()


def test_a_closed_day_takes_its_offers_back_and_the_people_wait_on():
    slot = make_slot(places=1)
    entry = wait()
    sweeps.tidy()
    offer = offer_of(entry)
    close_schedule(slot.schedule_id, "Vaksin belum tiba")
    with pytest.raises(errors.OfferOver):
        answer(offer)
    sweeps.tidy()
    entry.refresh_from_db(), offer.refresh_from_db()
    assert (entry.state, offer.state) == ("waiting", "withdrawn")
    assert not Place.objects.exclude(pool="closed").exists()


def test_an_unreleased_day_and_the_gates_share_are_not_offered():
    entry = wait()
    make_slot(places=1, release_at=timezone.now() + timedelta(hours=1))
    make_slot(places=1, days=2, walk_in_percent=100)
    make_slot(places=1, days=3, walk_in_at=timezone.now() - timedelta(minutes=1))
    sweeps.tidy()
    assert offer_of(entry) is None
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        sweeps.tidy()
        assert offer_of(entry)


def test_an_offered_place_that_nobody_wants_after_the_walk_in_hour_goes_to_the_gate():
    slot = make_slot(places=1, walk_in_at=timezone.now() + timedelta(hours=1))
    wait()
    sweeps.tidy()
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1), tick=False):
        sweeps.tidy()
    assert Place.objects.get(slot=slot).pool == "walk_in"


def test_lapsed_offers_are_not_lost_while_all_workers_are_dead():
    slot = make_slot(places=1)
    entry = wait()
    sweeps.tidy()
    with time_machine.travel(timezone.now() + timedelta(hours=8), tick=False):
        assert places.release_expired_holds() == 0  # the offer ends with its places, never apart
        assert offers.expire_due() == 1
        sweeps.tidy()
        assert Place.objects.free(timezone.now()).filter(slot=slot, pool="online").count() == 1
        assert offer_of(entry) is None


def test_an_accepted_dose_of_the_meantime_is_noticed():
    citizen = make_citizen(make_account(), birth_date=ADULT)
    entry = wait(citizen)
    make_slot(places=1)
    sweeps.tidy()
    type(citizen).objects.filter(pk=citizen.pk).update(birth_date=timezone.localdate())
    with pytest.raises(errors.NotEligible):
        answer(offer_of(entry))
    assert Appointment.objects.count() == 0 and offer_of(entry)


def test_an_entry_whose_dates_are_over_ends_and_the_person_is_told_in_the_morning():
    entry = wait(days=1)
    after = timezone.localdate() + timedelta(days=2)
    with time_machine.travel(at(after, time(0, 0, 5)), tick=False):
        sweeps.tidy()
        outbox.drain()
        entry.refresh_from_db()
        assert (entry.state, entry.ended_because) == ("ended", "over")
        assert not Message.objects.filter(kind="waitlist_ended").exists()
    with time_machine.travel(at(after, time(6)), tick=False):
        for _ in range(2):
            outbox.drain()
        assert Message.objects.filter(kind="waitlist_ended").count() == 1


def test_a_thousand_entries_meet_two_hundred_places_in_seconds():
    schedule = make_schedule(places_per_slot=100, walk_in_percent=0)
    today = timezone.localdate()
    for _ in range(250):
        wait(facility=schedule.facility)
    spare = [
        WaitlistEntry(programme_id="covid19", first_date=today, last_date=today, client_uuid=uuid.uuid4())
        for _ in range(1000)
    ]
    WaitlistEntry.objects.bulk_create(spare)
    with CaptureQueriesContext(connection) as asked:
        assert offers.offer_free_places(schedule.pk) == 200
    assert len(asked) <= 200 * 15
    # By the middle one: a machine that stands still spoils a few of them.
    assert len(asked) * median(float(query["time"]) for query in asked) < 15


def test_an_offered_place_that_comes_free_while_stock_is_short_closes():
    slot = make_slot(places=2)
    entry = wait()
    sweeps.tidy()
    Place.objects.filter(slot=slot, state="free").delete()
    StockBalance.objects.update(doses_on_hand=0)
    StockFit.objects.update(short=1)
    offers.decline(offer_of(entry).pk)
    assert Place.objects.get(slot=slot).pool == "unstocked"


def test_one_run_of_the_worker_is_bounded_and_the_next_goes_on(monkeypatch):
    monkeypatch.setattr(offers, "MOST_PER_RUN", 2)
    make_slot(places=5)
    entries = [wait() for _ in range(3)]
    sweeps.tidy()
    assert [bool(offer_of(entry)) for entry in entries] == [True, True, False]
    sweeps.tidy()
    assert offer_of(entries[2])
