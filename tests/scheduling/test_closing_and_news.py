import uuid
from datetime import date, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from core import outbox
from core.models import OutboxMessage
from messaging.models import Message
from programmes.models import Vaccine
from regions.models import Facility
from scheduling import audits, capacity, displacing, errors, reoffers, reports
from scheduling.models import Appointment, Displaced, Offer, Place, Schedule, ScheduleTemplate, WaitlistEntry
from scheduling.publishing import (
    close_schedule,
    plan,
    publish_from_template,
    reopen_schedule,
    shrink_schedule,
    walk_in_share,
    windows,
)
from scheduling.services import arrive, cancel, move
from scheduling.waiting import offers
from stock.services import waste
from tests.registration.people import make_account
from tests.scheduling.world import booked, ensure_stock, free_places, make_adult, make_city, make_schedule, make_slot
from tests.stock.shelf import keeper, stocked

pytestmark = pytest.mark.django_db


def deliver():
    """What the worker does."""
    while outbox.drain():
        pass


def texts():
    """All messages so far, oldest first."""
    return [(row.kind, row.body) for row in Message.objects.order_by("created_at")]


def test_each_change_is_told_once_with_code_place_and_time():
    appointment = booked(make_slot(), make_adult(make_account(), full_name="Ani Uji"))
    deliver()
    move(appointment.pk, make_slot(facility="pkm-genuk", days=2).pk)
    deliver()
    cancel(appointment.pk)
    deliver()
    OutboxMessage.objects.update(state="waiting", available_at=timezone.now())  # everything is handled a second time
    deliver()

    kinds = [kind for kind, _ in texts()]
    assert kinds == ["appointment_booked", "appointment_moved", "appointment_cancelled"]
    first, second, third = (body for _, body in texts())
    assert "Ani Uji" in first and "Puskesmas Poncol" in first and "08.00 WIB" in first and appointment.code in first
    assert f"/janji/{appointment.public_id}/" in first
    assert "dipindahkan" in second and "Puskesmas Genuk" in second and "dibatalkan" in third


def test_news_overtaken_by_a_later_change_is_not_told():
    appointment = booked(make_slot(), make_adult(make_account()))
    move(appointment.pk, make_slot(days=2).pk)
    deliver()
    assert [kind for kind, _ in texts()] == ["appointment_moved"]


def test_a_person_without_any_phone_costs_no_error():
    booked(make_slot())
    deliver()
    assert not texts() and not OutboxMessage.objects.exclude(state="done").exists()


def test_messages_speak_the_language_of_the_account():
    account = make_account()
    account.language = "en"
    account.save()
    booked(make_slot(), make_adult(account))
    deliver()
    assert Message.objects.get().language == "en"


def test_closing_tells_everybody_booked_in_batches_and_shows_progress(monkeypatch):
    monkeypatch.setattr(displacing, "BATCH", 3)
    slot = make_slot(places=10)
    people = [booked(slot, make_adult(make_account())) for _ in range(7)]
    arrive(people[0].pk)
    deliver()

    close_schedule(slot.schedule_id, "petugas sakit")
    schedule = Schedule.objects.get()
    before = reports.closing(schedule)
    outbox.drain(consumer="scheduling.close")
    halfway = reports.closing(schedule)
    deliver()
    after = reports.closing(schedule)

    assert (before.total, before.told, before.remaining) == (6, 0, 6)
    assert (halfway.told, halfway.remaining) == (3, 3)
    assert (after.told, after.remaining, after.waiting, after.unreachable) == (6, 0, 6, 0)
    assert Appointment.objects.filter(status="arrived").count() == 1  # who is at the desk is served
    told = Message.objects.filter(kind="appointment_cancelled")
    assert told.count() == 6 and all("ditutup: petugas sakit" in row.body for row in told)
    with pytest.raises(errors.ScheduleClosed, match="petugas sakit"):
        booked(slot)
    assert audits.taken_without_appointment() == audits.active_without_place() == 0


def test_reopening_restores_the_shares_and_stops_a_closing_under_way():
    schedule = make_schedule(places_per_slot=5, walk_in_percent=20)
    slot = schedule.slots.first()
    kept = booked(slot)
    pools = list(Place.objects.filter(slot__schedule=schedule).order_by("pk").values_list("pool", flat=True))

    close_schedule(schedule.pk, "banjir")
    assert free_places(slot) == 0
    reopen_schedule(schedule.pk)
    deliver()

    again = list(Place.objects.filter(slot__schedule=schedule).order_by("pk").values_list("pool", flat=True))
    kept.refresh_from_db()
    assert again == pools and kept.status == "booked"
    assert booked(slot).status == "booked"


# --- everybody is offered another place ------------------------------------------------------------------------------


def outcomes(schedule):
    """Outcome → people, of the report."""
    found = reoffers.people(schedule)
    return {label: n for label, _kind, n in reoffers.totals(found)}


