"""A family side by side: the statement, and the pages from the check boxes to the tickets."""

import base64
import random
import re
import uuid
from datetime import time, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from core.models import OutboxMessage
from scheduling import errors, families, flow, queries
from scheduling.models import Appointment, Place, Slot
from scheduling.services import book, cancel, close_schedule, hold_key, hold_place
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import booked, make_adult, make_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def phone(client, account):
    sign_in_citizen(client, account)
    return client


def make_day(*free, **options):
    """A schedule whose sessions have `free` online places each, soonest first; returns (schedule, slots)."""
    largest = max(free)
    ends = timedelta(hours=8, minutes=30 * len(free))
    schedule = make_schedule(
        open_time=time(8), close_time=time(ends.seconds // 3600, ends.seconds // 60 % 60), places_per_slot=largest,
        walk_in_percent=0, **options,
    )  # fmt: skip
    slots = list(schedule.slots.all())
    assert len(slots) == len(free)
    for slot, places in zip(slots, free, strict=True):
        Place.objects.filter(slot=slot, number__gt=places).update(pool="walk_in")
    return schedule, slots


def seats(slots):
    """How many are taken in each session."""
    return [Place.objects.filter(slot=slot, state="taken").count() for slot in slots]


def book_family(people, slot, **options):
    return families.book_family(citizens=people, slot_id=slot.pk, client_uuid=uuid.uuid4(), **options)


def three(account, **fields):
    return [make_adult(account, full_name=f"{name} Uji", **fields) for name in ("Wati", "Budi", "Sari")]


# --- the statement ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "chosen", "size", "expected"),
    [
        ((5, 5, 5), 1, 3, [0, 3, 0]),  # one session when it has room
        ((5, 2, 5), 1, 3, [0, 2, 1]),  # then the next one
        ((5, 2, 0), 1, 3, [1, 2, 0]),  # or the one before
        ((1, 1, 1, 1, 1), 2, 5, [1, 1, 1, 1, 1]),
        ((1, 1, 1, 1, 1, 1), 0, 4, None),  # further than two sessions is not together
        ((2, 0, 5), 0, 3, None),  # a full session between
        ((0, 5), 0, 3, None),  # the chosen session itself is full
        ((2, 0, 3), 2, 4, None),
    ],
)
def test_places_are_taken_in_the_chosen_session_and_its_neighbours_or_not_at_all(free, chosen, size, expected):
    _schedule, slots = make_day(*free)
    people = [make_adult() for _ in range(size)]

    if expected is None:
        with pytest.raises((errors.TooFewTogether, errors.SlotFull)):
            book_family(people, slots[chosen])
        expected = [0] * len(free)
    else:
        assert [one.citizen for one in book_family(people, slots[chosen])] == people

    assert seats(slots) == expected
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == sum(expected)


@pytest.mark.parametrize("seed", range(30))
def test_the_page_says_what_the_statement_does(seed):
    dice = random.Random(seed)
    free = [dice.choice([0, 0, 1, 1, 2, 3]) for _ in range(dice.randint(2, 7))]
    free[dice.randrange(len(free))] = 3
    schedule, slots = make_day(*free)
    wanted = dice.randint(2, 6)

    for slot in slots:
        said = families.arrangement(queries.slots_of(schedule.pk), slot.pk, wanted)
        with transaction.atomic():
            picked = families.pick(slot_id=slot.pk, wanted=wanted)
            transaction.set_rollback(True)
        done = [(one.pk, sum(place.slot_id == one.pk for place in picked)) for one in slots]
        assert [(row.id, number) for row, number in said] == [(pk, number) for pk, number in done if number], free


def test_too_few_places_are_counted_out():
    _schedule, slots = make_day(2, 1)

    with pytest.raises(errors.TooFewTogether) as refusal:
        book_family([make_adult() for _ in range(4)], slots[0])

    assert (refusal.value.left, refusal.value.wanted) == (3, 4)


def test_the_same_request_gives_the_first_answer_and_other_people_do_not_get_it():
    _schedule, slots = make_day(9)
    people, key = [make_adult() for _ in range(3)], uuid.uuid4()
    ask = {"slot_id": slots[0].pk, "client_uuid": key}

    first = families.book_family(citizens=people, **ask)
    cancel(first[1].pk)

    assert families.book_family(citizens=people, **ask) == first
    others = families.book_family(citizens=[make_adult(), make_adult()], **ask)
    assert not {one.pk for one in others} & {one.pk for one in first}
    with pytest.raises(errors.AlreadyBooked) as refusal:  # the same form with somebody added is another request
        families.book_family(citizens=[people[0], make_adult()], **ask)
    assert refusal.value.citizen == people[0]


