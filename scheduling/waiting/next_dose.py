"""The dose after the one just given: who had one is put on the waiting list of the next, by themselves.

A consumer of the outbox; the app that records doses stands above this one and is not known here.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.utils import timezone

from programmes.rules import Option
from regions.models import Facility
from registration.models import Citizen
from scheduling import eligibility, errors
from scheduling.models import WaitlistEntry, WaitlistMember
from scheduling.waiting import waitlist

CONSUMER = "scheduling.waiting.next_dose"
NAMESPACE = UUID("7f3f0f5e-93c1-4f2f-9a1e-0f5f0f8c1b52")


def on_recorded(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.recorded`: what no longer fits ends, the next dose is looked for where this was given.

    A message without `citizen_id` is of an older release and ignored; without `facility_id` the dose was given
    elsewhere, and nobody asked us for the next one.
    """
    citizen = _living(payload.get("citizen_id"))
    if citizen is None:
        return
    programme = payload["programme"]
    case = eligibility.Case.of(citizen)
    _end_unfit(citizen, programme, case)
    if payload.get("facility_id"):
        _look_for_next(citizen, programme, case, payload["facility_id"], payload["immunization_id"])


def on_corrected(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.corrected`: what was sought after the wrong dose ends, the right one starts anew."""
    citizen = _living(payload.get("citizen_id"))
    if citizen is None:
        return
    programme = payload["programme"]
    case = eligibility.Case.of(citizen)
    _end_unfit(citizen, programme, case)
    if payload.get("replacement_id") and payload.get("facility_id"):
        _look_for_next(citizen, programme, case, payload["facility_id"], payload["replacement_id"])


def next_due(case: eligibility.Case, programme: str, on_date: date) -> Option | None:
    """The dose of `programme` that becomes possible next after `on_date`, None when none is known to.

    What is possible at once belongs to another series and waits for nobody's interval.
    """
    options = case.options(on_date, programme)
    later = [one for one in options if not one.eligible and not one.manual_review and one.eligible_from]
    return min(later, key=lambda one: one.eligible_from or date.max, default=None)


def _look_for_next(citizen: Citizen, programme: str, case: eligibility.Case, facility_id: int, dose_id: int) -> None:
    today = timezone.localdate()
    due = next_due(case, programme, today)
    if due is None or due.eligible_from is None:
        return
    first = max(due.eligible_from, today)
    # The rules know the first day and the end of an age; how long after the first day is good is a setting.
    last = min(first + timedelta(days=settings.NEXT_DOSE_WINDOW_DAYS), due.eligible_until or date.max)
    try:
        waitlist.join(
            citizens=[citizen], programme=programme, first=first, last=last,
            facility=Facility.objects.get(pk=facility_id), source=WaitlistEntry.Source.NEXT_DOSE, joined_via="system",
            client_uuid=uuid5(NAMESPACE, str(dose_id)),
        )  # fmt: skip
    except (errors.AlreadyWaiting, errors.AlreadyBooked):
        return  # a place is sought or found already, by the person's own choice


def _end_unfit(citizen: Citizen, programme: str, case: eligibility.Case) -> None:
    """End what the history has overtaken: a search for the next dose of before, and dates on which no dose is due."""
    rows = WaitlistMember.objects.filter(citizen=citizen, programme=programme, is_active=True)
    for member in rows.order_by("entry_id"):
        entry = waitlist.locked(member.entry_id)
        if entry.is_active and (entry.source == WaitlistEntry.Source.NEXT_DOSE or not _fits(entry, case)):
            waitlist.take_out(entry, citizen.pk, WaitlistEntry.State.ENDED, WaitlistEntry.Because.DOSE)


def _fits(entry: WaitlistEntry, case: eligibility.Case) -> bool:
    days = {max(entry.first_date, timezone.localdate()), entry.last_date}
    return any(
        option.eligible or option.manual_review
        for day in days
        for option in case.options(day, entry.programme_id)
        if entry.vaccine_id in (None, option.vaccine)
    )


def _living(citizen_id: int | None) -> Citizen | None:
    citizen = Citizen.objects.filter(pk=citizen_id).first() if citizen_id else None
    while citizen and citizen.merged_into_id:
        citizen = Citizen.objects.get(pk=citizen.merged_into_id)
    return citizen
