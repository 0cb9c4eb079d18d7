from datetime import date, timedelta
from itertools import permutations

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from programmes.history import PastDose
from programmes.reference import ruleset_from_files
from programmes.rules import Facts, comes_of_age, evaluate, groups_of, pick
from programmes.spans import Span

RULES = ruleset_from_files()
ADULT = Facts(date(1980, 5, 17), "P")


def covid(*doses, **extra):
    return [PastDose("covid19", vaccine, code, day, **extra) for vaccine, code, day in doses]


def sinovac_twice(last=date(2022, 1, 10)):
    return covid(("COV_SINOVAC", "primary1", last - timedelta(days=28)), ("COV_SINOVAC", "primary2", last))


def ask(facts, history, day, vaccine, dose, programme="covid19"):
    return pick(evaluate(facts, history, day, RULES), programme, vaccine, dose, RULES)


def routine(facts, history, day, vaccine, dose):
    return ask(facts, history, day, vaccine, dose, "rutin")


# --- calendar arithmetic (E-8) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        (date(2022, 8, 31), "6 mo", date(2023, 2, 28)),
        (date(2023, 8, 31), "6 mo", date(2024, 2, 29)),
        (date(2024, 2, 29), "1 y", date(2025, 2, 28)),
        (date(2022, 1, 31), "28 d", date(2022, 2, 28)),
        (date(2022, 1, 1), "8 w", date(2022, 2, 26)),
        (date(2022, 1, 1), "11 mo 29 d", date(2022, 12, 30)),
        (date(2022, 1, 1), "3.5 mo", date(2022, 4, 16)),
    ],
)
def test_months_are_calendar_months_clamped_to_the_month_end_and_days_are_exact(start, span, end):
    assert Span.parse(span).after(start) == end


@pytest.mark.parametrize("text", ["6", "six mo", "6 months", "-1 d", "1.5 y", "6 mo or so"])
def test_a_span_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"rentang|setengah"):
        Span.parse(text)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 900))
def test_adding_months_agrees_with_an_independent_calendar(start, months):
    assert Span(months=months).after(start) == start + relativedelta(months=months)


# --- COVID-19 --------------------------------------------------------------------------------------------------------


def test_a_newcomer_may_start_with_a_verified_product():
    option = ask(ADULT, [], date(2026, 11, 23), "COV_SINOVAC", "primary1")
    assert option.eligible
    assert option.dose_number == 1
    assert option.volume == "0,5 mL"


def test_a_row_that_rests_on_general_knowledge_never_decides():
    for vaccine in ("COV_PFIZER", "COV_JANSSEN", "COV_ZIFIVAX", "COV_INDOVAC", "COV_INAVAC"):
        option = ask(ADULT, [], date(2026, 11, 23), vaccine, "primary1")
        assert (option.eligible, option.manual_review, option.reason) == (False, True, "unverified_rule"), vaccine
        assert "belum terverifikasi" in option.text
        assert "Tinjau manual" in option.text


def test_an_unverified_age_limit_decides_only_outside_its_confirmed_part():
    assert ask(ADULT, [], date(2026, 11, 23), "COV_MODERNA", "primary1").eligible
    at_fifteen = ask(Facts(date(2011, 5, 17), "L"), [], date(2026, 11, 23), "COV_MODERNA", "primary1")
    assert at_fifteen.manual_review
    assert at_fifteen.unverified == ("min_age",)
    assert "usia minimal" in at_fifteen.text
    assert at_fifteen.eligible_from == date(2029, 5, 17)


def test_the_minimum_interval_is_inclusive():
    history = sinovac_twice(last=date(2022, 11, 30))
    assert not ask(ADULT, history, date(2023, 2, 27), "COV_AZ", "booster1").eligible
    day = ask(ADULT, history, date(2023, 2, 28), "COV_AZ", "booster1")
    assert day.eligible
    early = ask(ADULT, history, date(2023, 1, 1), "COV_AZ", "booster1")
    assert (early.reason, early.eligible_from) == ("too_early", date(2023, 2, 28))
    assert "28 Februari 2023" in early.text


