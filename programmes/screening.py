"""What a screening form proposes: a pure function over answers and measurements (RULES section 5).

The form proposes, a named vaccinator decides (RULES SC-5). The order is fixed: not given, hospital, postponed, then
go ahead; the same answers always give the same proposal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from programmes.spans import Span

PROCEED, POSTPONE, REFER, REFUSE = "lanjut", "tunda", "rujuk_rs", "tidak_diberikan"
_WEIGHT = {PROCEED: 0, POSTPONE: 1, REFER: 2, REFUSE: 3}
TEMPERATURE, BLOOD_PRESSURE = "temperature_c", "blood_pressure"


@dataclass(frozen=True, slots=True)
class Item:
    """One question and what a "yes" proposes."""

    key: str
    text: str
    outcome: str
    refer: bool = False
    postpone: Span | None = None
    advice: str = ""
    help_text: str = ""
    use_form: str = ""
    group: str = ""
    at_least: int = 0
    min_age: Span | None = None
    below_age: Span | None = None
    sex: str = ""
    first_dose: bool | None = None
    live: bool | None = None
    vaccines: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Form:
    """One version of a questionnaire; `limits` as in Questionnaire.measurement_limits."""

    code: str
    version: str
    items: tuple[Item, ...]
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is screened for which dose; age counts on the service date (RULES G-2)."""

    birth_date: date
    on_date: date
    sex: str = ""
    first_dose: bool = True
    vaccine: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """One reading, kept with its time (RULES SC-3)."""

    at: datetime
    temperature_c: Decimal | None = None
    systolic: int | None = None
    diastolic: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an outcome is proposed: the question or measurement, and what to do."""

    key: str
    outcome: str
    text: str
    refer: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the form proposes. `outcome` is "" while something is missing that could still change it."""

    outcome: str
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    measure_again_at: datetime | None = None
    use_form: str = ""

    @property
    def refer(self) -> bool:
        """True if any reason asks for a doctor."""
        return any(reason.refer for reason in self.reasons)

    @property
    def postponed_until(self) -> date | None:
        """The date by which every dated postponement has passed; None when none carries a date."""
        return max((reason.until for reason in self.reasons if reason.until), default=None)


def questions_for(form: Form, subject: Subject) -> tuple[Item, ...]:
    """The questions this person is asked, in order."""
    return tuple(item for item in form.items if _asked(item, subject))


def propose_outcome(
    form: Form,
    answers: Mapping[str, bool | None],
    measurements: Sequence[Measurement],
    subject: Subject,
    *,
    at_home: bool = False,
) -> Proposal:
    """Propose an outcome from answers (True = yes) and readings.

    `at_home` is the advisory pre-screening (RULES SC-7): nobody is asked for a thermometer or a cuff there.
    """
    asked = questions_for(form, subject)
    missing = [item.key for item in asked if not isinstance(answers.get(item.key), bool)]
    yes = [item for item in asked if answers.get(item.key) is True]
    reasons = [_reason(item, subject) for item in yes if not item.group]
    reasons += _group_reasons(asked, yes, subject)
    measure_again_at = None
    if not at_home:
        measured, absent, measure_again_at = _measured(form, measurements, subject)
        reasons += measured
        missing += absent
    reasons.sort(key=lambda reason: -_WEIGHT[reason.outcome])
    worst = reasons[0].outcome if reasons else PROCEED
    open_points = bool(missing or measure_again_at)
    return Proposal(
        # What is still open can make the outcome worse, never better; only the worst of all needs no more asking.
        outcome="" if open_points and worst != REFUSE else worst,
        reasons=tuple(reasons),
        missing=tuple(missing),
        measure_again_at=measure_again_at,
        use_form=next((item.use_form for item in yes if item.use_form), ""),
    )


def _asked(item: Item, subject: Subject) -> bool:
    birth, on_date = subject.birth_date, subject.on_date
    return not (
        (item.min_age and on_date < item.min_age.after(birth))
        or (item.below_age and on_date >= item.below_age.after(birth))
        or (item.sex and subject.sex and item.sex != subject.sex)
        or (item.first_dose is not None and item.first_dose != subject.first_dose)
        or (item.live is not None and item.live != subject.live)
        or (item.vaccines and subject.vaccine not in item.vaccines)
    )


