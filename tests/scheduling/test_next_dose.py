"""A dose seeks the next one: the interval of the rules, the place where it was given, an offer with a long deadline."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import outbox
from messaging.models import Message
from registration.models import Citizen
from scheduling import sweeps
from scheduling.models import Appointment, Offer, Place, WaitlistEntry
from scheduling.waiting import offers, waitlist
from tests.registration.people import make_account
from tests.scheduling.world import booked, make_adult, make_schedule, make_slot
from tests.staff import make_staff
from tests.stock.shelf import facility, stocked
from tests.vaccination import desk
from vaccination.corrections import correct_dose, withdraw_dose
from vaccination.past_doses import record_past_dose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_day")]

# Eight weeks between the first and the second dose of this vaccine, at least (rules of the reference data).
GAP = timedelta(days=56)


@pytest.fixture
def nurse():
    return make_staff("vaksinator", facility=facility())


@pytest.fixture
def dose(nurse):
    """A first dose just given, and everything that follows from it."""
    citizen = make_adult(make_account())
    given = desk.give(desk.screened(citizen=citizen, actor=nurse), stocked(), actor=nurse).immunization
    outbox.drain()
    return given


def entry_of(citizen: Citizen) -> WaitlistEntry:
    """The one entry of a person."""
    return WaitlistEntry.objects.filter(members__citizen=citizen).latest("pk")


def test_a_dose_puts_the_person_on_the_list_of_the_next_within_its_interval(dose):
    entry = entry_of(dose.citizen)
    due = timezone.localdate() + GAP
    assert (entry.source, entry.state, entry.facility, entry.programme_id) == (
        "next_dose", "waiting", dose.facility, "covid19",
    )  # fmt: skip
    assert entry.first_date == due and entry.last_date == due + timedelta(days=14)
    standing = waitlist.standing(entry)
    assert "Dosis berikutnya mulai" in standing.text and standing.news_on == entry.last_date
    outbox.drain()
    assert WaitlistEntry.objects.count() == 1


def test_a_place_in_the_interval_is_offered_with_two_days_to_answer_and_booked_in_one_tap(dose):
    slot = make_slot(places=1, days=GAP.days + 3, dose_codes=["primary2"])
    sweeps.tidy()
    offer = Offer.objects.get(state="open")
    assert timedelta(hours=47) < offer.expires_at - timezone.now() <= timedelta(hours=48)
    assert Place.objects.get(slot=slot).pool == "next_dose"
    outbox.drain()
    assert str(offer.public_id) in Message.objects.get(kind="place_offered").body

    [made] = offers.accept(offer.pk, offer.public_id)
    assert (made.dose_code, made.slot, made.citizen) == ("primary2", slot, dose.citizen)
    assert entry_of(dose.citizen).state == "served"


def test_a_withdrawn_dose_withdraws_what_was_sought_after_it(dose, nurse):
    make_slot(places=1, days=GAP.days + 3, dose_codes=["primary2"])
    sweeps.tidy()
    withdraw_dose(immunization_id=dose.pk, actor=nurse, reason="Salah orang")
    outbox.drain()
    assert (entry_of(dose.citizen).state, entry_of(dose.citizen).ended_because) == ("ended", "dose")
    assert Offer.objects.get().state == "withdrawn"
    sweeps.tidy()
    assert Place.objects.get(slot__schedule__dose_codes=["primary2"]).pool == "online"


def test_a_corrected_day_moves_the_interval(dose, nurse):
    earlier = dose.occurred_at - timedelta(days=3)
    correct_dose(
        immunization_id=dose.pk, client_uuid=dose.uuid, actor=nurse, reason="Salah tanggal", occurred_at=earlier
    )
    outbox.drain()
    entry = entry_of(dose.citizen)
    assert (entry.state, entry.first_date) == ("waiting", timezone.localdate(earlier) + GAP)
    assert WaitlistEntry.objects.filter(state="waiting").count() == 1


def test_a_booking_of_ones_own_ends_the_search(dose):
    schedule = make_schedule(days=GAP.days + 1, dose_codes=["primary2"])
    booked(schedule.slots.first(), dose.citizen)
    outbox.drain()
    assert entry_of(dose.citizen).state == "served"


def test_a_dose_from_a_card_seeks_nothing_but_ends_what_no_longer_fits(nurse):
    citizen = make_adult(make_account())
    today = timezone.localdate()
    entry = waitlist.join(citizens=[citizen], programme="covid19", first=today, last=today + timedelta(days=7))
    later = waitlist.join(
        citizens=[make_adult()], programme="covid19", first=today, last=today + timedelta(days=7)
    )  # fmt: skip
    record_past_dose(
        client_uuid=entry.public_id, citizen_id=citizen.pk, programme_code="covid19", vaccine_code="COV_AZ",
        dose_code="primary1", occurred_on=today - timedelta(days=2), origin="card", recorder=nurse,
    )  # fmt: skip
    outbox.drain()
    entry.refresh_from_db(), later.refresh_from_db()
    assert (entry.state, entry.ended_because, later.state) == ("ended", "dose", "waiting")
    assert WaitlistEntry.objects.count() == 2


def test_news_of_an_older_release_is_understood(dose):
    WaitlistEntry.objects.all().delete()
    from django.db import transaction

    with transaction.atomic():
        outbox.add("immunization.recorded", immunization_id=dose.pk)
    outbox.drain()
    assert not WaitlistEntry.objects.exists()
    assert not outbox.OutboxMessage.objects.filter(state="failed").exists()
    assert Appointment.objects.filter(status="booked").count() == 0