def test_one_member_who_may_not_keeps_all_from_being_booked():
    _schedule, slots = make_day(9, dose_codes=["primary1"])
    people = [make_adult(), make_citizen(birth_date=timezone.localdate() - timedelta(days=90)), make_adult()]

    with pytest.raises(errors.NotEligible) as refusal:
        book_family(people, slots[0])

    assert refusal.value.citizen == people[1]
    assert seats(slots) == [0]


def test_one_member_with_an_appointment_keeps_all_from_being_booked_and_their_places_stay_free():
    _schedule, slots = make_day(9)
    people = [make_adult() for _ in range(3)]
    existing = booked(slots[0], people[2])

    with pytest.raises(errors.AlreadyBooked) as refusal:
        book_family(people, slots[0])

    assert refusal.value.appointment == existing
    assert seats(slots) == [1]
    assert not Place.objects.filter(state="held").exists()


def test_a_hold_is_shown_to_nobody_else_keeps_its_time_and_gives_the_places_that_were_held():
    schedule, slots = make_day(2, 3)
    people = [make_adult() for _ in range(3)]
    keys = [hold_key(person, "covid19") for person in people]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        held = families.hold_family(slot_id=slots[0].pk, keys=keys)
        clock.shift(60)
        assert families.hold_family(slot_id=slots[0].pk, keys=keys) == held
        assert [slot.places_left for slot in queries.slots_of(schedule.pk)] == [0, 2]
        Place.objects.filter(slot=slots[0], state="free").update(pool="online")
        made = book_family(people, slots[0], held=True)

    assert {hold_key(one.citizen, "covid19"): one.slot_id for one in made} == held.slots
    assert not Place.objects.filter(state="held").exists()


def test_choosing_another_session_gives_the_first_places_back():
    _schedule, slots = make_day(3, 3, 3, 3, 3, 3)
    keys = [uuid.uuid4() for _ in range(3)]

    families.hold_family(slot_id=slots[0].pk, keys=keys)
    families.hold_family(slot_id=slots[5].pk, keys=keys)

    assert list(Place.objects.filter(state="held").values_list("slot_id", flat=True)) == [slots[5].pk] * 3


def test_a_lapsed_hold_needs_no_worker_to_end():
    _schedule, slots = make_day(3)
    families.hold_family(slot_id=slots[0].pk, keys=[uuid.uuid4() for _ in range(3)])
    people = [make_adult() for _ in range(3)]
    with pytest.raises(errors.SlotFull):
        book_family(people, slots[0])

    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert len(book_family(people, slots[0])) == 3


def test_a_hold_that_somebody_else_took_over_is_told_as_such():
    _schedule, slots = make_day(3)
    people = [make_adult() for _ in range(3)]
    families.hold_family(slot_id=slots[0].pk, keys=[hold_key(person, "covid19") for person in people])

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        booked(slots[0])
        with pytest.raises(errors.HoldExpired):
            book_family(people, slots[0], held=True)
        assert seats(slots) == [1]


def test_a_closed_day_is_called_closed_and_not_full():
    schedule, slots = make_day(9)
    close_schedule(schedule.pk, "listrik padam")

    with pytest.raises(errors.ScheduleClosed):
        book_family([make_adult(), make_adult()], slots[0])


def test_a_family_moves_together_once_and_is_cancelled_together():
    _schedule, slots = make_day(3, 2, 2)
    people = [make_adult() for _ in range(3)]
    made = book_family(people, slots[0])
    ids, codes = [one.pk for one in made], [one.code for one in made]

    for _twice in range(2):
        families.move_family(ids, slots[2].pk, sequence=0)

    rows = Appointment.objects.filter(pk__in=ids)
    assert seats(slots) == [0, 1, 2]
    assert sorted(rows.values_list("code", flat=True)) == sorted(codes)
    assert OutboxMessage.objects.filter(topic="appointment.moved").count() == 3
    for _twice in range(2):
        families.cancel_family(ids)
    assert seats(slots) == [0, 0, 0]
    assert OutboxMessage.objects.filter(topic="appointment.cancelled").count() == 3


def test_a_family_that_does_not_fit_elsewhere_stays_where_it_is():
    _schedule, slots = make_day(3, 0, 2)
    made = book_family([make_adult() for _ in range(3)], slots[0])

    with pytest.raises(errors.TooFewTogether):
        families.move_family([one.pk for one in made], slots[2].pk, sequence=0)

    assert seats(slots) == [3, 0, 0]


