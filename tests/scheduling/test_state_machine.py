"""Any order of holding, booking, moving, cancelling, waiting, answering an offer, arriving, closing and the passing of
time keeps I1 to I3."""

import uuid
from contextlib import ExitStack
from datetime import time, timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core import outbox
from scheduling import audits, errors, offers, places, sweeps, waitlist
from scheduling.booking import hold_key
from scheduling.models import Appointment, Offer, Place, Slot, WaitlistEntry
from scheduling.publishing import at, close_schedule, reopen_schedule
from scheduling.services import arrive, book, cancel, defer, fulfil, hold_place, move, take_walk_in, unfulfil
from tests.scheduling.world import make_adult, make_city, make_schedule

pytestmark = pytest.mark.django_db

CHECKS = (
    audits.active_without_place, audits.taken_without_appointment, audits.place_elsewhere, audits.stale_holds,
    audits.double_active, audits.double_keys, audits.double_codes, audits.offers_without_places,
    audits.offered_to_nobody, audits.entries_astray,
)  # fmt: skip
PEOPLE, SLOTS = st.integers(0, 4), st.integers(0, 3)


class Booking(RuleBasedStateMachine):
    """Five people, two schedules of two sessions with two places each (one of them for walk-ins)."""

    def __init__(self):
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        today = timezone.localdate()
        self.clock = self.stack.enter_context(time_machine.travel(at(today, time(6)), tick=False))
        make_city()
        hours = {"open_time": time(8), "close_time": time(12), "slot_minutes": 120, "walk_in_at": at(today, time(11))}
        self.schedules = [
            make_schedule(days=0, places_per_slot=2, walk_in_percent=50, facility=facility, **hours)
            for facility in ("pkm-poncol", "pkm-genuk")
        ]
        self.slots = list(Slot.objects.order_by("pk"))
        self.people = [make_adult() for _ in range(5)]
        self.answers = []
        sweeps._day_ended_for = None
        offers.forget()

    def teardown(self):
        self.stack.close()

    def attempt(self, function, *arguments, **named):
        """A refusal with a name is an answer; anything else is a defect."""
        try:
            return function(*arguments, **named)
        except errors.BookingError:
            return None

    def latest(self, person):
        return (
            Appointment.objects.filter(citizen=self.people[person]).order_by("-pk").values_list("pk", flat=True).first()
        )

    @rule(person=PEOPLE, slot=SLOTS)
    def hold(self, person, slot):
        self.attempt(hold_place, self.slots[slot].pk, hold_key(self.people[person], "covid19"))

    @rule(person=PEOPLE, slot=SLOTS)
    def book(self, person, slot):
        key = uuid.uuid4()
        made = self.attempt(book, citizen=self.people[person], slot_id=self.slots[slot].pk, client_uuid=key)
        if made:
            self.answers.append((key, person, slot, made.pk))

    @rule(which=st.integers(0, 30))
    def send_again(self, which):
        if self.answers:
            key, person, slot, pk = self.answers[which % len(self.answers)]
            again = book(citizen=self.people[person], slot_id=self.slots[slot].pk, client_uuid=key)
            assert again.pk == pk

    @rule(schedule=st.integers(0, 1), person=PEOPLE)
    def walk_in(self, schedule, person):
        self.attempt(
            take_walk_in, schedule_id=self.schedules[schedule].pk, citizen=self.people[person], dose_code="primary1",
            client_uuid=uuid.uuid4(),
        )  # fmt: skip

    @rule(person=PEOPLE, slot=SLOTS)
    def move(self, person, slot):
        if pk := self.latest(person):
            self.attempt(move, pk, self.slots[slot].pk)

    @rule(person=PEOPLE, other=PEOPLE, source=st.sampled_from(["citizen", "next_dose", "closed"]))
    def wait(self, person, other, source):
        today = timezone.localdate()
        people = [self.people[one] for one in {person, other}]
        self.attempt(
            waitlist.join, citizens=people, programme="covid19", first=today, last=today + timedelta(days=1),
            source=source,
        )  # fmt: skip

    @rule(which=st.integers(0, 9))
    def leave(self, which):
        if entries := list(WaitlistEntry.objects.order_by("pk")):
            waitlist.leave(entries[which % len(entries)].pk)

    @rule(which=st.integers(0, 9), act=st.sampled_from(["accept", "accept", "decline"]))
    def answer(self, which, act):
        # Open ones first: any other is answered with a refusal or with what was answered before.
        if found := sorted(Offer.objects.all(), key=lambda one: (one.state != "open", one.pk)):
            offer = found[which % len(found)] if which > 4 else found[0]
            if act == "accept":
                self.attempt(offers.accept, offer.pk, uuid.uuid4())
            else:
                self.attempt(offers.decline, offer.pk)

    @rule(person=PEOPLE, act=st.sampled_from([cancel, arrive, fulfil, unfulfil, defer]))
    def desk(self, person, act):
        if pk := self.latest(person):
            self.attempt(act, pk)

    @rule(schedule=st.integers(0, 1), act=st.sampled_from(["close", "reopen", "deliver"]))
    def office(self, schedule, act):
        if act == "close":
            close_schedule(self.schedules[schedule].pk, "uji")
        elif act == "reopen":
            self.attempt(reopen_schedule, self.schedules[schedule].pk)
        else:
            outbox.drain()

    @rule(minutes=st.sampled_from([1, 6, 45, 180]), sweep=st.booleans())
    def time_passes(self, minutes, sweep):
        self.clock.move_to(timezone.now() + timedelta(minutes=minutes))
        if sweep:
            sweeps.tidy()

    @invariant()
    def every_check_holds(self):
        places.release_expired_holds()
        offers.expire_due()
        offers.withdraw_lost()
        assert {check.__name__: count for check in CHECKS if (count := check())} == {}
        assert Place.objects.count() == 8


def test_no_order_of_events_breaks_an_invariant():
    run_state_machine_as_test(
        Booking,
        settings=settings(
            max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