def test_booster_one_is_keyed_by_the_last_primary_product_with_its_volume():
    options = evaluate(ADULT, sinovac_twice(), date(2026, 11, 23), RULES, "covid19")
    assert {(o.vaccine, o.volume) for o in options if o.eligible} == {
        ("COV_AZ", "0,25 mL"),
        ("COV_PFIZER", "0,15 mL"),
        ("COV_MODERNA", "0,5 mL"),
        ("COV_SINOPHARM", "0,5 mL"),
    }
    assert all(o.dose_code == "booster1" and o.dose_number == 3 for o in options)


def test_booster_two_is_keyed_by_the_booster_one_product_not_by_the_primary_one():
    history = [*sinovac_twice(), *covid(("COV_AZ", "booster1", date(2022, 6, 1)))]
    options = evaluate(ADULT, history, date(2026, 11, 23), RULES, "covid19")
    assert {o.vaccine for o in options if o.eligible} == {"COV_MODERNA", "COV_PFIZER", "COV_AZ"}
    assert ask(ADULT, history, date(2022, 11, 30), "COV_AZ", "booster2").reason == "not_open_yet"
    assert ask(ADULT, history, date(2022, 11, 30), "COV_AZ", "booster2").eligible_from == date(2023, 1, 24)


def test_groups_get_the_second_booster_from_their_own_date():
    history = [*sinovac_twice(), *covid(("COV_AZ", "booster1", date(2022, 3, 1)))]
    elder = Facts(date(1955, 1, 1), "L")
    nurse = Facts(date(1980, 1, 1), "P", groups=frozenset({"SDMK"}))
    assert ask(nurse, history, date(2022, 9, 1), "COV_AZ", "booster2").eligible
    assert not ask(elder, history, date(2022, 9, 1), "COV_AZ", "booster2").eligible
    assert ask(elder, history, date(2022, 11, 22), "COV_AZ", "booster2").eligible


def test_bio_farma_counts_as_sinovac_in_combinations():
    history = covid(("COV_SINOVAC", "primary1", date(2021, 7, 1)), ("COV_BIOFARMA", "primary2", date(2021, 8, 1)))
    assert ask(ADULT, history, date(2026, 11, 23), "COV_PFIZER", "booster1").eligible
    assert ask(ADULT, history[:1], date(2026, 11, 23), "COV_BIOFARMA", "primary2").eligible


def test_a_mixed_primary_series_is_reviewed_by_a_person():
    history = covid(("COV_SINOVAC", "primary1", date(2021, 7, 1)), ("COV_AZ", "primary2", date(2021, 10, 1)))
    option = ask(ADULT, history, date(2026, 11, 23), "COV_PFIZER", "booster1")
    assert (option.eligible, option.manual_review, option.reason) == (False, True, "mixed_series")


@pytest.mark.parametrize("vaccine", ["COV_ZIFIVAX", "COV_INDOVAC", "COV_NOVAVAX"])
def test_a_primary_product_outside_the_booster_table_is_reviewed_not_refused(vaccine):
    last = {"COV_ZIFIVAX": 3}.get(vaccine, 2)
    history = covid(*[(vaccine, f"primary{n}", date(2021, 1, 1) + timedelta(days=40 * n)) for n in range(1, last + 1)])
    option = ask(ADULT, history, date(2026, 11, 23), "COV_PFIZER", "booster1")
    assert (option.eligible, option.manual_review, option.reason) == (False, True, "no_rule")


def test_a_pair_missing_from_the_table_is_reviewed():
    option = ask(ADULT, sinovac_twice(), date(2026, 11, 23), "COV_JANSSEN", "booster1")
    assert option.manual_review
    assert option.reason == "no_rule"


def test_one_dose_of_janssen_completes_the_primary_series():
    history = covid(("COV_JANSSEN", "primary1", date(2022, 1, 1)))
    assert ask(ADULT, history, date(2026, 11, 23), "COV_MODERNA", "booster1").eligible


def test_the_same_dose_twice_or_a_skipped_dose_is_not_offered():
    history = covid(("COV_SINOVAC", "primary1", date(2021, 7, 1)))
    assert ask(ADULT, history, date(2026, 11, 23), "COV_SINOVAC", "primary1").reason == "not_next_dose"
    assert ask(ADULT, history, date(2026, 11, 23), "COV_AZ", "booster1").reason == "not_next_dose"
    assert ask(ADULT, history, date(2026, 11, 23), "COV_SINOVAC", "primary2").eligible