# --- the pages -------------------------------------------------------------------------------------------------------


def ticked(people):
    return "?" + "&".join(f"warga={person.public_id}" for person in people)


def answer_all(phone, url):
    """Answer page after page; returns the address of the check page and how many pages there were."""
    pages = 0
    while True:
        page = phone.get(url, follow=False)
        if page.status_code == 302:
            url = page.url
            continue
        text = page.content.decode()
        names = set(re.findall(r'name="([^"]+)" value="tidak"', text))
        if not names:
            return url, pages
        pages += 1
        assert f"Orang {pages} dari" in text
        fields = dict(re.findall(r'<input type="hidden" name="(kunci|isi)" value="([^"]*)"', text))
        url = phone.post(url, dict.fromkeys(names, "tidak") | fields).url


def confirm(phone, url):
    fields = dict(
        re.findall(r'<input type="hidden" name="(kunci|isi)" value="([^"]*)"', phone.get(url).content.decode())
    )
    return phone.post(url, fields)


def test_three_members_from_the_check_boxes_to_three_tickets(phone, account):
    schedule, slots = make_day(2, 4)
    people = three(account)

    page = phone.get(reverse("scheduling:new")).content.decode()
    assert page.count('type="checkbox"') == 3
    page = phone.get(reverse("scheduling:family") + ticked(people)).content.decode()
    assert "Semua bisa" in page
    page = phone.get(reverse("scheduling:family_schedules", args=["covid19"]) + ticked(people)).content.decode()
    assert "3 tempat berdampingan" in page
    url = reverse("scheduling:family_slots", args=[schedule.pk]) + ticked(people)
    page = " ".join(re.sub("<[^>]+>", "", phone.get(url).content.decode()).split())
    assert "3 tempat berdampingan: 08.00 (2) dan 08.30 (1)" in page
    check, pages = answer_all(phone, phone.post(url, {"sesi": slots[0].pk}).url)
    assert pages == 3
    page = phone.get(check).content.decode()
    assert "3 tempat ditahan untuk Anda" in page and all(person.full_name in page for person in people)
    done = confirm(phone, check)

    made = Appointment.objects.filter(citizen__in=people)
    assert made.count() == 3 and seats(slots) == [2, 1]
    assert all(one.pre_screening["outcome"] == "lanjut" and one.questionnaire_id for one in made)
    page = phone.get(done.url).content.decode()
    assert "3 janji sudah tercatat" in page and all(one.code[:4] in page for one in made)
    again = confirm(phone, check) if phone.get(check).status_code == 200 else phone.get(check)
    assert urlsplit(again.url).path == urlsplit(done.url).path
    assert Appointment.objects.count() == 3


def test_the_address_shows_no_answer_and_stays_short_for_a_large_family(phone, account):
    _schedule, slots = make_day(10)
    people = [make_adult(account) for _ in range(families.LARGEST)]

    first = phone.post(
        reverse("scheduling:family_slots", args=[slots[0].schedule_id]) + ticked(people), {"sesi": slots[0].pk}
    ).url
    check, _pages = answer_all(phone, first)

    assert len(check) < 2000
    sealed = parse_qs(urlsplit(check).query)["isi"][0]
    word = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    assert b'"a"' not in word and word not in (b"", sealed.encode())


def test_answers_of_one_family_do_not_open_for_other_people_or_another_session(account):
    people = three(account)
    word = flow.FamilyAnswers(tuple(people), 7, {0: (1, ["alergi"]), 2: (1, [])}).seal()

    assert flow.FamilyAnswers.unseal(word, people, 7).yes == {0: (1, ["alergi"]), 2: (1, [])}
    for others, slot_id in ((people, 8), (people[:2], 7), (people[::-1], 7)):
        assert flow.FamilyAnswers.unseal(word, others, slot_id).yes == {}
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert flow.FamilyAnswers.unseal(word, people, 7).yes == {}


