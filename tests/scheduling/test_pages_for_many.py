"""What a rush asks for again and again is drawn once: and nothing of one person is shown to another."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.translation import override

from programmes import catalogue
from programmes.models import Question
from scheduling import places, publishing, queries
from scheduling.models import Place
from scheduling.services import cancel
from tests.registration.people import make_account, sign_in_citizen
from tests.scheduling.test_booking_pages import answer_all, confirm, hold
from tests.scheduling.world import booked, make_adult, make_schedule, make_slot
from tests.vaccination.desk import past

pytestmark = pytest.mark.django_db
FIELDSETS = re.compile(r"<fieldset.*?</fieldset>", re.DOTALL)


def signed_in(**fields):
    """A client and the adult it is signed in for."""
    account, client = make_account(), Client()
    sign_in_citizen(client, account)
    return client, make_adult(account, **fields)


def questions(client, url):
    """The page of questions, and its fieldsets."""
    page = client.get(url).content.decode()
    return page, FIELDSETS.findall(page)


def test_two_people_are_asked_the_same_and_each_reads_the_own_name_and_key():
    slot = make_slot()
    pages = []
    for name in ("Sari Uji", "Tono Uji"):
        client, citizen = signed_in(full_name=name, sex="P")
        pages.append(questions(client, hold(client, citizen, slot)))
    (first, asked), (second, asked_again) = pages
    assert asked == asked_again and len(asked) > 3
    assert "Sari Uji" in first and "Tono Uji" not in first
    assert "Tono Uji" in second and "Sari Uji" not in second
    keys = [re.search(r'name="kunci" value="([^"]+)"', page)[1] for page in (first, second)]
    assert keys[0] != keys[1]


def test_answers_of_one_person_are_ticked_for_nobody_else():
    slot = make_slot()
    client, citizen = signed_in(sex="P")
    url = hold(client, citizen, slot)
    name = re.search(r'name="([^"]+)" value="ya"', client.get(url).content.decode())[1]
    sealed = answer_all(client, url, yes=(name,))
    link = re.search(r'href="([^"]+isi=[^"]+)">Ubah', client.get(sealed).content.decode())[1].replace("&amp;", "&")
    assert "checked" in "".join(questions(client, link)[1])
    other, somebody = signed_in(sex="P")
    assert "checked" not in "".join(questions(other, hold(other, somebody, slot))[1])


def test_an_edited_question_and_the_other_language_are_shown_at_once():
    slot = make_slot()
    client, citizen = signed_in()
    url = hold(client, citizen, slot)
    questions(client, url)
    english = client.get("/en" + url).content.decode()
    assert "Yes" in "".join(FIELDSETS.findall(english))
    Question.objects.update(text="Pertanyaan baru?")
    catalogue.forget()
    assert "Pertanyaan baru?" in questions(client, url)[0]
    with override("id"):
        assert "Tidak" in "".join(questions(client, url)[1])


@pytest.mark.usefixtures("kept_fresh")
def test_choosing_a_session_with_places_left_does_not_read_the_whole_city(django_assert_num_queries):
    slot = make_slot()
    client, citizen = signed_in()
    page = reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id])
    client.get(page)
    queries._overview.forget()
    with django_assert_num_queries(1):  # person, with history and active appointments
        assert client.get(page).status_code == 200
    queries._sessions.clear()
    with django_assert_num_queries(2):  # and the sessions with their places, once a second for everybody
        assert client.get(page).status_code == 200


@pytest.mark.usefixtures("kept_fresh")
def test_the_list_of_sessions_is_a_second_old_at_most_and_everybody_reads_the_own_name(monkeypatch):
    slot = make_slot(places=3)
    (one, sari), (other, tono) = signed_in(full_name="Sari Uji"), signed_in(full_name="Tono Uji")
    first, second = (
        reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id]) for citizen in (sari, tono)
    )
    assert "3 tempat" in one.get(first).content.decode()
    booked(slot)
    page = other.get(second).content.decode()
    assert "3 tempat" in page and "Tono Uji" in page and "Sari Uji" not in page
    assert str(tono.public_id) in page and str(sari.public_id) not in page
    assert "3 places" in other.get(f"/en{second}").content.decode()
    monkeypatch.setattr(queries, "MAX_AGE_SECONDS", 0.0)
    assert "2 tempat" in one.get(first).content.decode()


def test_who_is_refused_sees_what_is_left_now_and_not_a_second_ago():
    schedule = make_schedule(walk_in_percent=0, places_per_slot=1)
    gone, left = schedule.slots.all()
    client, citizen = signed_in()
    page = reverse("scheduling:choose_slot", args=[citizen.public_id, schedule.pk])
    assert f'value="{gone.pk}"' in client.get(page).content.decode()
    booked(gone)
    refused = client.post(page, {"sesi": gone.pk})
    assert refused.status_code == 409
    assert f'value="{left.pk}"' in refused.content.decode() and f'value="{gone.pk}"' not in refused.content.decode()


def test_a_place_shown_twice_is_drawn_with_what_is_remembered_now():
    slot = make_slot()
    client, citizen = signed_in(sex="P")
    url = hold(client, citizen, slot)
    check = answer_all(client, url)
    place = slot.schedule.facility
    assert all(place.name in client.get(page).content.decode() for page in (url, check))
    type(place).objects.filter(pk=place.pk).update(name="Puskesmas Baru", address="Jalan Pindah 1")
    queries.forget()  # what is remembered of a day lasts two minutes, and its text no longer
    assert "Puskesmas Baru" in client.get(url).content.decode()
    assert "Jalan Pindah 1" in client.get(check).content.decode()


def test_a_yes_is_shown_to_nobody_else():
    slot = make_slot()
    pages = []
    for answers in ((), ("first",), ()):
        client, citizen = signed_in(sex="P")
        url = hold(client, citizen, slot)
        name = re.search(r'name="([^"]+)" value="ya"', client.get(url).content.decode())[1]
        pages.append(client.get(answer_all(client, url, yes=(name,) if answers else ())).content.decode())
    assert ["<dd>Ya</dd>" in page for page in pages] == [False, True, False]


def test_a_closed_or_full_day_is_never_shown_as_open():
    slot = make_slot(places=1)
    client, citizen = signed_in()
    page = reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id])
    assert 'name="sesi"' in client.get(page).content.decode()
    Place.objects.filter(slot=slot).update(
        state=Place.HELD, held_until=timezone.now() + timedelta(minutes=5), held_by="0" * 32
    )
    queries._overview.forget()
    assert queries.open_row(queries.slots_of(slot.schedule_id)) is None
    Place.objects.filter(slot=slot).update(state=Place.FREE, held_until=None, held_by=None)
    publishing.close_schedule(slot.schedule_id, reason="Hujan")
    queries._overview.forget()
    queries._sessions.clear()  # both at most a second old; what is remembered of the day for two minutes stays
    assert 'name="sesi"' not in client.get(page).content.decode()


def test_a_day_not_yet_released_or_handed_to_the_gate_is_not_open():
    now = timezone.now()
    moments = ({"release_at": now + timedelta(hours=1)}, {"walk_in_at": now - timedelta(minutes=1)})
    for days, fields in enumerate(moments, 1):
        schedule = make_schedule(days=days)
        type(schedule).objects.filter(pk=schedule.pk).update(**fields)
        assert queries.open_row(queries.slots_of(schedule.pk)) is None


def test_a_held_place_is_booked_by_the_short_statement_and_a_lost_one_by_the_long_one(monkeypatch):
    asked = []
    for statement in (places.BOOK_HELD, places.BOOK):
        rows = statement.rows

        def noted(name=statement.name, rows=rows, **values):
            asked.append(name)
            return rows(**values)

        monkeypatch.setattr(statement, "rows", noted)
    slot = make_slot(places=2)
    client, citizen = signed_in()
    check = answer_all(client, hold(client, citizen, slot))
    assert "baru=1" in confirm(client, check).url
    assert asked == ["book_held_place"]
    asked.clear()
    client, citizen = signed_in()
    check = answer_all(client, hold(client, citizen, slot))
    Place.objects.filter(slot=slot, state=Place.HELD).update(state=Place.FREE, held_until=None, held_by=None)
    assert "baru=1" in confirm(client, check).url
    assert asked == ["book_held_place", "book_place"]


def test_no_word_of_the_first_visitor_is_on_the_pages_of_the_second():
    slot = make_slot()
    own = []
    for name in ("Sari O'Uji", "Tono D'Uji"):
        client, citizen = signed_in(full_name=name, sex="P")
        first = reverse("scheduling:choose_slot", args=[citizen.public_id, slot.schedule_id])
        url = hold(client, citizen, slot)
        check = answer_all(client, url)
        for address in (first, url, check):
            page = client.get(address).content.decode()
            words = set(re.findall(r'name="(?:csrfmiddlewaretoken|kunci|isi)" value="([^"]+)"', page))
            words |= {str(citizen.public_id), escape(name)}
            assert all(word in page for word in words) and len(words) > 2
            assert not any(word in page for word in own if word not in words), address
            own += words if name.startswith("Sari") else []
    assert len(own) > 8


def test_what_is_read_along_with_a_person_is_of_that_person_and_of_this_moment():
    slot, account, client = make_slot(), make_account(), Client()
    sign_in_citizen(client, account)
    family = [make_adult(account, full_name=name) for name in ("Sari Uji", "Tono Uji", "Tuti Uji")]

    def may_choose():
        pages = [reverse("scheduling:choose_slot", args=[one.public_id, slot.schedule_id]) for one in family]
        return ['name="sesi"' in client.get(page).content.decode() for page in pages]

    assert may_choose() == [True, True, True]
    past(family[0], "primary1", days_ago=3)
    appointment = booked(slot, family[1])
    assert may_choose() == [False, False, True]
    cancel(appointment.pk)
    assert may_choose() == [False, True, True]
