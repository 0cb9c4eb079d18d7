"""The desk in the browser's place: what a nurse sees, what is refused, what is logged."""

import re
import uuid
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.models import ReadLog
from registration.models import Citizen
from tests.registration.people import nik_for
from tests.scheduling.world import make_adult
from tests.staff import make_staff, sign_in_staff
from tests.stock.shelf import facility, on_hand, stocked
from tests.vaccination.desk import arrived, booked_today, give, healthy, nurse, past, screened, today_schedule
from vaccination.models import AdverseEvent, Immunization, Screening, Visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client):
    """A vaccinator of Poncol at the keyboard."""
    user = nurse()
    sign_in_staff(client, user)
    client.user = user
    return client


def fill(visit, **changes):
    """The screening form of a healthy person, as the browser sends it."""
    answers, reading = healthy(visit)
    form = {f"q_{key}": "tidak" for key in answers} | reading | {"client_uuid": str(uuid.uuid4()), "outcome": ""}
    return form | changes


def dose_form(page, **changes):
    """The dose form as shown, confirmed."""
    form = page.context["form"]
    return {
        "client_uuid": str(form["client_uuid"].value()), "choice": form["choice"].field.initial, "lot_confirmed": "on",
        "body_site": "LA", "occurred_at": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
        "performer": form["performer"].field.initial, "observe_minutes": "15",
    } | changes  # fmt: skip


@pytest.mark.parametrize("typed", ["scan", "code", "nik"])
def test_one_box_takes_scanned_ticket_typed_code_or_nik(desk, typed):
    from scheduling.tickets import new_code, scan_text

    appointment = booked_today()
    appointment.code = new_code()
    appointment.save()
    text = {
        "scan": scan_text(appointment.code, appointment.public_id),
        "code": f"{appointment.code[:4]} {appointment.code[4:].lower()}",
        "nik": appointment.citizen.nik,
    }[typed]
    answer = desk.post(reverse("desk:find"), {"q": text})
    assert answer.url == reverse("desk:appointment", args=[appointment.public_id])
    page = desk.get(answer.url)
    assert appointment.citizen.full_name in page.content.decode()
    assert appointment.citizen.nik not in page.content.decode()


def test_from_ticket_to_confirmation_by_forms_alone(desk):
    lot = stocked(10)
    appointment = booked_today()
    answer = desk.post(reverse("desk:appointment", args=[appointment.public_id]))
    visit = Visit.objects.get()
    assert answer.url == reverse("desk:screening", args=[visit.public_id])
    answer = desk.post(answer.url, fill(visit))
    assert answer.url == reverse("desk:dose", args=[visit.public_id])
    page = desk.get(answer.url)
    assert lot.lot_number in page.content.decode()
    sent = dose_form(page)
    for _twice in range(2):  # the button pressed twice, or the page sent again by the browser
        answer = desk.post(reverse("desk:dose", args=[visit.public_id]), sent)
        assert answer.url == reverse("desk:given", args=[visit.public_id])
    assert Immunization.objects.count() == 1
    assert on_hand(lot) == 9
    page = desk.get(answer.url).content.decode()
    assert "Dosis tercatat" in page
    purposes = set(
        ReadLog.objects.filter(citizen_id=visit.citizen_id, user=desk.user).values_list("purpose", flat=True)
    )
    assert {"check_in", "dose"} <= purposes


def test_the_dose_form_is_refused_until_the_lot_is_confirmed_and_keeps_what_was_typed(desk):
    stocked(10)
    visit = screened()
    url = reverse("desk:dose", args=[visit.public_id])
    sent = dose_form(desk.get(url), body_site="RA")
    del sent["lot_confirmed"]
    page = desk.post(url, sent)
    assert page.status_code == 200
    html = page.content.decode()
    assert "Cocokkan nomor batch" in html
    assert re.search(r'value="RA"[^>]*checked', html)
    assert sent["client_uuid"] in html
    assert not Immunization.objects.exists()


def test_answers_from_home_are_filled_in_and_marked(desk):
    visit = arrived(pre_screening={"answers": {"A1": False, "A3": True}})
    page = desk.get(reverse("desk:screening", args=[visit.public_id]))
    html = page.content.decode()
    assert "Diisi dari rumah" in html
    assert page.context["form"]["q_A3"].value() == "ya"


