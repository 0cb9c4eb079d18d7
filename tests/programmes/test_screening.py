from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from programmes import catalogue
from programmes.screening import Measurement, Subject, measurement_from_json, propose_outcome, questions_for
from tests.factories.reference import load_reference

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
WELL = [Measurement(NOON, Decimal("36.6"), 120, 80)]


@pytest.fixture
def form():
    load_reference()

    def find(programme, birth, **extra):
        return catalogue.form_of(catalogue.questionnaire_for(programme, birth, DAY, **extra))

    return find


def subject(birth, **extra):
    return Subject(birth_date=birth, on_date=DAY, **extra)


def all_no(form, who):
    return {item.key: False for item in questions_for(form, who)}


def test_the_form_follows_age_programme_and_pregnancy(form):
    assert form("covid19", date(1980, 1, 1)).code == "covid19-dewasa"
    assert form("covid19", date(1980, 1, 1)).version == "2021-07"
    assert form("covid19", date(2015, 1, 1)).code == "covid19-anak"
    assert form("covid19", date(1995, 1, 1), pregnant=True).code == "covid19-hamil"
    assert form("rutin", date(2026, 9, 1)).code == "imunisasi-anak"
    assert form("wus", date(1995, 1, 1)).code == "imunisasi-umum"
    assert catalogue.questionnaire_for("covid19", date(1980, 1, 1), date(2021, 5, 1)).version == "2021-01"


def test_a_healthy_adult_goes_ahead(form):
    adult, who = form("covid19", date(1980, 1, 1)), subject(date(1980, 1, 1), sex="L")
    proposal = propose_outcome(adult, all_no(adult, who), WELL, who)
    assert (proposal.outcome, proposal.reasons, proposal.missing) == ("lanjut", (), ())


def test_questions_follow_sex_dose_and_age(form):
    adult = form("covid19", date(1980, 1, 1))
    asked = {item.key for item in questions_for(adult, subject(date(1980, 1, 1), sex="L"))}
    assert {"A1", "A3"} <= asked
    assert not {"A1b", "A2", "A7a"} & asked
    later = {item.key for item in questions_for(adult, subject(date(1950, 1, 1), sex="P", first_dose=False))}
    assert {"A1b", "A2", "A7a", "A7e"} <= later
    assert "A1" not in later


@pytest.mark.parametrize(
    ("key", "outcome", "refer"),
    [("A1", "rujuk_rs", False), ("A3", "tunda", False), ("A4", "tunda", True), ("A6", "tunda", True)],
)
def test_each_yes_leads_where_the_form_says(form, key, outcome, refer):
    adult, who = form("covid19", date(1980, 1, 1)), subject(date(1980, 1, 1), sex="L")
    proposal = propose_outcome(adult, all_no(adult, who) | {key: True}, WELL, who)
    assert (proposal.outcome, proposal.refer) == (outcome, refer)


def test_the_gravest_answer_wins_whatever_the_order(form):
    who = subject(date(1950, 1, 1), sex="P", first_dose=False)
    adult = form("covid19", date(1950, 1, 1))
    answers = all_no(adult, who) | {"A3": True, "A1b": True}
    proposal = propose_outcome(adult, answers, WELL, who)
    assert proposal.outcome == "tidak_diberikan"
    backwards = propose_outcome(adult, dict(reversed(answers.items())), WELL, who)
    assert backwards == proposal


def test_three_of_the_five_questions_to_the_elderly_refuse_two_do_not(form):
    who, adult = subject(date(1950, 1, 1), sex="L"), form("covid19", date(1950, 1, 1))
    two = all_no(adult, who) | {"A7a": True, "A7b": True}
    assert propose_outcome(adult, two, WELL, who).outcome == "lanjut"
    assert propose_outcome(adult, two | {"A7e": True}, WELL, who).outcome == "tidak_diberikan"


def test_temperature_must_be_strictly_above_the_limit(form):
    adult, who = form("covid19", date(1980, 1, 1)), subject(date(1980, 1, 1), sex="L")
    at_limit = [Measurement(NOON, Decimal("37.5"), 120, 80)]
    assert propose_outcome(adult, all_no(adult, who), at_limit, who).outcome == "lanjut"
    above = [Measurement(NOON, Decimal("37.6"), 120, 80)]
    proposal = propose_outcome(adult, all_no(adult, who), above, who)
    assert proposal.outcome == "tunda"
    assert "37,6 °C" in proposal.reasons[0].text
    infant, baby = form("rutin", date(2026, 9, 1)), subject(date(2026, 9, 1), vaccine="PENTA")
    assert propose_outcome(infant, all_no(infant, baby), [Measurement(NOON, Decimal("38.5"))], baby).outcome == "lanjut"


@pytest.mark.parametrize(("systolic", "diastolic"), [(181, 80), (120, 111)])
def test_high_pressure_is_measured_again_before_anything_is_decided(form, systolic, diastolic):
    adult, who = form("covid19", date(1980, 1, 1)), subject(date(1980, 1, 1), sex="L")
    high = Measurement(NOON, Decimal("36.6"), systolic, diastolic)
    answers = all_no(adult, who)
    first = propose_outcome(adult, answers, [high], who)
    assert (first.outcome, first.measure_again_at) == ("", NOON + timedelta(minutes=5))
    too_soon = replace(high, at=NOON + timedelta(minutes=4), systolic=120, diastolic=80)
    assert propose_outcome(adult, answers, [high, too_soon], who).outcome == ""
    calm = replace(too_soon, at=NOON + timedelta(minutes=5))
    assert propose_outcome(adult, answers, [high, calm], who).outcome == "lanjut"
    still = replace(high, at=NOON + timedelta(minutes=8))
    assert propose_outcome(adult, answers, [high, still], who).outcome == "tunda"