def test_who_may_not_is_named_with_the_reason_and_the_others_can_go_on(phone, account):
    schedule, slots = make_day(9)
    people = three(account)
    baby = make_citizen(
        account, birth_date=timezone.localdate() - timedelta(days=90), full_name="Bayi Uji", guardian=people[0]
    )

    url = reverse("scheduling:family_slots", args=[schedule.pk]) + ticked([*people, baby])
    page = phone.get(url).content.decode()
    assert "Belum bisa bersama" in page and "Bayi Uji" in page and "Lanjut dengan" in page
    refused = phone.post(url, {"sesi": slots[0].pk})
    assert refused.status_code == 409 and "Bayi Uji: " in refused.content.decode()
    page = phone.get(reverse("scheduling:family_schedules", args=["covid19"]) + ticked([*people, baby]))
    assert "Tanpa Bayi Uji ada 1 jadwal lagi" in page.content.decode()


def test_too_few_places_name_the_number_and_three_ways_on(phone, account):
    schedule, _slots = make_day(2, 0, 2)
    other, _more = make_day(5, days=2)
    people = three(account)

    page = phone.get(reverse("scheduling:family_slots", args=[schedule.pk]) + ticked(people)).content.decode()

    assert "Tinggal 2 tempat berdampingan" in page
    assert "Pesan untuk 2 orang dulu" in page and "daftar tunggu bersama" in page
    assert reverse("scheduling:family_slots", args=[other.pk]) in page


def test_nobody_ticked_is_said_and_one_ticked_is_the_single_way(phone, account):
    people = three(account)

    empty = phone.get(reverse("scheduling:family"), follow=True).content.decode()
    assert "Belum ada yang dicentang" in empty
    alone = phone.get(reverse("scheduling:family") + ticked(people[:1]))
    assert alone.url == reverse("scheduling:new_for", args=[people[0].public_id])


def test_a_stranger_in_the_address_is_nobody(phone, account):
    people = [*three(account), make_adult(make_account())]

    assert phone.get(reverse("scheduling:family") + ticked(people)).status_code == 404


def test_a_lapsed_hold_can_be_held_again_without_answering_again(phone, account):
    schedule, slots = make_day(5)
    people = three(account)
    url = reverse("scheduling:family_slots", args=[schedule.pk]) + ticked(people)
    check, _pages = answer_all(phone, phone.post(url, {"sesi": slots[0].pk}).url)

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        page = phone.get(check).content.decode()
        assert "Waktu penahanan habis" in page and "Tahan tempat lagi" in page
        fields = dict(re.findall(r'<input type="hidden" name="(kunci|isi)" value="([^"]*)"', page))
        back = phone.post(url, fields | {"sesi": slots[0].pk}, follow=True)
        assert "3 tempat ditahan untuk Anda" in back.content.decode()
        assert urlsplit(back.request["PATH_INFO"]).path == urlsplit(check).path


def test_places_lost_while_answering_are_told_and_nobody_is_booked(phone, account):
    schedule, slots = make_day(4)
    people = three(account)
    url = reverse("scheduling:family_slots", args=[schedule.pk]) + ticked(people)
    check, _pages = answer_all(phone, phone.post(url, {"sesi": slots[0].pk}).url)

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        for _ in range(2):
            booked(slots[0])
        refused = confirm(phone, check)

    text = refused.content.decode()
    assert refused.status_code == 409
    assert "Waktu habis" in text and "Tinggal 2 tempat berdampingan" in text and "untuk siapa pun" in text
    assert not Appointment.objects.filter(citizen__in=people).exists()


def test_a_family_is_moved_and_cancelled_from_its_tickets(phone, account):
    _schedule, slots = make_day(3, 3)
    made = book_family(three(account), slots[0])
    page = reverse("scheduling:family_tickets", args=[made[0].public_id])

    form = phone.get(page + "pindah/").content.decode()
    sequence = re.search(r'name="urutan" value="(\d+)"', form)[1]
    moved = phone.post(page + "pindah/", {"sesi": slots[1].pk, "urutan": sequence})
    assert "Semua janji sudah dipindahkan" in phone.get(moved.url).content.decode()
    assert seats(slots) == [0, 3]
    phone.post(page + "batal/", {"alasan": "sakit"})
    assert seats(slots) == [0, 0]


def test_the_single_flow_and_the_family_flow_share_one_hold(phone, account):
    _schedule, slots = make_day(3)
    people = three(account)
    hold_place(slots[0].pk, hold_key(people[0], "covid19"))

    families.hold_family(slot_id=slots[0].pk, keys=[hold_key(person, "covid19") for person in people])

    assert Place.objects.filter(slot=slots[0], state="held").count() == 3
    book(citizen=people[0], slot_id=slots[0].pk, client_uuid=uuid.uuid4())
    assert Slot.objects.get(pk=slots[0].pk).places.filter(state="held").count() == 2