def test_after_the_last_dose_the_programme_is_complete():
    history = [
        *sinovac_twice(),
        *covid(("COV_AZ", "booster1", date(2022, 6, 1)), ("COV_AZ", "booster2", date(2023, 3, 1))),
    ]
    options = evaluate(ADULT, history, date(2026, 11, 23), RULES, "covid19")
    assert [(o.reason, o.manual_review) for o in options] == [("complete", False)]


def test_the_first_booster_letter_still_answers_for_its_time():
    history = sinovac_twice(last=date(2021, 9, 1))
    assert not ask(ADULT, history, date(2022, 1, 31), "COV_AZ", "booster1").eligible
    assert ask(ADULT, history, date(2022, 2, 1), "COV_MODERNA", "booster1").reason == "not_open_yet"
    history = sinovac_twice(last=date(2021, 8, 1))
    option = ask(ADULT, history, date(2022, 2, 1), "COV_AZ", "booster1")
    assert (option.eligible, option.rule) == (True, "C-B1A-SINOVAC-AZ")


def test_an_unverified_start_date_matters_only_for_days_near_it():
    history = sinovac_twice(last=date(2021, 11, 20))
    assert ask(ADULT, history, date(2022, 2, 26), "COV_AZ", "booster1").manual_review
    assert ask(ADULT, history, date(2022, 3, 4), "COV_AZ", "booster1").eligible


def test_age_counts_on_the_service_date():
    history = sinovac_twice(last=date(2026, 1, 1))
    nearly = Facts(date(2008, 12, 24), "L")
    before, after = date(2026, 12, 23), date(2026, 12, 24)
    option = ask(nearly, history, before, "COV_AZ", "booster1")
    assert (option.eligible, option.reason, option.eligible_from) == (False, "too_young", after)
    assert ask(nearly, history, after, "COV_AZ", "booster1").eligible
    as_old_as_before = pick(
        evaluate(nearly, history, after, RULES, age_on=before), "covid19", "COV_AZ", "booster1", RULES
    )
    assert (as_old_as_before.eligible, as_old_as_before.reason) == (False, "too_young")
    assert comes_of_age(nearly.birth_date, before, after, RULES)
    assert not comes_of_age(ADULT.birth_date, before, after, RULES)


@given(
    st.dates(date(1940, 1, 1), date(2026, 11, 1)), st.dates(date(2026, 11, 1), date(2027, 12, 31)), st.integers(0, 60)
)
@settings(max_examples=300)
def test_age_decides_nothing_between_two_days_on_which_no_age_of_a_rule_is_reached(birth, before, days):
    service = before + timedelta(days=days)
    assume(not comes_of_age(birth, before, service, RULES))
    person = Facts(birth, "P")
    assert evaluate(person, [], service, RULES, age_on=before) == evaluate(person, [], service, RULES)


def test_a_child_below_six_is_told_from_when_the_programme_serves_it():
    options = evaluate(Facts(date(2024, 3, 1), "P"), [], date(2026, 11, 23), RULES, "covid19")
    assert [(o.reason, o.eligible_from, o.manual_review) for o in options] == [("too_young", date(2030, 3, 1), False)]


def test_a_pregnant_woman_is_always_reviewed():
    pregnant = Facts(date(1995, 1, 1), "P", pregnant=True)
    for vaccine in ("COV_SINOVAC", "COV_PFIZER", "COV_MODERNA", "COV_AZ"):
        option = ask(pregnant, [], date(2026, 11, 23), vaccine, "primary1")
        assert option.manual_review, vaccine
        assert not option.eligible


def test_recovery_from_covid_delays_by_severity():
    def from_day(severe):
        facts = Facts(date(1980, 1, 1), "L", recovered_on=date(2026, 11, 1), severe_illness=severe)
        return ask(facts, [], date(2026, 11, 23), "COV_SINOVAC", "primary1").eligible_from

    assert from_day(False) == date(2026, 12, 1)
    assert from_day(True) == from_day(None) == date(2027, 2, 1)


def test_another_vaccine_keeps_its_distance_for_children_only():
    other = [PastDose("bias", "TD", "bias-td5", date(2026, 11, 20))]
    teen, child = Facts(date(2012, 1, 1), "L"), Facts(date(2017, 1, 1), "L")
    assert ask(teen, other, date(2026, 11, 23), "COV_SINOVAC", "primary1").eligible_from == date(2026, 12, 20)
    assert ask(child, other, date(2026, 11, 23), "COV_SINOVAC", "primary1").eligible_from == date(2026, 12, 4)
    assert ask(ADULT, other, date(2026, 11, 23), "COV_SINOVAC", "primary1").eligible


