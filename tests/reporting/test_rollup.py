from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from core import outbox
from regions.models import Kecamatan
from reporting import checks, services
from reporting.coverage import Cell, coverage, coverage_summary, find_dose, for_the_public, per_day, wards
from reporting.models import CoverageDelta, CoverageRollup
from reporting.recap import percentage
from tests.factories.doses import make_dose, withdraw
from tests.factories.reference import load_reference
from vaccination.models import Immunization

SRONDOL = "33.74.11.1001"


@pytest.fixture
def city(db):
    load_reference()
    call_command(
        "import_recap", "reporting/data/booster_recap_2023.csv", programme="covid19", dose="booster1",
        source="Rekap 2023", as_of="2023-06-30", verbosity=0,
    )  # fmt: skip


def booster():
    return find_dose("covid19", "booster1")


def banyumanik():
    return next(cell for cell in coverage(booster()).cells if cell.name == "Banyumanik")


def settle():
    outbox.drain(services.CONSUMER)
    services.fold()


def test_a_dose_raises_its_kecamatan_by_one_before_and_after_folding(city):
    before = banyumanik()
    make_dose()
    outbox.drain(services.CONSUMER)
    assert CoverageDelta.objects.count() == 1
    assert banyumanik().achieved == before.achieved + 1
    assert services.fold() == 1
    assert not CoverageDelta.objects.exists()
    assert banyumanik().achieved == before.achieved + 1
    assert coverage(booster()).city.achieved == 503876
    assert services.fold() == 0


def test_doses_the_baseline_already_holds_do_not_count_again(city):
    make_dose(on=date(2023, 6, 30))
    make_dose(on=date(2022, 1, 1))
    make_dose(on=date(2023, 7, 1))
    settle()
    assert coverage(booster()).city.achieved == 503876
    assert checks.different_cells() == 0


def test_history_invalid_doses_and_people_from_elsewhere_do_not_count(city):
    make_dose(is_primary_source=False)
    make_dose(invalid_reasons=["too_early"])
    make_dose(kelurahan=None)
    settle()
    assert coverage(booster()).city.achieved == 503875
    assert checks.different_cells() == 0


def test_the_day_is_the_day_in_semarang(city):
    make_dose(at=datetime(2026, 11, 20, 18, 30, tzinfo=UTC))
    settle()
    assert per_day(booster(), date(2026, 11, 1), date(2026, 11, 30)) == [(date(2026, 11, 21), 1)]


def test_a_corrected_dose_counts_once_where_it_belongs(city):
    wrong = make_dose()
    right = make_dose(kelurahan="33.74.05.1001", tell=False, on=date(2026, 11, 20))
    withdraw(wrong, right)
    settle()
    assert coverage(booster()).city.achieved == 503876
    assert banyumanik().added == 0
    withdraw(right)
    settle()
    assert coverage(booster()).city.achieved == 503875
    assert checks.different_cells() == 0


def test_messages_may_arrive_in_any_order(city):
    wrong = make_dose()
    withdraw(wrong)
    services.on_corrected({"immunization_id": wrong.pk, "replacement_id": None})
    services.on_recorded({"immunization_id": wrong.pk})
    assert coverage(booster()).city.achieved == 503875


def test_the_audit_waits_for_messages_under_way_and_finds_a_wrong_roll_up(city):
    kept, gone = make_dose(), make_dose()
    assert checks.different_cells() == 0  # two doses recorded, nothing told yet
    settle()
    withdraw(gone)
    assert checks.different_cells() == 0
    settle()
    assert checks.different_cells() == 0
    CoverageRollup.objects.update(count=7)
    assert checks.different_cells() == 1
    CoverageRollup.objects.all().delete()
    assert checks.different_cells() == 1
    with pytest.raises(CommandError, match="1 sel"):
        call_command("recount_coverage")
    call_command("recount_coverage", "--repair", verbosity=0)
    assert checks.different_cells() == 0
    assert banyumanik().added == 1
    Immunization.objects.filter(pk=kept.pk).update(residence="33.74.05.1001")
    assert checks.different_cells() == 2