def test_a_high_pressure_waits_for_a_second_reading_and_loses_nothing(desk):
    visit = arrived()
    url = reverse("desk:screening", args=[visit.public_id])
    page = desk.post(url, fill(visit, systolic=190, diastolic=115))
    assert "Ukur lagi mulai" in page.content.decode()
    assert not Screening.objects.exists()
    hasty = desk.post(url, fill(visit, systolic=190, diastolic=115, outcome="lanjut", override_reason="buru-buru"))
    assert "Belum dapat lanjut" in hasty.content.decode()
    assert not Screening.objects.exists()
    visit.refresh_from_db()
    first = visit.draft["measurements"][0]
    visit.draft["measurements"][0]["at"] = (timezone.now() - timedelta(minutes=8)).isoformat()
    visit.save()
    again = desk.get(url)
    assert "190/115" in again.content.decode()
    answer = desk.post(url, fill(visit, systolic=150, diastolic=90))
    assert answer.url == reverse("desk:dose", args=[visit.public_id])
    stored = Screening.objects.get()
    assert [reading["systolic"] for reading in stored.measurements] == [190, 150]
    assert first["diastolic"] == 115


def test_fever_is_proposed_as_postponed_and_decided_by_a_person(desk):
    visit = arrived()
    url = reverse("desk:screening", args=[visit.public_id])
    page = desk.post(url, fill(visit, temperature_c="38,4"))
    assert "Usulan: Tunda" in page.content.decode()
    refused = desk.post(url, fill(visit, temperature_c="38,4", outcome="lanjut"))
    assert "Isi alasannya" in refused.content.decode()
    answer = desk.post(url, fill(visit, temperature_c="38,4", outcome="tunda"))
    assert answer.url == reverse("desk:citizen", args=[visit.citizen.public_id])
    visit.refresh_from_db()
    visit.appointment.refresh_from_db()
    assert (visit.step, visit.appointment.status) == (Visit.Step.ENDED, "deferred")


def test_an_override_needs_a_reason_and_keeps_it(desk):
    visit = arrived()
    url = reverse("desk:screening", args=[visit.public_id])
    sent = fill(
        visit, temperature_c="38,4", outcome="lanjut", override_reason="Diukur di bawah matahari, 36,8 di dalam"
    )
    assert desk.post(url, sent).url == reverse("desk:dose", args=[visit.public_id])
    stored = Screening.objects.get()
    assert (stored.proposed_outcome, stored.outcome) == ("tunda", "lanjut")
    assert "matahari" in stored.override_reason


def test_an_unanswered_question_is_never_a_no(desk):
    visit = arrived()
    sent = fill(visit)
    del sent["q_A3"]
    page = desk.post(reverse("desk:screening", args=[visit.public_id]), sent)
    assert "Belum lengkap" in page.content.decode()
    assert not Screening.objects.exists()


def test_a_walk_in_with_unknown_nik_is_written_down_and_served(desk):
    schedule = today_schedule()
    nik = nik_for(date(1941, 3, 9), "P", 9312)
    page = desk.post(reverse("desk:find"), {"q": nik})
    assert "belum terdaftar" in page.content.decode()
    person = {"nik": nik, "full_name": "Warsini Uji", "birth_date": "1941-03-09", "sex": "P"}
    answer = desk.post(reverse("desk:new_citizen"), person)
    citizen = Citizen.objects.get(full_name="Warsini Uji")
    assert answer.url == reverse("desk:walk_in", args=[citizen.public_id])
    page = desk.get(answer.url)
    sent = {"client_uuid": str(uuid.uuid4()), "choice": f"{schedule.pk}:primary1"}
    for _twice in range(2):
        answer = desk.post(reverse("desk:walk_in", args=[citizen.public_id]), sent)
        assert "skrining" in answer.url
    visit = Visit.objects.get()
    assert (visit.appointment.booked_via, visit.queue_number) == ("walk_in", 1)


def test_a_person_without_nik_gets_a_temporary_number(desk):
    today_schedule()
    person = {"no_nik_reason": "panti", "full_name": "Tanpa Uji", "birth_date": "1950-01-01", "sex": "L"}
    desk.post(reverse("desk:new_citizen"), person)
    citizen = Citizen.objects.get(full_name="Tanpa Uji")
    assert citizen.temporary_code.startswith("TS-")
    answer = desk.post(reverse("desk:find"), {"q": citizen.temporary_code})
    assert answer.url == reverse("desk:walk_in", args=[citizen.public_id])


