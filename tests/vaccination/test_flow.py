"""The steps between the desks: queue numbers, double presses, deferral, merging of two records."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from registration.services import merge_citizens
from scheduling.models import Appointment, Place
from tests.registration.people import make_citizen
from tests.scheduling.world import make_adult
from tests.stock.shelf import facility, stocked, together
from tests.vaccination.desk import arrived, booked_today, give, healthy, nurse, past, screened, today_schedule
from vaccination import adverse_events, flow, services
from vaccination.errors import VaccinationError
from vaccination.models import AdverseEvent, Immunization, Screening, Visit

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_people_who_arrive_at_once_get_numbers_without_gap_or_double():
    schedule, actor = today_schedule(), nurse()
    here = schedule.facility
    appointments = [booked_today(schedule=schedule) for _person in range(8)]
    results = together(lambda row: flow.check_in(appointment_id=row.pk, facility=here, actor=actor), appointments * 2)
    assert [r for r in results if isinstance(r, Exception)] == []
    assert sorted(Visit.objects.values_list("queue_number", flat=True)) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_one_walk_in_form_sent_by_eight_hands_takes_one_place():
    schedule, citizen, actor, key = today_schedule(), make_adult(), nurse(), uuid.uuid4()

    def press(_n):
        return flow.check_in_walk_in(
            citizen_id=citizen.pk, facility=schedule.facility, schedule_id=schedule.pk, dose_code="primary1",
            client_uuid=key, actor=actor,
        )  # fmt: skip

    results = together(press, range(8))
    assert [r for r in results if isinstance(r, Exception)] == []
    assert Visit.objects.count() == Appointment.objects.count() == 1
    assert Place.objects.filter(state=Place.TAKEN).count() == 1


def test_a_ticket_for_another_day_or_facility_is_told_apart():
    schedule = today_schedule()
    appointment = booked_today(schedule=schedule)
    with pytest.raises(VaccinationError, match="fasilitas lain"):
        flow.check_in(appointment_id=appointment.pk, facility=facility("pkm-miroto"), actor=nurse())
    schedule.date = timezone.localdate() + timedelta(days=1)
    schedule.save()
    with pytest.raises(VaccinationError, match="untuk tanggal"):
        flow.check_in(appointment_id=appointment.pk, facility=schedule.facility, actor=nurse())
    assert not Visit.objects.exists()


def test_a_deferred_person_frees_the_place_and_is_no_no_show():
    visit = arrived()
    answers, _reading = healthy(visit)
    flow.screen(
        visit_id=visit.pk, client_uuid=uuid.uuid4(), answers=answers, actor=nurse(), outcome="tunda",
        reading={"temperature_c": "38.2", "systolic": 120, "diastolic": 80},
    )  # fmt: skip
    visit.refresh_from_db()
    assert visit.appointment.status == Appointment.Status.DEFERRED
    assert not Place.objects.filter(appointment=visit.appointment).exists()
    assert arrived(visit.citizen).step == Visit.Step.ARRIVED  # may come back, even today


def test_a_screening_sent_twice_is_one_decision():
    visit, key = arrived(), uuid.uuid4()
    answers, reading = healthy(visit)
    for _twice in range(2):
        flow.screen(visit_id=visit.pk, client_uuid=key, answers=answers, reading=reading, actor=nurse())
    assert Screening.objects.count() == 1


def test_a_high_pressure_twice_is_postponed():
    visit = arrived()
    answers, _reading = healthy(visit)
    high = {"temperature_c": "36.5", "systolic": 190, "diastolic": 100}
    call = {"visit_id": visit.pk, "answers": answers, "actor": nurse()}
    first = flow.screen(client_uuid=uuid.uuid4(), reading=high, **call)
    assert first.proposal.measure_again_at is not None
    again = flow.screen(client_uuid=uuid.uuid4(), reading=high, **call)  # at once: no second reading yet
    assert again.proposal.measure_again_at is not None
    visit.refresh_from_db()
    assert len(visit.draft["measurements"]) == 1
    visit.draft["measurements"][0]["at"] = (timezone.now() - timedelta(minutes=9)).isoformat()
    visit.save()
    later = flow.screen(client_uuid=uuid.uuid4(), reading=high, **call)
    assert later.proposal.outcome == "tunda"
    assert later.screening is None  # a person decides


def test_a_pregnant_woman_is_asked_the_pregnancy_form():
    citizen = make_citizen(birth_date=timezone.localdate() - timedelta(days=28 * 365), sex="P")
    visit = arrived(citizen)
    answers, reading = healthy(visit)
    result = flow.screen(
        visit_id=visit.pk, client_uuid=uuid.uuid4(), answers=answers | {"A2": True}, reading=reading, actor=nurse()
    )  # fmt: skip
    assert result.proposal.use_form
    visit.refresh_from_db()
    sheet = flow.sheet_for(visit)
    assert sheet.questionnaire.applies_to.get("pregnant") is True
    assert len(sheet.measurements) == 1


def test_allergy_means_thirty_minutes():
    visit = arrived()
    sheet = flow.sheet_for(visit)
    allergy = next(item.key for item in sheet.form.items if "alergi" in item.text.lower())
    screening = Screening(answers={allergy: True})
    assert flow.history_of_allergy(screening, sheet.form)
    assert not flow.history_of_allergy(Screening(answers={allergy: False}), sheet.form)


def test_a_further_dose_of_the_visit_extends_the_observation():
    visit = screened()
    give(visit, observe_minutes=30)
    visit.refresh_from_db()
    assert visit.observe_until - visit.vaccinated_at == timedelta(minutes=30)


def test_a_visit_ended_by_mistake_cannot_end_twice_or_after_a_dose():
    visit = arrived()
    for _twice in range(2):
        flow.cancel_visit(visit_id=visit.pk, reason="Pulang sendiri")
    visit.refresh_from_db()
    assert visit.appointment.status == Appointment.Status.CANCELLED
    done = give().immunization.visit
    with pytest.raises(VaccinationError, match="Dosis sudah dicatat"):
        flow.cancel_visit(visit_id=done.pk, reason="Salah")


@pytest.mark.parametrize(("outcome", "symptom", "serious"), [
    ("meninggal", "demam", True), ("rawat_inap", "demam", True), ("pulih", "anafilaksis", True),
    ("pulih", "nyeri", False),
])  # fmt: skip
def test_what_is_serious_is_serious_whatever_was_ticked(outcome, symptom, serious):
    row = give().immunization
    event = adverse_events.record_adverse_event(
        immunization=row, client_uuid=uuid.uuid4(), onset_at=row.occurred_at + timedelta(minutes=2), actor=nurse(),
        symptoms=[symptom], outcome=outcome,
    )  # fmt: skip
    assert AdverseEvent.objects.get() == event
    assert event.is_serious is serious
    assert any("24 jam" in step for step in adverse_events.next_steps(event)) is serious


def test_an_event_before_the_dose_is_refused():
    row = give().immunization
    with pytest.raises(VaccinationError, match="sebelum penyuntikan"):
        adverse_events.record_adverse_event(
            immunization=row, client_uuid=uuid.uuid4(), onset_at=row.occurred_at - timedelta(hours=1), actor=nurse(),
            symptoms=["demam"],
        )  # fmt: skip


def test_merging_moves_visits_and_doses():
    kept = make_adult()
    temporary = make_citizen(no_nik_reason="panti", birth_date=kept.birth_date)
    row = give(screened(citizen=temporary)).immunization
    merge_citizens(kept_id=kept.pk, merged_id=temporary.pk, by=nurse(), reason="NIK terbit")
    row.refresh_from_db()
    assert row.citizen_id == kept.pk
    assert Visit.objects.get().citizen_id == kept.pk
    with pytest.raises(VaccinationError, match="digabungkan"):
        services.record_dose(
            client_uuid=uuid.uuid4(), citizen_id=temporary.pk, facility_id=row.facility_id, programme_code="covid19",
            dose_code="primary2", lot_id=stocked().pk, performer=nurse(), recorder=nurse(),
        )  # fmt: skip


def test_two_records_with_the_same_dose_are_not_merged_silently():
    kept = make_adult()
    temporary = make_citizen(no_nik_reason="panti", birth_date=kept.birth_date)
    past(kept, "primary1", 500)
    past(temporary, "primary1", 500)
    with pytest.raises(ValidationError, match="dosis"):
        merge_citizens(kept_id=kept.pk, merged_id=temporary.pk, by=nurse(), reason="NIK terbit")
    assert Immunization.objects.filter(citizen=temporary).exists()


def yesterday(appointment, status="noshow"):
    """The network was down on that day; nobody was checked in, the night marked the person as absent."""
    schedule = appointment.schedule
    schedule.date -= timedelta(days=1)
    schedule.save()
    Appointment.objects.filter(pk=appointment.pk).update(status=status)
    appointment.refresh_from_db()
    return appointment


def test_a_dose_from_the_printed_list_is_written_down_the_next_day_with_its_own_time():
    actor, lot = nurse(), stocked()
    appointment = yesterday(booked_today())
    with pytest.raises(VaccinationError, match="untuk tanggal"):
        flow.check_in(appointment_id=appointment.pk, facility=appointment.schedule.facility, actor=actor)
    visit = flow.check_in(
        appointment_id=appointment.pk, facility=appointment.schedule.facility, actor=actor, late=True
    )  # fmt: skip
    assert visit.date == appointment.schedule.date
    at = timezone.now() - timedelta(hours=20)
    row = give(screened(visit), lot, occurred_at=at).immunization
    appointment.refresh_from_db()
    assert (row.occurred_at, appointment.status) == (at, Appointment.Status.FULFILLED)


@pytest.mark.parametrize(("status", "days"), [("cancelled", 0), ("fulfilled", 0), ("noshow", 10)])
def test_late_entry_is_only_for_recent_bookings_without_an_end(status, days):
    appointment = yesterday(booked_today(), status)
    appointment.schedule.date -= timedelta(days=days)
    appointment.schedule.save()
    with pytest.raises(ValidationError):
        flow.check_in(appointment_id=appointment.pk, facility=appointment.schedule.facility, actor=nurse(), late=True)


def test_visits_left_open_long_ago_are_ended_by_the_sweep():
    waiting, observed = arrived(), give().immunization.visit
    Visit.objects.update(date=timezone.localdate() - timedelta(days=9))
    assert flow.close_past_visits() == 2
    assert flow.close_past_visits() == 0
    waiting.refresh_from_db()
    observed.refresh_from_db()
    assert (waiting.step, observed.step) == (Visit.Step.ENDED, Visit.Step.OBSERVED)
    assert not waiting.appointment.is_active