def _reason(item: Item, subject: Subject) -> Reason:
    return Reason(
        key=item.key,
        outcome=item.outcome,
        text=item.advice or item.text,
        refer=item.refer,
        until=item.postpone.after(subject.on_date) if item.postpone and item.outcome == POSTPONE else None,
    )


def _group_reasons(asked: Sequence[Item], yes: Sequence[Item], subject: Subject) -> Iterable[Reason]:
    """Items that count together, e.g. three of the five questions to the elderly."""
    for group in dict.fromkeys(item.group for item in asked if item.group):
        hits = [item for item in yes if item.group == group]
        if hits and len(hits) >= hits[0].at_least:
            text = _("%(hits)d dari pertanyaan %(group)s dijawab ya (batas %(limit)d).") % {
                "hits": len(hits),
                "group": group,
                "limit": hits[0].at_least,
            }
            yield Reason(key=group, outcome=hits[0].outcome, text=text, refer=any(item.refer for item in hits))


def _measured(
    form: Form, measurements: Sequence[Measurement], subject: Subject
) -> tuple[list[Reason], list[str], datetime | None]:
    readings = sorted(measurements, key=lambda reading: reading.at)
    reasons: list[Reason] = []
    missing: list[str] = []
    limit = form.limits.get(TEMPERATURE)
    if limit:
        temperatures = [reading.temperature_c for reading in readings if reading.temperature_c is not None]
        if not temperatures:
            missing.append(TEMPERATURE)
        elif Decimal(temperatures[-1]) > Decimal(str(limit["above"])):  # strictly greater (RULES SC-3)
            text = _("Suhu %(value)s °C di atas %(limit)s °C: tunda sampai sehat.") % {
                "value": formats.number_format(temperatures[-1]),
                "limit": formats.number_format(limit["above"]),
            }
            reasons.append(Reason(TEMPERATURE, POSTPONE, text))
    pressure = next((limit for limit in form.limits.get(BLOOD_PRESSURE, ()) if _limit_applies(limit, subject)), None)
    if not pressure:
        return reasons, missing, None
    taken = [reading for reading in readings if reading.systolic is not None and reading.diastolic is not None]
    if not taken:
        return reasons, [*missing, BLOOD_PRESSURE], None
    first_high = next((reading for reading in taken if _is_high(reading, pressure)), None)
    if first_high is None:
        return reasons, missing, None
    again_at = first_high.at + timedelta(minutes=pressure["again_after_minutes"])
    repeated = [reading for reading in taken if reading.at >= again_at]
    if not repeated:
        return reasons, missing, again_at
    if _is_high(repeated[-1], pressure):
        text = _("Tekanan darah tetap di atas %(limit)s setelah diukur ulang.") % {
            "limit": f"{pressure['systolic']}/{pressure['diastolic']}"
        }
        reasons.append(Reason(BLOOD_PRESSURE, POSTPONE, text, refer=bool(pressure.get("refer"))))
    return reasons, missing, None


def _limit_applies(limit: Mapping[str, Any], subject: Subject) -> bool:
    min_age, below_age = Span.parse(limit.get("min_age", "")), Span.parse(limit.get("below_age", ""))
    return not (
        (min_age and subject.on_date < min_age.after(subject.birth_date))
        or (below_age and subject.on_date >= below_age.after(subject.birth_date))
    )


def _is_high(reading: Measurement, limit: Mapping[str, Any]) -> bool:
    """Strictly above, and either value counts (RULES SC-3)."""
    return bool((reading.systolic or 0) > limit["systolic"] or (reading.diastolic or 0) > limit["diastolic"])


def measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    """Read one entry of Screening.measurements; raises ValueError for a bad time or number."""
    at = datetime.fromisoformat(str(data["at"]))
    temperature = data.get("temperature_c")
    return Measurement(
        at=at if timezone.is_aware(at) else timezone.make_aware(at),
        temperature_c=Decimal(str(temperature)) if temperature not in (None, "") else None,
        systolic=int(data["systolic"]) if data.get("systolic") not in (None, "") else None,
        diastolic=int(data["diastolic"]) if data.get("diastolic") not in (None, "") else None,
    )
