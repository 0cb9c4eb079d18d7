"""Places by lot: equal odds, one person one number, a list that cannot change, and a result anybody can repeat."""

import uuid
from datetime import date, timedelta
from threading import Event

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import outbox, sweeper
from messaging.models import KINDS, Message
from scheduling import errors, fair_order, places
from scheduling.draws import audits as draw_audits
from scheduling.draws import files as draw_files
from scheduling.draws import notify as draw_notify
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.draws import weights as draw_weights
from scheduling.draws.rooms import Rooms, Seat
from scheduling.models import Appointment, Draw, DrawEntry, DrawMember, Place, Schedule, WaitlistEntry
from scheduling.services import book, close_schedule, hold_place, move, reopen_schedule
from tests.locks import somebody_waits_for_us
from tests.registration.people import make_account, make_citizen
from tests.scheduling.lots import by_outcome, complaints, enter, hold_draw, let_time_pass, make_draw, slot_of
from tests.scheduling.world import at_once, booked, make_adult, make_schedule, make_slot

pytestmark = pytest.mark.django_db


# --- weights --------------------------------------------------------------------------------------------------------


def test_who_went_without_before_has_more_tickets_the_next_time():
    unlucky = make_adult()
    before = make_draw(places=1)
    lucky = enter(before, make_adult())
    enter(before, unlucky)
    DrawEntry.objects.exclude(pk=lucky.pk).update(entered_at=timezone.now())
    hold_draw(before)
    draw = make_draw(weights=[draw_weights.missed_rule(2, 3)])
    lost = DrawMember.objects.get(draw=before, entry__outcome="lost").citizen
    entry = enter(draw, lost)
    let_time_pass(draw)
    entry.refresh_from_db()
    assert entry.weight == 3
    assert entry.members.get().reasons == ["missed"]


def test_the_way_somebody_came_has_no_effect():
    """The list that is drawn from has no column for it, and changing it changes nothing."""
    draw = make_draw(places=2, weights=[draw_weights.age_rule(60, 1)])
    entries = [enter(draw, channel=channel) for channel in ("web", "desk", "kader", "web", "desk", "kader")]
    let_time_pass(draw)
    assert {entry.weight for entry in DrawEntry.objects.filter(draw=draw)} == {2}
    before = draw_run.tickets_of(draw)
    draw.entries.update(channel="kader")
    assert sorted(draw_run.tickets_of(draw), key=str) == sorted(before, key=str)
    order = draw_files.drawn_order(draw.seed, draw.list_hash, before)
    draw_run.run(draw.pk)
    assert by_outcome(draw) == {"won": order[:2], "lost": order[2:]}
    assert len(entries) == len(order)


# --- before the draw nobody books -----------------------------------------------------------------------------------


def test_nobody_books_a_place_that_is_to_be_drawn():
    draw = make_draw()
    slot, citizen = slot_of(draw), make_adult()
    elsewhere = booked(make_slot(days=9), citizen=make_adult())
    for when in (None, timezone.now() - timedelta(minutes=5)):  # not even when the hour has come and no worker has
        Schedule.objects.filter(pk=slot.schedule_id).update(release_at=when)
        with pytest.raises(errors.BookingError):
            book(citizen=citizen, slot_id=slot.pk, client_uuid=uuid.uuid4())
        with pytest.raises(errors.BookingError):
            hold_place(slot.pk, uuid.uuid4())
        assert not places.run(places.TAKE_ONLINE, slot=slot.pk, hold=uuid.uuid4(), now=timezone.now())
        with pytest.raises(errors.BookingError):
            move(elsewhere.pk, slot.pk)
    assert not Place.objects.bookable(timezone.now()).filter(slot=slot).exists()
    assert complaints() == {}


def test_a_place_to_be_drawn_that_became_bookable_is_found():
    draw = make_draw()
    Place.objects.filter(slot=slot_of(draw), number=1).update(pool="online")
    assert complaints() == {"tempat undian tidak dapat dipesan sebelum diundi": 1}


def test_what_the_draw_leaves_opens_to_everybody_at_the_hour():
    draw = make_draw(places=3)
    enter(draw)
    hold_draw(draw)
    slot = slot_of(draw)
    assert Place.objects.filter(slot=slot, pool="online", state="free").count() == 2
    with pytest.raises(errors.NotReleasedYet):
        booked(slot)
    Schedule.objects.filter(pk=slot.schedule_id).update(release_at=timezone.now())
    assert booked(slot).status == "booked"
    assert complaints() == {}