def test_a_flagged_or_contradicting_history_goes_to_a_person():
    flagged = covid(("COV_SINOVAC", "primary1", date(2021, 7, 1)), counts=False)
    assert ask(ADULT, flagged, date(2026, 11, 23), "COV_SINOVAC", "primary2").reason == "flagged_dose"
    backwards = covid(("COV_SINOVAC", "primary2", date(2021, 7, 1)), ("COV_SINOVAC", "primary1", date(2021, 8, 1)))
    assert ask(ADULT, backwards, date(2026, 11, 23), "COV_AZ", "booster1").reason == "history_conflict"
    unknown = covid(("COV_SINOVAC", "dosis-x", date(2021, 7, 1)))
    assert ask(ADULT, unknown, date(2026, 11, 23), "COV_AZ", "booster1").manual_review


def test_without_a_birth_date_a_person_decides():
    assert ask(Facts(None), [], date(2026, 11, 23), "COV_SINOVAC", "primary1").reason == "no_birth_date"


# --- routine children ------------------------------------------------------------------------------------------------

BABY = Facts(date(2026, 9, 10), "P")


def test_a_baby_follows_the_schedule_of_its_age():
    two_months = date(2026, 11, 10)
    for vaccine, dose in (("PENTA", "penta1"), ("PCV", "pcv1"), ("RV", "rv1"), ("OPV", "opv1"), ("BCG", "bcg")):
        assert routine(BABY, [], two_months, vaccine, dose).eligible, vaccine
    assert routine(BABY, [], two_months, "MR", "mr1").eligible_from == date(2027, 6, 10)
    assert routine(BABY, [], two_months, "HB0", "hb0").reason == "too_old"


def test_between_the_who_floor_and_the_national_age_a_person_decides():
    option = routine(BABY, [], date(2026, 10, 25), "PENTA", "penta1")
    assert option.manual_review
    assert option.eligible_from == date(2026, 11, 10)


def test_birth_dose_is_accepted_to_day_seven():
    assert routine(BABY, [], date(2026, 9, 17), "HB0", "hb0").eligible
    assert not routine(BABY, [], date(2026, 9, 18), "HB0", "hb0").eligible


def test_each_vaccine_is_a_series_of_its_own_and_late_is_not_restart():
    history = [PastDose("rutin", "PENTA", "penta1", date(2026, 11, 10))]
    late = date(2027, 6, 1)
    assert routine(BABY, history, late, "PENTA", "penta2").eligible
    assert routine(BABY, history, late, "PENTA", "penta1").reason == "not_next_dose"
    assert routine(BABY, history, late, "PCV", "pcv1").eligible


def test_rotavirus_has_no_catch_up_and_no_older_cohort():
    assert routine(BABY, [], date(2027, 4, 9), "RV", "rv1").eligible
    assert routine(BABY, [], date(2027, 4, 10), "RV", "rv1").reason == "too_old"
    assert routine(Facts(date(2023, 5, 15), "L"), [], date(2023, 9, 1), "RV", "rv1").reason == "other_cohort"


def test_an_older_toddler_without_doses_is_reviewed_but_a_closed_window_stays_closed():
    toddler = Facts(date(2024, 6, 1), "L")
    assert routine(toddler, [], date(2026, 11, 23), "PENTA", "penta1").manual_review
    assert routine(toddler, [], date(2026, 11, 23), "BCG", "bcg").reason == "too_old"


def test_an_interval_nobody_confirms_is_not_decided_silently():
    history = [PastDose("rutin", "OPV", "opv1", date(2026, 11, 10))]
    doubtful = routine(BABY, history, date(2026, 12, 9), "OPV", "opv2")
    assert (doubtful.manual_review, doubtful.unverified, doubtful.eligible_from) == (
        True,
        ("min_interval",),
        date(2026, 12, 10),
    )
    assert routine(BABY, history, date(2026, 12, 10), "OPV", "opv2").eligible


