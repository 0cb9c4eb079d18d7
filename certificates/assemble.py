"""From a recorded dose to the facts that are signed, and the reasons why a dose gets no certificate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from certificates import codes, dvc
from certificates.facts import DoseFacts
from programmes.models import DoseRule, Vaccine
from vaccination.models import Immunization

COVID = "COVID-19"


class NotCertifiable(ValueError):
    """No proof may be signed for this row; `reason` is shown on the page."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def why_not(immunization: Immunization) -> str:
    """`""` when a certificate may be signed, else `not-completed`, `not-recorded-here` or `not-counted`."""
    if immunization.status != Immunization.Status.COMPLETED:
        return "not-completed"
    # A dose told or shown on paper is history, not something this office saw happen.
    if not immunization.is_primary_source:
        return "not-recorded-here"
    # Given too early: on record, but a proof of it would be read as a dose that counts.
    if immunization.invalid_reasons:
        return "not-counted"
    return ""


def certifiable() -> QuerySet[Immunization]:
    """The doses of which `why_not` says nothing."""
    return Immunization.objects.completed().filter(is_primary_source=True, invalid_reasons=[])


# --- reading -------------------------------------------------------------------------------------------------------


class Dose(NamedTuple):
    """All that a certificate takes from a dose and its person. Plain values: half a million are read in one go."""

    pk: int
    citizen_id: int
    programme_id: str
    vaccine_id: str
    dose_code: str
    dose_number: int
    occurred_at: datetime
    lot_number: str
    facility_name: str | None
    full_name: str
    birth_date: date


_LOOKUPS = {"facility_name": "facility__name", "full_name": "citizen__full_name", "birth_date": "citizen__birth_date"}


def read(rows: QuerySet[Immunization]) -> list[Dose]:
    """These doses in the order of their ids; one statement. Identity number and address are not asked for."""
    columns = [_LOOKUPS.get(name, name) for name in Dose._fields]
    return [Dose._make(row) for row in rows.order_by("pk").values_list(*columns)]


def facts_of(doses: Sequence[Dose]) -> list[DoseFacts]:
    """Everything the certificates of these doses say, in the same order; three statements for however many.

    The caller has made sure of each dose that `why_not` says nothing.
    """
    vaccines = Vaccine.objects.in_bulk({dose.vaccine_id for dose in doses})
    product = {code: _of_product(vaccine) for code, vaccine in vaccines.items()}
    labels = _labels({dose.programme_id for dose in doses})
    given = _covid_history({dose.citizen_id for dose in doses if _is_covid_booster(dose)})
    found, here = [], timezone.get_current_timezone()
    for dose in doses:
        primary_doses = vaccines[dose.vaccine_id].primary_doses
        number, series = dose_position(dose, primary_doses, given.get(dose.citizen_id, ()))
        found.append(
            DoseFacts(
                name=dose.full_name,
                birth_date=dose.birth_date,
                dose_number=number,
                series_doses=series,
                occurred_on=dose.occurred_at.astimezone(here).date(),
                facility_name=dose.facility_name or "",
                lot_number=dose.lot_number,
                dose_label=labels.get((dose.programme_id, dose.dose_code)) or dose.dose_code,
                **product[dose.vaccine_id],
            )
        )
    return found


def _of_product(vaccine: Vaccine) -> dict[str, Any]:
    """What all certificates of one vaccine have in common."""
    return {
        "vaccine_code": vaccine.code,
        "vaccine_name": vaccine.name,
        "manufacturer": vaccine.manufacturer,
        "disease": COVID if vaccine.code in codes.COVID_VACCINES else vaccine.target_disease,
        "cvx": vaccine.cvx_codes[0] if vaccine.cvx_codes else "",
        "kfa": vaccine.kfa_products[0] if vaccine.kfa_products else "",
        "product_id": dvc.product_id(vaccine),
    }


def _labels(programmes: Collection[str]) -> dict[tuple[str, str], str]:
    """The ministry's names of the doses ("booster 1"); of several rules for one dose the first names it."""
    rules = DoseRule.objects.filter(programme_id__in=programmes).reverse()
    rows = rules.values_list("programme_id", "dose_code", "dose_label")
    return {(programme, code): label for programme, code, label in rows}


# --- counting ------------------------------------------------------------------------------------------------------


class Given(NamedTuple):
    """A completed COVID-19 dose of a person's history: when, and how many doses the series of its vaccine has."""

    at: datetime
    primary_doses: int | None


def dose_position(dose: Dose, primary_doses: int | None, history: Iterable[Given]) -> tuple[int, int]:
    """Dose number and doses of the series, as the EU counts them.

    A booster counts all doses so far and stands as 3/3; after a one-dose series as 2/1. Doses given elsewhere may be
    missing here, so a booster is never counted below its series plus its own number. `primary_doses` is the series of
    the dose's own vaccine; `history` the person's COVID-19 doses, the oldest first, looked at for boosters only.
    """
    if dose.vaccine_id not in codes.COVID_VACCINES:
        number = max(dose.dose_number, 1)
        return number, max(primary_doses or 1, number)
    ordinal = _ordinal(dose.dose_code) or dose.dose_number or 1
    if not _is_covid_booster(dose):
        number = max(ordinal, 1)
        return number, max(primary_doses or 2, number)
    before = [given for given in history if given.at < dose.occurred_at]
    primary = (before[0].primary_doses if before else primary_doses) or 2
    number = max(len(before) + 1, primary + max(ordinal, 1))
    return number, 1 if primary == 1 else number


@lru_cache(maxsize=128)
def _ordinal(dose_code: str) -> int:
    """Which dose of its kind: 2 for `booster2`; 0 where the code does not say."""
    return int("".join(filter(str.isdigit, dose_code)) or 0)


def _is_covid_booster(dose: Dose) -> bool:
    return dose.dose_code.startswith("booster") and dose.vaccine_id in codes.COVID_VACCINES


def _covid_history(citizens: Collection[int]) -> Mapping[int, list[Given]]:
    """The completed COVID-19 doses of these people by person, the oldest first."""
    history: dict[int, list[Given]] = defaultdict(list)
    rows = Immunization.objects.completed().filter(citizen_id__in=citizens, vaccine_id__in=codes.COVID_VACCINES)
    for citizen, at, primary in rows.order_by("occurred_at").values_list(
        "citizen_id", "occurred_at", "vaccine__primary_doses"
    ):
        history[citizen].append(Given(at, primary))
    return history