def test_pressure_limits_follow_age_and_children_are_referred(form):
    answers = {}
    for birth, systolic, diastolic, outcome in (
        (date(2012, 1, 1), 130, 101, "tunda"),
        (date(2012, 1, 1), 130, 100, "lanjut"),
        (date(2018, 1, 1), 130, 91, "tunda"),
        (date(2018, 1, 1), 140, 90, "lanjut"),
    ):
        child, who = form("covid19", birth), subject(birth, sex="L")
        answers = all_no(child, who)
        twice = [Measurement(NOON + timedelta(minutes=m), Decimal("36.6"), systolic, diastolic) for m in (0, 6)]
        proposal = propose_outcome(child, answers, twice, who)
        assert proposal.outcome == outcome, (birth, systolic, diastolic)
        assert proposal.refer == (outcome == "tunda")


def test_an_open_question_leaves_the_outcome_open_unless_the_worst_is_certain(form):
    adult, who = form("covid19", date(1950, 1, 1)), subject(date(1950, 1, 1), sex="L", first_dose=False)
    answers = all_no(adult, who)
    del answers["A3"]
    proposal = propose_outcome(adult, answers, WELL, who)
    assert (proposal.outcome, proposal.missing) == ("", ("A3",))
    assert propose_outcome(adult, answers | {"A1b": True}, WELL, who).outcome == "tidak_diberikan"
    assert propose_outcome(adult, all_no(adult, who), [], who).missing == ("temperature_c", "blood_pressure")


def test_pre_screening_at_home_needs_no_instruments(form):
    adult, who = form("covid19", date(1980, 1, 1)), subject(date(1980, 1, 1), sex="L")
    assert propose_outcome(adult, all_no(adult, who), [], who, at_home=True).outcome == "lanjut"


def test_a_postponement_with_a_period_names_the_day(form):
    child, who = form("covid19", date(2012, 1, 1)), subject(date(2012, 1, 1), sex="L")
    proposal = propose_outcome(child, all_no(child, who) | {"C3": True}, WELL, who)
    assert (proposal.outcome, proposal.postponed_until) == ("tunda", DAY + timedelta(days=14))


def test_pregnancy_leads_to_its_own_form(form):
    adult, who = form("covid19", date(1995, 1, 1)), subject(date(1995, 1, 1), sex="P")
    proposal = propose_outcome(adult, all_no(adult, who) | {"A2": True}, WELL, who)
    assert (proposal.outcome, proposal.use_form) == ("tunda", "covid19-hamil")


def test_questions_of_a_child_follow_the_vaccine(form):
    infant = form("rutin", date(2026, 9, 1))
    baby = subject(date(2026, 9, 1))
    assert {i.key for i in questions_for(infant, replace(baby, vaccine="RV"))} == {"R1", "R2", "R5"}
    assert {i.key for i in questions_for(infant, replace(baby, vaccine="MR", live=True))} == {"R1", "R2", "R3"}
    assert {i.key for i in questions_for(infant, replace(baby, vaccine="PENTA"))} == {"R1", "R2", "R4"}


def test_questions_and_advice_come_in_english_too(form):
    with translation.override("en"):
        adult = form("covid19", date(1980, 1, 1))
        assert adult.items[0].text.startswith("Ever had trouble breathing")
        who = subject(date(1980, 1, 1), sex="L")
        proposal = propose_outcome(adult, all_no(adult, who) | {"A1": True}, WELL, who)
        assert proposal.reasons[0].text == "The dose is given in a hospital."


def test_stored_measurements_are_read_back_and_nonsense_is_refused():
    reading = measurement_from_json({"at": "2026-11-23T12:00:00+07:00", "temperature_c": "36.6", "systolic": "120"})
    assert (reading.at, reading.temperature_c, reading.systolic, reading.diastolic) == (
        NOON,
        Decimal("36.6"),
        120,
        None,
    )
    with pytest.raises(ValueError, match="invalid literal"):
        measurement_from_json({"at": "2026-11-23T12:00:00+07:00", "systolic": "high"})


@given(
    st.lists(st.sampled_from(["A1", "A3", "A4", "A5", "A6"]), unique=True), st.integers(90, 240), st.integers(50, 140)
)
def test_more_yes_never_makes_the_outcome_milder(keys, systolic, diastolic):
    weight = {"": 0, "lanjut": 0, "tunda": 1, "rujuk_rs": 2, "tidak_diberikan": 3}
    adult = FORM
    who = subject(date(1980, 1, 1), sex="L")
    twice = [Measurement(NOON + timedelta(minutes=m), Decimal("36.6"), systolic, diastolic) for m in (0, 6)]
    answers = all_no(adult, who)
    last = propose_outcome(adult, answers, twice, who).outcome
    for key in keys:
        answers[key] = True
        outcome = propose_outcome(adult, answers, twice, who).outcome
        assert weight[outcome] >= weight[last]
        last = outcome


@pytest.fixture(autouse=True)
def _form_for_properties(form):
    global FORM
    FORM = form("covid19", date(1980, 1, 1))