@pytest.mark.parametrize(
    "spoil",
    [
        {"release_at": None},
        {"release_at": timezone.now() - timedelta(days=1)},
        {"state": "closed"},
        {"programme_id": "rutin"},
    ],
)
def test_a_schedule_that_is_open_already_cannot_be_drawn(spoil):
    schedule = make_slot(days=3, release_at=timezone.now() + timedelta(hours=3)).schedule
    other = make_slot(days=4, release_at=timezone.now() + timedelta(hours=3)).schedule
    Schedule.objects.filter(pk=schedule.pk).update(**spoil)
    with pytest.raises(draws.NotDrawable):
        make_draw(other, schedule)
    assert not Place.objects.filter(pool="draw").exists()


def test_a_schedule_belongs_to_one_draw_at_a_time():
    draw = make_draw()
    with pytest.raises(draws.NotDrawable):
        make_draw(draw.schedules.get())
    draws.cancel(draw.pk, "salah tanggal")
    again = make_draw(Schedule.objects.get(draw=draw))
    assert again.schedules.count() == 1


# --- entering -------------------------------------------------------------------------------------------------------


def test_one_person_one_number_through_whatever_door():
    draw, citizen = make_draw(), make_adult()
    first = enter(draw, citizen, channel="kader")
    with pytest.raises(draws.AlreadyEntered) as caught:
        enter(draw, citizen)
    assert caught.value.entry == first
    with pytest.raises(IntegrityError), transaction.atomic():
        other = DrawEntry.objects.create(draw=draw, ticket="ABCDEFGH", wishes=[1])
        DrawMember.objects.create(draw=draw, entry=other, citizen=citizen)


def test_a_form_sent_twice_is_one_number():
    draw, citizen, key = make_draw(), make_adult(), uuid.uuid4()
    assert enter(draw, citizen, key=key) == enter(draw, citizen, key=key)
    with pytest.raises(errors.KeyBelongsToAnother):
        enter(draw, make_adult(), key=key)


def test_outside_the_window_nobody_enters_or_leaves():
    early = make_draw(opens_at=timezone.now() + timedelta(minutes=10))
    with pytest.raises(draws.DrawNotOpen, match="dibuka"):
        enter(early)
    draw = make_draw()
    entry = enter(draw)
    let_time_pass(draw, frozen=False)
    for late in (lambda: enter(draw), lambda: draws.withdraw(entry.pk)):
        with pytest.raises(draws.DrawNotOpen, match="sudah ditutup"):
            late()


def test_who_withdrew_is_not_in_the_list_and_may_enter_again():
    draw, citizen = make_draw(), make_adult()
    gone = enter(draw, citizen)
    assert draws.withdraw(gone.pk).outcome == "withdrawn"
    assert draws.withdraw(gone.pk).outcome == "withdrawn"
    again = enter(draw, citizen)
    let_time_pass(draw)
    assert [one.number for one in draw_run.tickets_of(draw)] == [again.ticket]


def test_the_dose_rules_and_the_one_appointment_rule_hold_at_the_door():
    draw = make_draw()
    with pytest.raises(errors.NotEligible):
        enter(draw, make_citizen(birth_date=timezone.localdate() - timedelta(days=40)))
    citizen = make_adult()
    booked(make_slot(days=2), citizen=citizen)
    with pytest.raises(errors.AlreadyBooked):
        enter(draw, citizen)
    with pytest.raises(errors.BookingError):
        enter(draw, wishes=[make_schedule(days=6).pk])  # a schedule that is not drawn for


def test_a_wish_that_is_not_possible_names_the_rule_and_what_is_possible():
    later = {"release_at": timezone.now() + timedelta(hours=3)}
    second_dose = make_schedule(days=5, dose_codes=("primary2",), **later)
    first_dose = make_schedule(days=6, vaccine="COV_SINOVAC", dose_codes=("primary1",), **later)
    draw = make_draw(second_dose, first_dose)
    with pytest.raises(errors.BookingError) as refused:
        enter(draw, make_adult(full_name="Wati Uji"), wishes=[second_dose.pk])
    assert refused.value.sentence.startswith("Wati Uji: ")
    assert "Yang bisa dipilih: Sinovac, Puskesmas Poncol." in refused.value.sentence
    assert not draw.entries.exists()