def test_two_live_injections_keep_apart_by_review():
    history = [PastDose("rutin", "MR", "mr1", date(2027, 6, 10))]
    facts = Facts(date(2026, 9, 10), "P")
    assert routine(facts, history, date(2027, 6, 20), "BCG", "bcg").manual_review
    assert routine(facts, history, date(2027, 6, 10), "BCG", "bcg").eligible
    assert routine(facts, history, date(2027, 7, 8), "BCG", "bcg").eligible


def test_an_adult_gets_one_line_for_a_childrens_programme():
    options = evaluate(ADULT, [], date(2026, 11, 23), RULES, "rutin")
    assert [(o.reason, o.relevant) for o in options] == [("too_old", False)]


def test_school_and_tetanus_doses_ask_for_what_only_a_person_knows():
    girl = Facts(date(2015, 5, 1), "P")
    assert ask(girl, [], date(2026, 11, 23), "TD", "bias-td5", "bias").reason == "grade_unknown"
    fifth = Facts(date(2015, 5, 1), "P", school_grade=5)
    assert ask(fifth, [], date(2026, 11, 23), "TD", "bias-td5", "bias").eligible
    assert ask(fifth, [], date(2026, 11, 23), "HPV", "bias-hpv5", "bias").manual_review
    assert ask(ADULT, [], date(2018, 11, 23), "TD", "t1", "wus").reason == "t_status"
    assert ask(Facts(date(1990, 1, 1), "L"), [], date(2026, 11, 23), "TD", "t1", "wus").reason == "other_sex"


def test_groups_follow_from_age_on_the_day():
    assert "LANSIA" in groups_of(Facts(date(1966, 11, 23)), date(2026, 11, 23), RULES)
    assert "LANSIA" not in groups_of(Facts(date(1966, 11, 24)), date(2026, 11, 23), RULES)


# --- properties ------------------------------------------------------------------------------------------------------

PRODUCTS = sorted({rule.vaccine for rule in RULES.of("covid19")})
births = st.dates(date(1930, 1, 1), date(2026, 11, 1))
days = st.dates(date(2021, 1, 1), date(2035, 1, 1))


@st.composite
def cases(draw):
    doses, day = [], draw(st.dates(date(2021, 1, 1), date(2024, 1, 1)))
    for code in ("primary1", "primary2", "booster1")[: draw(st.integers(0, 3))]:
        doses.append(PastDose("covid19", draw(st.sampled_from(PRODUCTS)), code, day))
        day += timedelta(days=draw(st.integers(1, 400)))
    facts = Facts(
        draw(births), draw(st.sampled_from(["L", "P", ""])), pregnant=draw(st.sampled_from([None, False, True]))
    )
    return facts, doses, draw(days)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_no_answer_contradicts_itself(case):
    facts, history, day = case
    options = evaluate(facts, history, day, RULES)
    assert options
    for option in options:
        assert not (option.eligible and option.manual_review)
        assert option.text.strip()
        if option.eligible:
            assert option.eligible_from == day
            assert option.reason == "ok"
            assert option.eligible_until is None or option.eligible_until >= day
        elif option.eligible_from:
            assert option.eligible_from > day


@settings(max_examples=200, deadline=None)
@given(cases())
def test_a_promised_date_holds_when_it_comes(case):
    facts, history, day = case
    assume(all(dose.occurred_on <= day for dose in history))  # nobody can promise what a later dose will change
    for option in evaluate(facts, history, day, RULES):
        if option.eligible_from and option.eligible_from > day and option.rule and not option.manual_review:
            then = pick(
                evaluate(facts, history, option.eligible_from, RULES),
                option.programme,
                option.vaccine,
                option.dose_code,
                RULES,
            )
            # On that day no confirmed rule forbids the dose any more; at most a person still has to look.
            assert then.eligible or then.manual_review, (option, then)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_order_in_which_history_is_told_does_not_matter(case):
    facts, history, day = case
    first = evaluate(facts, history, day, RULES)
    for other in permutations(history):
        assert evaluate(facts, list(other), day, RULES) == first


@settings(max_examples=200, deadline=None)
@given(cases())
def test_an_unverified_row_never_makes_anybody_eligible(case):
    facts, history, day = case
    unverified = {rule.code for rule in RULES.rules if "rule" in rule.unverified}
    assert not any(o.eligible and o.rule in unverified for o in evaluate(facts, history, day, RULES))
