"""From a recorded dose to the facts that are signed, and the reasons why a dose gets no certificate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.utils import timezone

from certificates import codes, dvc
from certificates.facts import DoseFacts
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


def dose_facts(
    immunization: Immunization, *, dose_label: str = "", history: Sequence[Immunization] | None = None
) -> DoseFacts:
    """Everything a certificate says about this dose; raises NotCertifiable. `history` as in `dose_position`."""
    if reason := why_not(immunization):
        raise NotCertifiable(reason)
    vaccine, citizen = immunization.vaccine, immunization.citizen
    number, series = dose_position(immunization, history)
    return DoseFacts(
        name=citizen.full_name,
        birth_date=citizen.birth_date,
        vaccine_code=vaccine.code,
        vaccine_name=vaccine.name,
        manufacturer=vaccine.manufacturer,
        disease=COVID if vaccine.code in codes.COVID_VACCINES else vaccine.target_disease,
        dose_number=number,
        series_doses=series,
        occurred_on=timezone.localdate(immunization.occurred_at),
        facility_name=immunization.facility.name if immunization.facility else "",
        lot_number=immunization.lot_number,
        cvx=vaccine.cvx_codes[0] if vaccine.cvx_codes else "",
        kfa=vaccine.kfa_products[0] if vaccine.kfa_products else "",
        product_id=dvc.product_id(vaccine),
        dose_label=dose_label,
    )


def dose_position(immunization: Immunization, history: Sequence[Immunization] | None = None) -> tuple[int, int]:
    """Dose number and doses of the series, as the EU counts them.

    A booster counts all doses so far and stands as 3/3; after a one-dose series as 2/1. Doses given elsewhere may be
    missing here, so a booster is never counted below its series plus its own number. `history` is the person's
    `covid_doses` where the caller has them already.
    """
    vaccine = immunization.vaccine
    if vaccine.code not in codes.COVID_VACCINES:
        number = max(immunization.dose_number, 1)
        return number, max(vaccine.primary_doses or 1, number)
    ordinal = int("".join(filter(str.isdigit, immunization.dose_code)) or immunization.dose_number or 1)
    if not immunization.dose_code.startswith("booster"):
        number = max(ordinal, 1)
        return number, max(vaccine.primary_doses or 2, number)
    if history is None:
        history = covid_doses([immunization.citizen_id])
    before = [dose for dose in history if dose.occurred_at < immunization.occurred_at]
    first = before[0].vaccine if before else vaccine
    primary = first.primary_doses or 2
    number = max(len(before) + 1, primary + max(ordinal, 1))
    return number, 1 if primary == 1 else number


def covid_doses(citizens: Iterable[int]) -> list[Immunization]:
    """The completed COVID-19 doses of these people, the oldest first."""
    given = Immunization.objects.completed().filter(citizen_id__in=citizens, vaccine_id__in=codes.COVID_VACCINES)
    return list(given.select_related("vaccine").order_by("occurred_at"))