def test_a_failed_message_is_a_violation_not_an_excuse(city):
    make_dose()
    from core.models import OutboxMessage

    OutboxMessage.objects.filter(consumer=services.CONSUMER).update(state="failed")
    assert checks.different_cells() == 1


def test_a_recount_settles_messages_under_way(city):
    make_dose()
    services.recount()
    settle()
    assert coverage(booster()).city.achieved == 503876


def test_drill_down_adds_up_to_the_kecamatan(city):
    make_dose()
    make_dose(kelurahan="33.74.11.1002", on=date(2026, 10, 1))
    settle()
    rows = wards(booster(), Kecamatan.objects.get(name="Banyumanik"), since=date(2026, 11, 1))
    assert len(rows) == 11
    assert (sum(row.added for row in rows), sum(row.in_range for row in rows)) == (2, 1)
    until_october = coverage(booster(), until=date(2026, 10, 31))
    assert until_october.city.achieved == 503876


def test_a_new_target_replaces_the_denominator_and_percentages_may_pass_hundred(city):
    from regions.models import TargetPopulation

    TargetPopulation.objects.create(
        kecamatan_id="33.74.11",
        programme_code="covid19",
        group="booster1",
        count=42000,
        source="BPS",
        as_of="2024-01-01",
    )
    assert banyumanik().percent == Decimal("102.29")
    assert coverage(booster()).over_hundred


def test_a_dose_without_targets_has_no_percentage(city):
    make_dose(dose_code="booster2")
    settle()
    table = coverage(find_dose("covid19", "booster2"))
    assert (table.city.achieved, table.city.target, table.city.percent) == (1, None, None)


def test_the_public_never_sees_a_cell_below_five_nor_one_that_can_be_subtracted(city):
    make_dose(dose_code="booster2")
    for _ in range(6):
        make_dose(dose_code="booster2", kelurahan="33.74.05.1001")
    for _ in range(7):
        make_dose(dose_code="booster2", kelurahan="33.74.16.1001")
    settle()
    public = for_the_public(coverage(find_dose("covid19", "booster2")))
    assert {cell.name for cell in public.cells if cell.suppressed} == {"Banyumanik", "Genuk"}
    assert not for_the_public(coverage(booster())).suppressed


def test_the_home_page_gets_its_sentence(city):
    summary = coverage_summary()
    assert (summary.percent, summary.achieved, summary.target) == (Decimal("36.21"), 503875, 1391552)
    assert (summary.source, summary.as_of) == ("Rekap 2023", date(2023, 6, 30))


@given(st.integers(0, 2_000_000), st.integers(1, 2_000_000))
def test_percentages_are_rounded_half_up(achieved, target):
    exact = percentage(achieved, target)
    # The nearest hundredth, and of two equally near ones the larger.
    assert abs(exact * target - achieved * 100) * 2 <= Decimal("0.01") * target
    assert (exact + Decimal("0.005")) * target > achieved * 100
    assert percentage(1, 800) == Decimal("0.13")


def test_the_city_is_sum_over_sum():
    from reporting.coverage import _total

    cells = [Cell("1", "A", 100, 50, 0, 0), Cell("2", "B", 900, 90, 0, 0)]
    assert _total(cells).percent == Decimal("14.00")
    assert _total([*cells, Cell("3", "C", None, 1, 0, 0)]).percent is None


@pytest.mark.django_db(transaction=True)
def test_folding_in_parallel_loses_and_doubles_nothing():
    load_reference()
    for number in range(40):
        make_dose(kelurahan=SRONDOL if number % 2 else "33.74.05.1001")
    outbox.drain(services.CONSUMER)

    def fold(_):
        try:
            return services.fold(limit=7)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        folded = sum(pool.map(fold, range(40)))
    folded += services.fold()
    assert folded == 40
    assert checks.different_cells() == 0