def test_closing_offers_everybody_a_place_elsewhere_in_the_same_action():
    slot = make_slot(places=4)
    near, far = make_slot(places=2, days=2), make_slot(places=1, facility="pkm-genuk", days=2)
    people = [booked(slot, make_adult(make_account())) for _ in range(4)]
    deliver()

    close_schedule(slot.schedule_id, "listrik padam")
    deliver()

    offered = list(Offer.objects.order_by("pk").values_list("slot", "state"))
    assert offered == [(near.pk, "open"), (near.pk, "open"), (far.pk, "open")]  # the nearest first
    schedule = Schedule.objects.get(pk=slot.schedule_id)
    assert outcomes(schedule) == {"Ditawari, belum menjawab": 3, "Belum ada tawaran": 1}
    texts_now = [body for kind, body in texts() if kind == "appointment_cancelled"]
    assert len(texts_now) == 4 and all("mencarikan tempat lain" in body for body in texts_now)

    first, second, third = Offer.objects.order_by("pk")
    offers.accept(first.pk, uuid.uuid4())
    offers.decline(second.pk)
    Offer.objects.filter(pk=third.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    offers.expire_due()

    assert outcomes(schedule) == {
        "Menerima tawaran": 1, "Menolak, masih dicarikan": 1, "Tidak menjawab, masih dicarikan": 1,
        "Belum ada tawaran": 1,
    }  # fmt: skip
    rows = reoffers.table(reoffers.people(schedule))
    assert {row[1] for row in rows} == {person.code for person in people}
    assert sum(row[3] == "Puskesmas Poncol" for row in rows) == 2
    assert audits.taken_without_appointment() == audits.active_without_place() == 0


def test_people_of_one_account_are_sought_places_side_by_side():
    slot, other, account = make_slot(places=4), make_slot(places=2, days=2), make_account()
    for _ in range(2):
        booked(slot, make_adult(account))
    close_schedule(slot.schedule_id, "banjir")
    deliver()
    assert WaitlistEntry.objects.get().members.count() == 2
    assert Place.objects.filter(slot=other, state="held").count() == 2


def test_shrinking_closes_free_places_first_then_who_booked_last_goes():
    slot = make_slot(places=6)
    people = [booked(slot) for _ in range(4)]

    assert shrink_schedule(slot.schedule_id, {slot.pk: 5}, "tenaga kurang") == 0
    assert (free_places(slot), Place.objects.filter(slot=slot, pool="closed").count()) == (1, 1)
    arrive(people[3].pk)  # who stands at the desk is served, whenever they booked
    for _ in range(2):  # pressing twice
        shrink_schedule(slot.schedule_id, {slot.pk: 3}, "tenaga kurang")
    deliver()

    for person in people:
        person.refresh_from_db()
    assert [person.status for person in people] == ["booked", "booked", "cancelled", "arrived"]
    assert (people[2].cancelled_because, people[2].cancel_reason) == ("kurang", "tenaga kurang")
    assert Place.objects.filter(slot=slot).exclude(pool="closed").count() == 3 and free_places(slot) == 0
    assert outcomes(slot.schedule) == {"Belum ada tawaran": 1}
    cancel(people[0].pk)
    assert free_places(slot) + Place.objects.filter(slot=slot, pool="offered", state="free").count() == 1


def test_shrinking_by_sessions_leaves_the_others_alone():
    schedule = make_schedule(places_per_slot=5, walk_in_percent=20)
    first, second = schedule.slots.order_by("starts_at")
    shrink_schedule(schedule.pk, {second.pk: 0}, "tenaga kurang")
    assert (free_places(first), free_places(second)) == (4, 0)
    shrink_schedule(schedule.pk, {make_slot(days=3).pk: 0}, "tenaga kurang")  # not one of this schedule's sessions
    assert Place.objects.exclude(slot=second).filter(pool="closed").count() == 0


def test_who_moved_by_themselves_before_their_turn_is_left_alone():
    slot, other = make_slot(places=2), make_slot(places=2, days=2)
    person = booked(slot)
    shrink_schedule(slot.schedule_id, {slot.pk: 0}, "tenaga kurang")
    move(person.pk, other.pk)
    deliver()
    person.refresh_from_db()
    assert person.status == "booked" and outcomes(slot.schedule) == {"Janji tidak jadi dibatalkan": 1}
    close_schedule(other.schedule_id, "banjir")
    deliver()
    person.refresh_from_db()
    assert person.status == "cancelled"


def test_the_place_of_who_was_to_go_and_went_first_closes_all_the_same():
    slot, other = make_slot(places=4), make_slot(places=4, days=2)
    people = [booked(slot) for _ in range(4)]
    shrink_schedule(slot.schedule_id, {slot.pk: 1}, "tenaga kurang")

    move(people[3].pk, other.pk)
    cancel(people[2].pk)
    arrive(people[1].pk)  # came to the desk: served, and keeps the place
    deliver()

    left = Place.objects.filter(slot=slot).exclude(pool="closed")
    assert set(left.values_list("appointment", flat=True)) == {people[0].pk, people[1].pk}
    cancel(people[0].pk)  # was to stay: this place is the session's
    assert Place.objects.filter(slot=slot, state="free").exclude(pool="closed").count() == 1


def test_a_preview_tells_who_would_go_and_writes_nothing():
    slot = make_slot(places=6)
    people = [booked(slot) for _ in range(4)]
    arrive(people[0].pk)
    before = list(Place.objects.order_by("pk").values())
    seen = reoffers.preview(slot.schedule, {slot.pk: 2})
    assert (seen.places, seen.stay, seen.go) == (2, 2, 2)
    assert reoffers.preview(slot.schedule, {}).go == 0
    assert list(Place.objects.order_by("pk").values()) == before and not Displaced.objects.exists()


def test_a_closed_or_past_schedule_is_not_shrunk():
    slot = make_slot()
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=False), pytest.raises(errors.SlotOver):
        shrink_schedule(slot.schedule_id, {slot.pk: 0}, "x")
    close_schedule(slot.schedule_id, "banjir")
    with pytest.raises(errors.ScheduleClosed):
        shrink_schedule(slot.schedule_id, {slot.pk: 0}, "x")


