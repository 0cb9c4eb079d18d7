"""A family that waits is not passed over for ever: places that come free one by one are gathered for it for a while."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from scheduling import errors, sweeps
from scheduling.models import Place, WaitlistEntry
from scheduling.services import cancel
from scheduling.waiting import offers, waitlist
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.test_offers import full_slot, offer_of, sound, wait
from tests.scheduling.world import booked, make_adult, make_slot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_day")]


def later(minutes):
    """The clock moves on, and a worker comes by."""
    offers.forget()
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False)


def family(size=3, **options):
    return wait(*(make_adult() for _ in range(size)), days=options.pop("days", 3), **options)


def test_single_places_are_gathered_for_the_family_first_in_line():
    slot, tickets = full_slot(4, days=3)
    together, single = family(), wait(days=3)
    for number, ticket in enumerate(tickets[:3], start=1):
        cancel(ticket.pk)
        sweeps.tidy()
        with pytest.raises(errors.SlotFull):  # nobody who reloads a page is quicker either
            booked(slot)
        assert offer_of(single) is None
        assert (offer_of(together) is None) == (number < 3)
    assert Place.objects.filter(held_by=offer_of(together).public_id).count() == 3
    cancel(tickets[3].pk)
    sweeps.tidy()
    assert offer_of(single)  # and the next place is theirs
    assert sound()


def test_after_the_limit_the_places_go_on_in_order_and_the_next_day_may_gather_again(settings):
    settings.GATHER_MINUTES = 120
    slot, tickets = full_slot(5, days=5)
    together, single = family(5, days=5), wait(days=5)
    cancel(tickets[0].pk)
    sweeps.tidy()
    with later(119):
        sweeps.tidy()
        assert offer_of(single) is None
    with later(121):
        sweeps.tidy()
        assert offer_of(single).slot == slot and offer_of(together) is None
        other = wait(days=5)
        cancel(tickets[1].pk)
        sweeps.tidy()
        assert offer_of(other)  # once a day
    with later(121 + 24 * 60):
        newcomer = wait(days=5)
        cancel(tickets[2].pk)
        sweeps.tidy()
        assert offer_of(newcomer) is None and offer_of(together) is None
    assert sound()


def test_a_single_person_before_the_family_is_served_first():
    _slot, tickets = full_slot(2, days=3)
    single, together = wait(days=3), family()
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert offer_of(single) and offer_of(together) is None


def test_nothing_is_gathered_for_tomorrow_morning(settings):
    """A place must not stay empty: in the last day before a session it goes to whoever can come."""
    _slot, tickets = full_slot(3, days=1)
    family(days=1)
    single = wait(days=1)
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert offer_of(single)
    settings.GATHER_MINUTES = 0
    _slot, tickets = full_slot(3, days=3)
    family(days=3)
    other = wait(days=3)
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert offer_of(other)


def test_a_family_that_may_not_come_that_day_gathers_nothing():
    _slot, tickets = full_slot(3, days=3)
    baby = make_citizen(birth_date=timezone.localdate() - timedelta(days=400))
    wait(make_adult(), baby, days=3)
    single = wait(days=3)
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert offer_of(single)


def test_only_one_family_gathers_and_when_it_leaves_the_places_go_on():
    _slot, tickets = full_slot(3, days=3)
    first, second, single = family(2), family(3), wait(days=3)
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert [one.gather_until is not None for one in WaitlistEntry.objects.order_by("pk")] == [True, False, False]
    waitlist.leave(first.pk)
    offers.forget()
    sweeps.tidy()
    second.refresh_from_db()
    assert second.gather_until and offer_of(single) is None
    waitlist.leave(second.pk)
    offers.forget()
    sweeps.tidy()
    assert offer_of(single)


def test_nobody_left_who_wants_them_the_places_are_everybodys_again():
    slot, tickets = full_slot(2, days=3)
    together = family(2)
    cancel(tickets[0].pk)
    sweeps.tidy()
    assert Place.objects.get(state="free").pool == "offered"
    waitlist.leave(together.pk)
    sweeps.tidy()
    assert booked(slot).status == "booked"


def test_everybody_reads_why_nothing_was_offered_yet(client):
    slot, tickets = full_slot(3, days=3)
    account = make_account()
    together = wait(*(make_adult(account) for _ in range(3)), days=3)
    single = wait(days=3)
    assert waitlist.standing(together).code == waitlist.standing(single).code == "full"
    cancel(tickets[0].pk)
    sweeps.tidy()
    mine, behind = waitlist.standing(together), waitlist.standing(single)
    assert (mine.code, behind.code) == ("gathered", "behind")
    for told in (mine, behind):
        assert slot.schedule.facility.name in told.text and "12.00 WIB" in told.text
        assert timezone.localtime(told.news_at).hour == 12  # then there is news, one way or the other
    urgent = wait(make_citizen(birth_date=timezone.localdate() - timedelta(days=400)), days=3, source="closed")
    assert waitlist.standing(urgent).code == "not_eligible"  # no family is before them
    page = sign_in_citizen(client, account).get("/janji/").content.decode()
    assert "sedang kami kumpulkan" in page
    with later(121):
        assert waitlist.standing(single).code != "behind"
        sweeps.tidy()
        assert waitlist.standing(together).code in ("full", "apart")


def test_nothing_is_gathered_where_the_family_could_never_sit_together():
    _slot, [ticket] = full_slot(1, days=3)
    family(2)
    single = wait(days=3)
    cancel(ticket.pk)
    sweeps.tidy()
    assert offer_of(single)


def test_what_was_free_before_the_family_came_is_gathered_too():
    slot = make_slot(places=4, days=3)
    tickets = [booked(slot) for _ in range(3)]
    together = family()
    sweeps.tidy()
    with pytest.raises(errors.SlotFull):
        booked(slot)
    for ticket in tickets[:2]:
        cancel(ticket.pk)
    sweeps.tidy()
    assert Place.objects.filter(held_by=offer_of(together).public_id).count() == 3