def test_no_nik_enters_an_address_or_a_session(desk):
    citizen = make_adult()
    today_schedule()
    answer = desk.post(reverse("desk:find"), {"q": citizen.nik})
    assert citizen.nik not in answer.url
    assert citizen.nik not in str(dict(desk.session.items()))
    assert desk.get(reverse("desk:find") + f"?q={citizen.nik}").status_code == 302


def test_another_facility_sees_nothing(client, desk):
    row = give().immunization
    visit = row.visit
    stranger = type(client)()
    sign_in_staff(stranger, make_staff("vaksinator", facility=facility("pkm-miroto")))
    names = [
        ("desk:screening", visit.public_id), ("desk:dose", visit.public_id), ("desk:given", visit.public_id),
        ("desk:end", visit.public_id), ("desk:citizen", visit.citizen.public_id), ("desk:correct", row.uuid),
        ("desk:withdraw", row.uuid), ("desk:adverse_event", row.uuid), ("desk:past_dose", visit.citizen.public_id),
        ("desk:walk_in", visit.citizen.public_id), ("desk:appointment", visit.appointment.public_id),
    ]  # fmt: skip
    for name, key in names:
        assert stranger.get(reverse(name, args=[key])).status_code == 404, name
    assert stranger.post(reverse("desk:finish", args=[visit.public_id])).status_code == 404
    assert stranger.post(reverse("desk:reveal_nik", args=[visit.citizen.public_id]), {"reason": "x"}).status_code == 404
    assert not ReadLog.objects.filter(user__memberships__facility=facility("pkm-miroto")).exists()


def test_a_ticket_of_another_facility_says_nothing_about_the_person(desk):
    appointment = booked_today(schedule=today_schedule(at=facility("pkm-miroto")))
    page = desk.post(reverse("desk:find"), {"q": str(appointment.public_id)}, follow=True)
    html = page.content.decode()
    assert "bukan untuk Puskesmas Poncol" in html
    assert appointment.citizen.full_name not in html


def test_opening_a_nik_needs_a_reason_that_the_person_can_read(desk):
    row = give().immunization
    citizen = row.citizen
    url = reverse("desk:reveal_nik", args=[citizen.public_id])
    assert citizen.nik not in desk.post(url, {"reason": ""}, follow=True).content.decode()
    assert citizen.nik in desk.post(url, {"reason": "Cocokkan dengan KTP"}).content.decode()
    assert ReadLog.objects.filter(citizen_id=citizen.pk, note__contains="Cocokkan dengan KTP").exists()


def test_the_record_shows_both_versions_of_a_corrected_dose(desk):
    wrong, right = stocked(10), stocked(10)
    row = give(lot=wrong, actor=desk.user).immunization
    url = reverse("desk:correct", args=[row.uuid])
    page = desk.get(url)
    form = page.context["form"]
    sent = {
        "client_uuid": str(uuid.uuid4()), "lot_id": right.pk, "dose_code": row.dose_code, "body_site": row.body_site,
        "occurred_at": timezone.localtime(row.occurred_at).strftime("%Y-%m-%dT%H:%M"),
        "performer": form["performer"].field.initial, "reason": "Batch tertukar",
    }  # fmt: skip
    answer = desk.post(url, sent)
    html = desk.get(answer.url).content.decode()
    assert wrong.lot_number in html
    assert right.lot_number in html
    assert "Batch tertukar" in html
    assert Immunization.objects.get(status="completed").occurred_at == row.occurred_at


def test_observation_ends_in_time_or_early_with_a_mark(desk):
    visit = give().immunization.visit
    url = reverse("desk:finish", args=[visit.public_id])
    desk.post(url)
    visit.refresh_from_db()
    assert visit.step == Visit.Step.VACCINATED
    assert visit.citizen.full_name in desk.get(reverse("desk:observation")).content.decode()
    desk.post(url, {"left_early": "on"})
    visit.refresh_from_db()
    assert (visit.step, visit.left_early) == (Visit.Step.OBSERVED, True)


def test_a_serious_event_says_what_to_do_at_once(desk):
    row = give().immunization
    onset = timezone.localtime() + timedelta(minutes=1)
    sent = {
        "client_uuid": str(uuid.uuid4()), "onset_at": onset.strftime("%Y-%m-%dT%H:%M"),
        "symptoms": ["anafilaksis"], "outcome": "dirujuk",
    }  # fmt: skip
    answers = [desk.post(reverse("desk:adverse_event", args=[row.uuid]), sent) for _twice in range(2)]
    event = AdverseEvent.objects.get()
    assert event.is_serious
    assert {answer.url for answer in answers} == {reverse("desk:adverse_event_done", args=[event.pk])}
    html = desk.get(answers[0].url).content.decode()
    assert "24 jam" in html
    assert row.lot_number in html