def test_reopening_offers_the_old_places_to_who_still_waits_first():
    slot = make_slot(places=2)
    person = booked(slot)
    close_schedule(slot.schedule_id, "banjir")
    deliver()
    reopen_schedule(slot.schedule_id)

    assert Place.objects.filter(slot=slot, pool="offered", state="free").count() == 2 and free_places(slot) == 0
    offers.offer_everywhere()
    offer = Offer.objects.get()
    assert offer.entry.members.get().citizen == person.citizen and offer.schedule_id == slot.schedule_id
    assert free_places(slot) == 1  # nobody else waits for the rest
    offers.accept(offer.pk, uuid.uuid4())
    assert outcomes(slot.schedule) == {"Menerima tawaran": 1}


def test_reopening_opens_no_more_than_the_stock_bears():
    slot = make_slot(places=6, stocked=False)
    lot = stocked(6)
    close_schedule(slot.schedule_id, "kulkas rusak")
    waste(facility_id=slot.schedule.facility_id, lot_id=lot.pk, doses=4, reason="Beku", actor=keeper())
    reopen_schedule(slot.schedule_id)
    assert free_places(slot) == 2 and capacity.bookable_beyond_stock() == 0


def make_template(**changes):
    """Monday to Saturday, eight to twelve."""
    make_city()
    values = {
        "name": "Pagi",
        "facility": Facility.objects.get(code="pkm-poncol"),
        "programme_id": "covid19",
        "vaccine": Vaccine.objects.get(code="COV_AZ"),
        "dose_codes": ["booster1"],
        "weekdays": [0, 1, 2, 3, 4, 5],
        "open_time": time(8),
        "close_time": time(12),
        "slot_minutes": 30,
        "places_per_slot": 4,
        "walk_in_percent": 20,
        "walk_in_hour": time(11),
        "release_days_before": 1,
        "release_time": time(15),
    }
    values |= changes
    ensure_stock(values["facility"], values["vaccine"])
    return ScheduleTemplate.objects.create(**values)


def test_a_template_publishes_its_weekdays_and_repeating_skips_them():
    template = make_template()
    monday = timezone.localdate() + timedelta(days=7 - timezone.localdate().weekday())
    sunday = monday + timedelta(days=6)

    planned = plan(template, monday, sunday)
    done = publish_from_template(template, monday, sunday)
    again = publish_from_template(template, monday, sunday)

    assert len(planned) == len(done.created) == 6 and all(row.places == 32 for row in planned)
    assert (len(again.created), len(again.skipped)) == (0, 6)
    schedule = done.created[0]
    assert timezone.localtime(schedule.release_at).strftime("%w %H.%M") == "0 15.00"
    assert timezone.localtime(schedule.walk_in_at).strftime("%H.%M") == "11.00"
    pools = Place.objects.filter(slot__schedule=schedule)
    assert (pools.count(), pools.filter(pool="walk_in").count()) == (32, planned[0].walk_in) == (32, 6)


def test_a_day_that_is_over_is_not_published():
    template = make_template(weekdays=list(range(7)))
    yesterday = timezone.localdate() - timedelta(days=1)
    assert [row.obstacle for row in plan(template, yesterday, yesterday)] == ["sudah lewat"]


@pytest.mark.parametrize(
    ("places", "percent", "sessions"), [(10, 20, 8), (4, 20, 8), (3, 10, 20), (5, 0, 4), (5, 100, 4), (1, 33, 9)]
)
def test_the_walk_in_share_meets_the_percentage_over_the_day(places, percent, sessions):
    shares = [walk_in_share(position, places, percent) for position in range(sessions)]
    assert abs(sum(shares) - sessions * places * percent / 100) <= 0.5
    assert all(0 <= share <= places for share in shares)


def test_sessions_cover_the_day_without_a_crumb_at_the_end():
    day = date(2030, 1, 7)
    found = windows(day, time(8), time(12, 10), 60)
    assert len(found) == 4 and found[-1][1].strftime("%H.%M") == "12.10"
    assert len(windows(day, time(8), time(12, 40), 60)) == 5
    assert [pair[1] for pair in found[:-1]] == [pair[0] for pair in found[1:]]