def test_two_records_that_become_one_have_one_number():
    draw = make_draw()
    kept, merged, alone = make_adult(), make_adult(), make_adult()
    first, second, third = enter(draw, kept), enter(draw, merged), enter(draw, alone)
    draws.move_entries(kept, merged)
    draws.move_entries(kept, alone)
    assert set(draw.entries.filter(outcome="waiting")) == {first}
    fresh = make_adult()
    follows = enter(draw, fresh)
    heir = make_adult()
    draws.move_entries(heir, fresh)
    assert follows.members.get().citizen == heir
    assert {second.pk, third.pk} == set(draw.entries.filter(outcome="withdrawn").values_list("pk", flat=True))


# --- freezing, drawing, replaying -----------------------------------------------------------------------------------


def test_the_list_is_public_before_the_seed_and_cannot_change_any_more():
    draw = make_draw()
    assert fair_order.commitment(draw.seed) == draw.seed_hash
    assert draw.revealed_seed == ""
    for _ in range(4):
        enter(draw)
    let_time_pass(draw, frozen=False)
    draw_run.run(draw.pk)
    draw.refresh_from_db()
    assert (draw.state, draw.list_count, draw.revealed_seed) == ("frozen", 4, "")
    assert draw_files.hash_of(draw_files.participants_file(draw_run.tickets_of(draw))) == draw.list_hash
    with pytest.raises(draws.DrawNotOpen):
        enter(draw)
    with pytest.raises(draws.NotDrawable):
        draws.cancel(draw.pk, "hasilnya tidak berkenan")
    assert draw_run.run(draw.pk) == 0, "the list has not been public for the pause yet"
    hold_draw(draw)
    assert draw.revealed_seed == draw.seed
    assert draw_run.run(draw.pk) == 0


def test_nobody_slips_in_while_the_list_is_being_frozen(transactional_db):
    draw = make_draw(places=2)
    citizens = [make_adult() for _ in range(12)]

    def one(citizen):
        if citizen is None:
            let_time_pass(draw)
            return None
        return enter(draw, citizen)

    answers = at_once(one, [*citizens[:6], None, *citizens[6:]], threads=8)
    let_time_pass(draw)
    inside = {answer.ticket for answer in answers if isinstance(answer, DrawEntry)}
    assert all(isinstance(answer, DrawEntry | draws.DrawNotOpen | None) for answer in answers)
    assert {one.number for one in draw_run.tickets_of(draw)} == inside
    assert draw_audits.is_as_published(draw)


def test_winners_have_appointments_losers_wait_in_drawn_order_and_all_are_told():
    draw = make_draw(places=2)
    for number in range(5):
        enter(draw, make_adult(make_account(), full_name=f"Peserta {chr(65 + number)}"))
    outbox.drain()
    hold_draw(draw)
    found = by_outcome(draw)
    assert [len(found["won"]), len(found["lost"])] == [2, 3]
    assert Appointment.objects.filter(schedule__draw=draw, status="booked").count() == 2
    while outbox.drain():
        pass
    kinds = list(Message.objects.values_list("kind", flat=True))
    assert [kinds.count(kind) for kind in ("draw_entered", "appointment_booked", "draw_lost")] == [5, 2, 3]
    assert KINDS.keys() >= {*kinds, *draw_notify.RESULTS}  # staff read what each message was
    waiting = WaitlistEntry.objects.filter(source="draw").order_by("priority", "rank", "id")
    names = [one.members.get().citizen.full_name for one in waiting]
    assert names == [
        DrawMember.objects.get(entry__ticket=number).citizen.full_name for number in found["lost"]
    ]  # fmt: skip
    text = Message.objects.filter(kind="draw_lost").first().body
    assert "belum dapat tempat" in text and "daftar tunggu" in text and "Tidak perlu mendaftar lagi" in text
    assert complaints() == {}
    assert draw.entries.filter(told_at__isnull=True).count() == 0


def test_a_number_that_somebody_has_locked_is_told_too(transactional_db):
    draw = make_draw(places=1)
    for _number in range(3):
        enter(draw, make_adult(make_account()))
    hold_draw(draw)
    locked = Event()

    def one(act):
        if act == "settle":
            assert locked.wait(120)
            with transaction.atomic():
                return draw_notify.settle_batch({"draw_id": draw.pk})
        with transaction.atomic():
            DrawEntry.objects.select_for_update().filter(draw=draw, outcome="lost").first()
            locked.set()
            return somebody_waits_for_us()

    assert at_once(one, ["hold", "settle"], threads=2) == [True, None]
    assert draw.entries.filter(told_at__isnull=True).count() == 0