def test_a_dose_from_a_card_is_recorded_and_changes_what_comes_next(desk):
    citizen = make_adult()
    desk.post(reverse("desk:find"), {"q": citizen.nik})
    sent = {
        "client_uuid": str(uuid.uuid4()), "dose": "covid19:COV_AZ:primary1", "occurred_on": "2021-08-01",
        "origin": "card", "outside_facility": "RS di Solo",
    }  # fmt: skip
    desk.post(reverse("desk:past_dose", args=[citizen.public_id]), sent)
    row = Immunization.objects.get()
    assert (row.is_primary_source, row.outside_facility) == (False, "RS di Solo")
    arrived(citizen)
    reported = {
        "client_uuid": str(uuid.uuid4()), "onset_at": "2021-08-02T08:00", "symptoms": ["demam"], "outcome": "pulih",
    }  # fmt: skip
    answer = desk.post(reverse("desk:adverse_event", args=[row.uuid]), reported, follow=True)
    assert answer.status_code == 200
    assert "Demam" in answer.content.decode()


def test_the_printed_list_is_logged_for_everybody_on_it(desk):
    people = [booked_today().citizen_id, booked_today().citizen_id]
    html = desk.get(reverse("desk:print")).content.decode()
    assert "99740" not in re.sub(r"\d{6}\*+\d{4}", "", html)
    assert set(ReadLog.objects.filter(purpose="day_list").values_list("citizen_id", flat=True)) == set(people)


def count_queries(client, url):
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", ["desk:today", "desk:observation"])
def test_lists_cost_the_same_for_two_and_for_twelve(desk, name):
    lot, actor = stocked(50), nurse()
    for _person in range(2):
        booked_today()
        give(lot=lot, actor=actor)
    few = count_queries(desk, reverse(name))
    for _person in range(5):
        booked_today()
        give(lot=lot, actor=actor)
    assert count_queries(desk, reverse(name)) == few


def test_a_record_costs_the_same_for_one_dose_and_for_four(desk):
    citizen = make_adult()
    past(citizen, "primary1", 900)
    give(screened(citizen=citizen, dose_code="primary2"))
    url = reverse("desk:citizen", args=[citizen.public_id])
    few = count_queries(desk, url)
    past(citizen, "mr1", 300, vaccine="MR", programme="rutin")
    past(citizen, "bcg", 300, vaccine="BCG", programme="rutin")
    assert count_queries(desk, url) == few


def test_a_stock_keeper_cannot_record_a_dose(client):
    visit = screened()
    sign_in_staff(client, make_staff("pengelola_stok", facility=facility()))
    assert client.get(reverse("desk:dose", args=[visit.public_id])).status_code == 403
    sign_in_staff(client, make_staff("petugas", facility=facility()))
    assert client.get(reverse("desk:dose", args=[visit.public_id])).status_code == 403


def test_nobody_without_sign_in_reaches_the_desk(client):
    answer = client.get(reverse("desk:today"))
    assert answer.status_code == 302
    assert "masuk" in answer.url


@pytest.mark.parametrize("text", ["", "\x00", "x" * 500, "9974011705319", "SMG1:ABC", "1111111111111111", "' OR 1=1"])
def test_nonsense_in_the_box_is_answered_in_words(desk, text):
    page = desk.post(reverse("desk:find"), {"q": text}, follow=True)
    assert page.status_code == 200
    assert "notice" in page.content.decode()


@pytest.mark.parametrize("query", ["", "?next=datang", "?next=%00"])
def test_the_card_page_opens_from_everywhere(desk, query):
    citizen = give().immunization.citizen
    assert desk.get(reverse("desk:past_dose", args=[citizen.public_id]) + query).status_code == 200


@pytest.mark.parametrize("typed", ["365", "3,6", "panas"])
def test_a_temperature_that_cannot_be_gets_one_sentence_and_stays_in_its_field(desk, typed):
    visit = arrived()
    page = desk.post(reverse("desk:screening", args=[visit.public_id]), fill(visit, temperature_c=typed))
    html = page.content.decode()
    assert html.count("Tulis suhu antara 30 dan 45, mis. 36,5.") == 2  # in the summary and at the field
    assert html.count("Suhu (°C):") == 1
    assert f'value="{typed}"' in html