def test_the_worker_holds_the_draw_when_its_hour_has_come():
    draw = make_draw(places=1)
    for _ in range(2):
        enter(draw)
    sweeper.run_all()
    draw.refresh_from_db()
    assert draw.state == "announced"
    let_time_pass(draw, frozen=False)
    sweeper.run_all()
    draw.refresh_from_db()
    assert draw.state == "frozen"
    Draw.objects.filter(pk=draw.pk).update(frozen_at=timezone.now() - timedelta(hours=1))
    sweeper.run_all()
    assert {outcome: len(numbers) for outcome, numbers in by_outcome(draw).items()} == {"won": 1, "lost": 1}


def test_wishes_are_served_in_the_order_named():
    release = timezone.now() + timedelta(hours=3)
    first, second = (make_slot(places=1, days=days, release_at=release).schedule for days in (3, 4))
    draw = make_draw(first, second)
    for _ in range(3):
        enter(draw, wishes=[second.pk, first.pk])
    hold_draw(draw)
    served = list(draw.entries.order_by("rank").values_list("schedule_id", flat=True))
    assert served == [second.pk, first.pk, None]


def test_a_family_gets_places_together_or_not_at_all():
    draw = make_draw(places=3)
    families = [enter(draw, make_adult(), make_adult()) for _ in range(4)]
    hold_draw(draw)
    won = draw.entries.get(outcome="won")
    assert won.rank == 1
    assert [member.appointment.slot_id for member in won.members.all()] == [slot_of(draw).pk] * 2
    assert not DrawMember.objects.exclude(entry=won).filter(appointment__isnull=False).exists()
    assert len(families) == 4
    assert Place.objects.filter(slot=slot_of(draw), state="free").count() == 1
    assert complaints() == {}


def test_a_family_has_the_tickets_of_the_member_who_has_most():
    draw = make_draw(weights=[draw_weights.age_rule(60, 2)])
    young = make_citizen(birth_date=date(1995, 1, 2))
    pair, single = enter(draw, make_adult(), young), enter(draw, make_citizen(birth_date=date(1995, 1, 3)))
    let_time_pass(draw)
    pair.refresh_from_db()
    single.refresh_from_db()
    assert (pair.weight, single.weight) == (3, 1)


def test_side_by_side_is_one_session_or_neighbours():
    def seats(*positions):
        return {1: [Seat(position, number, position, number) for number, position in enumerate(positions)]}

    assert [seat.position for seat in Rooms(seats(0, 1, 1, 2)).take(1, 2)] == [0, 1]
    assert not Rooms(seats(0, 2, 4)).has_room(1, 2)
    assert not Rooms(seats(0, 1, 2, 3)).has_room(1, 4)
    assert Rooms(seats(0, 3, 3)).take(1, 2) == [Seat(3, 1, 3, 1), Seat(3, 2, 3, 2)]


def test_who_found_a_place_elsewhere_meanwhile_leaves_it_to_the_next():
    draw = make_draw(places=1)
    entries = [enter(draw) for _ in range(3)]
    let_time_pass(draw)
    order = draw_files.drawn_order(draw.seed, draw.list_hash, draw_run.tickets_of(draw))
    first = next(entry for entry in entries if entry.ticket == order[0])
    booked(make_slot(days=2), citizen=first.members.get().citizen)
    draw_run.run(draw.pk)
    assert by_outcome(draw) == {"ineligible": [order[0]], "won": [order[1]], "lost": [order[2]]}
    draw.refresh_from_db()
    assert draw_audits.is_as_published(draw)


def test_a_closed_schedule_gives_no_places_and_hurts_nobody():
    draw = make_draw(places=2)
    enter(draw)
    close_schedule(draw.schedules.get().pk, "petugas sakit")
    hold_draw(draw)
    assert list(by_outcome(draw)) == ["lost"]
    assert draw.state == "drawn"


def test_a_cancelled_draw_tells_everybody_and_gives_its_places_back():
    draw = make_draw()
    enter(draw, make_adult(make_account()))
    draws.cancel(draw.pk, "vaksin belum datang")
    draws.cancel(draw.pk, "lagi")
    while outbox.drain():
        pass
    body = Message.objects.get(kind="draw_cancelled").body
    assert "vaksin belum datang" in body and "dibuka untuk semua" in body
    assert Place.objects.filter(slot=slot_of(draw), pool="online").count() == 3
    assert complaints() == {}


def test_a_draw_closed_and_reopened_meanwhile_stays_out_of_reach():
    draw = make_draw(places=3)
    schedule = draw.schedules.get()
    close_schedule(schedule.pk, "listrik padam")
    reopen_schedule(schedule.pk)
    assert set(Place.objects.filter(slot=slot_of(draw)).values_list("pool", flat=True)) == {"draw"}
    assert complaints() == {}
