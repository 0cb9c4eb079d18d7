"""Who may have which dose, and from when: a pure function over plain values (RULES section 4).

`evaluate` never reads the clock. Three answers are possible for a dose: eligible, not eligible (with the first possible
date when there is one), or manual review. Manual review is the answer whenever a value that no source confirms would
draw the line for this very person; a person decides then, not the program.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby, pairwise

from programmes import reasons
from programmes.history import PastDose
from programmes.ruleset import WHOLE_RULE, Gap, Rule, RuleSet, Scheme
from programmes.spans import Span

EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the person; None or empty means not known, never "no"."""

    birth_date: date | None
    sex: str = ""  # "L" or "P", as on the identity card
    groups: frozenset[str] = frozenset()
    pregnant: bool | None = None
    recovered_on: date | None = None
    severe_illness: bool | None = None
    school_grade: int | None = None
    t_status: int | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One dose this person could have, and whether the rules allow it on the day asked for.

    `eligible` and `manual_review` are never both true. `eligible_from` is the first day on which no confirmed rule
    forbids the dose, None when there is no such day.
    """

    programme: str
    vaccine: str
    vaccine_label: str
    dose_code: str
    dose_label: str
    dose_number: int
    volume: str
    dose_quantity_ml: Decimal | None
    rule: str
    eligible: bool
    eligible_from: date | None
    eligible_until: date | None
    reason: str
    manual_review: bool = False
    span: Span | None = None
    unverified: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Why, in one sentence of the active language."""
        return reasons.explain(self)

    @property
    def relevant(self) -> bool:
        """Worth a line on the person's page: may happen now or later, or a person has to look at it."""
        return self.eligible or self.manual_review or self.eligible_from is not None


@dataclass(frozen=True, slots=True)
class _Case:
    """One question to the rules: this person, this history, this day, and as old as on `age_on`."""

    facts: Facts
    history: Sequence[PastDose]
    on_date: date
    ruleset: RuleSet
    groups: frozenset[str]
    age_on: date


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """One condition that is not simply met: refused until `until` (None: for good), or not decidable."""

    reason: str
    until: date | None = None
    doubt: str = ""
    span: Span | None = None


def evaluate(
    facts: Facts,
    history: Sequence[PastDose],
    on_date: date,
    ruleset: RuleSet | None = None,
    programme: str | None = None,
    age_on: date | None = None,
) -> list[Option]:
    """Return the next possible doses for a person on the service date `on_date`, best first.

    Without `ruleset` the active rules of the database are used (cached per process). Age is that of the service date
    (RULES G-2); `age_on` asks what the answer would be with the age of another day. Same input, same output, whatever
    the order of `history`.
    """
    if ruleset is None:
        from programmes.catalogue import active_ruleset  # the only door to the database, and only when asked for

        ruleset = active_ruleset()
    history = sorted(history, key=lambda dose: (dose.occurred_on, dose.programme, dose.dose_code, dose.vaccine))
    age_on = age_on or on_date
    case = _Case(facts, history, on_date, ruleset, groups_of(facts, age_on, ruleset), age_on)
    schemes = [scheme for scheme in ruleset.schemes.values() if programme in (None, scheme.code)]
    return [option for scheme in schemes for option in _evaluate_scheme(scheme, case)]


def pick(options: Iterable[Option], programme: str, vaccine: str, dose_code: str, ruleset: RuleSet) -> Option:
    """The answer for one product and dose; a combination without a rule is for a person to review (RULES E-7)."""
    label = ruleset.label(vaccine)
    of_programme = [option for option in options if option.programme == programme]
    same_dose = [option for option in of_programme if option.dose_code == dose_code]
    for option in same_dose:
        if option.vaccine == vaccine:
            return option
    for option in same_dose:
        if ruleset.antigen(option.vaccine) == ruleset.antigen(vaccine):
            return replace(option, vaccine=vaccine, vaccine_label=label)
    for option in of_programme:
        # An answer for the series as a whole: complete, outside the programme, or to be reviewed.
        if not option.dose_code and option.vaccine in ("", vaccine):
            return replace(option, dose_code=dose_code, vaccine=vaccine, vaccine_label=label)
    answer = replace(
        _without_rule(programme, reasons.NO_RULE), dose_code=dose_code, vaccine=vaccine, vaccine_label=label
    )
    return answer if same_dose else replace(answer, reason=reasons.NOT_NEXT, manual_review=False)


def groups_of(facts: Facts, on_date: date, ruleset: RuleSet) -> frozenset[str]:
    """Target groups on `on_date`: those on record plus those that follow from age."""
    if facts.birth_date is None:
        return facts.groups
    return facts.groups | {
        group.code for group in ruleset.groups if _inside(facts.birth_date, on_date, group.min_age, group.below_age)
    }


def comes_of_age(birth_date: date | None, after: date, until: date, ruleset: RuleSet) -> bool:
    """Whether an age that any rule names is reached after one day and until another; else age decides nothing there."""
    if birth_date is None:
        return False
    return any(after < age.after(birth_date) <= until for age in ruleset.ages)


def _evaluate_scheme(scheme: Scheme, case: _Case) -> list[Option]:
    rules = case.ruleset.of(scheme.code)
    given = [dose for dose in case.history if dose.programme == scheme.code]
    outside = _outside_scheme(scheme, case)
    if outside:
        return [outside]
    if scheme.series_scope == Scheme.ONE_SERIES:
        found = _next_doses(scheme, "", rules, given, case)
    else:
        found = []
        key = "vaccine" if scheme.series_scope == Scheme.PER_VACCINE else "dose_code"
        in_order = sorted(rules, key=lambda rule: getattr(rule, key))
        for value, part in groupby(in_order, key=lambda rule: getattr(rule, key)):
            own = [dose for dose in given if getattr(dose, key) == value]
            series = tuple(part)
            found += _next_doses(scheme, series[0].vaccine, series, own, case)
    open_series = [option for option in found if option.reason != reasons.COMPLETE]
    return sorted(open_series, key=_rank) or found[:1]


def _next_doses(
    scheme: Scheme, vaccine: str, rules: Sequence[Rule], given: Sequence[PastDose], case: _Case
) -> list[Option]:
    """Options for the next step of one series; `vaccine` names a series of its own, "" the whole programme."""
    last = given[-1] if given else None
    reached = {""}
    if last:
        answer = _whole_series_answer(rules, given, case)
        if answer:
            return [replace(_without_rule(scheme.code, answer, vaccine), manual_review=answer != reasons.COMPLETE)]
        reached = _reached(rules, last, case)
    candidates = [rule for rule in rules if rule.follows in reached and _is_candidate(rule, last, case)]
    if not candidates:
        return [_without_rule(scheme.code, reasons.NO_RULE, vaccine)]
    best: dict[tuple[str, str], Option] = {}
    for rule in candidates:
        option = _apply(rule, last, len(given) + 1, case)
        key = (rule.vaccine, rule.dose_code)
        if key not in best or _rank(option) < _rank(best[key]):
            best[key] = option
    return list(best.values())


def _reached(rules: Sequence[Rule], last: PastDose, case: _Case) -> set[str]:
    """The last dose, and the stage it completes if this product needs no further dose in it."""
    antigen = case.ruleset.antigen(last.vaccine)
    return {last.dose_code} | {
        rule.stage
        for rule in rules
        if rule.completes and rule.dose_code == last.dose_code and case.ruleset.antigen(rule.vaccine) == antigen
    }


def _is_candidate(rule: Rule, last: PastDose | None, case: _Case) -> bool:
    antigen = case.ruleset.antigen
    if last and rule.prior_vaccine and antigen(rule.prior_vaccine) != antigen(last.vaccine):
        return False
    if rule.valid_until and rule.valid_until < case.on_date:
        return False
    return rule.pregnancy != "only" or bool(case.facts.pregnant)


def _whole_series_answer(rules: Sequence[Rule], given: Sequence[PastDose], case: _Case) -> str:
    """Reason code when the series is complete or needs a person's eye as a whole, else ""."""
    last = given[-1]
    trouble = _history_trouble(given, {rule.dose_code: rule.step for rule in rules}, case.on_date)
    if trouble:
        return trouble
    stages = {rule.dose_code: rule.stage for rule in rules}
    stage = stages[last.dose_code]
    if not any(rule.follows in (last.dose_code, stage) for rule in rules):
        return reasons.COMPLETE
    antigens = {case.ruleset.antigen(dose.vaccine) for dose in given if stages[dose.dose_code] == stage}
    return reasons.MIXED_SERIES if len(antigens) > 1 else ""


def _history_trouble(given: Sequence[PastDose], steps: dict[str, int], on_date: date) -> str:
    """Reason why the recorded series itself needs a person's eye, or ""."""
    if any(dose.dose_code not in steps for dose in given):
        return reasons.NO_RULE
    order = [steps[dose.dose_code] for dose in given]
    if given[-1].occurred_on > on_date or any(later <= earlier for earlier, later in pairwise(order)):
        return reasons.HISTORY_CONFLICT
    if not all(dose.counts for dose in given):
        return reasons.FLAGGED_DOSE
    return ""


def _apply(rule: Rule, last: PastDose | None, dose_number: int, case: _Case) -> Option:
    obstacles = [
        *_age_obstacles(rule, case.facts, case.age_on),
        *_interval_obstacles(rule, last, case.on_date),
        *_start_obstacles(rule, case.groups, case.on_date),
        *_person_obstacles(rule, case.facts),
        *_gap_obstacles(rule, case),
    ]
    option = Option(
        programme=rule.programme,
        vaccine=rule.vaccine,
        vaccine_label=case.ruleset.label(rule.vaccine),
        dose_code=rule.dose_code,
        dose_label=reasons.local_label(rule.dose_label),
        dose_number=dose_number,
        volume=rule.volume,
        dose_quantity_ml=rule.dose_quantity_ml,
        rule=rule.code,
        eligible=not obstacles,
        eligible_from=case.on_date if not obstacles else None,
        eligible_until=_last_day(rule, case),
        reason=reasons.OK,
    )
    if not obstacles:
        return option
    refused = [obstacle for obstacle in obstacles if not obstacle.doubt]
    for_good = [obstacle for obstacle in refused if obstacle.until is None]
    if for_good:
        return replace(option, reason=for_good[0].reason, span=for_good[0].span)
    dated = [obstacle.until for obstacle in obstacles if obstacle.until]
    first_day = max(dated, default=None)
    if refused:
        latest = max(refused, key=lambda obstacle: obstacle.until or date.min)
        if first_day and option.eligible_until and first_day > option.eligible_until:
            return replace(option, reason=reasons.TOO_OLD, span=rule.below_age)
        return replace(option, reason=latest.reason, span=latest.span, eligible_from=first_day)
    # Only doubts are left. A date is given only when every doubt ends on a confirmed day.
    certain_later = first_day if all(obstacle.until for obstacle in obstacles) else None
    return replace(
        option,
        reason=obstacles[0].reason,
        span=obstacles[0].span,
        manual_review=True,
        eligible_from=certain_later,
        unverified=tuple(dict.fromkeys(o.doubt for o in obstacles if o.reason == reasons.UNVERIFIED)),
    )


def _age_obstacles(rule: Rule, facts: Facts, age_on: date) -> Iterable[_Obstacle]:
    birth = facts.birth_date
    if birth is None:
        yield _Obstacle(reasons.NO_BIRTH_DATE, doubt="birth_date")
        return
    if rule.born_from and birth < rule.born_from:
        yield _Obstacle(reasons.OTHER_COHORT)
    if "min_age" in rule.unverified:
        if not rule.sure_min_age or age_on < rule.sure_min_age.after(birth):
            until = rule.sure_min_age.after(birth) if rule.sure_min_age else None
            yield _Obstacle(reasons.UNVERIFIED, until, doubt="min_age", span=rule.min_age)
    elif rule.min_age and age_on < rule.min_age.after(birth):
        yield _Obstacle(reasons.TOO_YOUNG, rule.min_age.after(birth), span=rule.min_age)
    if "max_age" in rule.unverified:
        if not rule.sure_below_age or age_on >= rule.sure_below_age.after(birth):
            yield _Obstacle(reasons.UNVERIFIED, doubt="max_age", span=rule.below_age)
    elif rule.below_age and age_on >= rule.below_age.after(birth):
        yield _Obstacle(reasons.TOO_OLD, span=rule.below_age)


def _interval_obstacles(rule: Rule, last: PastDose | None, on_date: date) -> Iterable[_Obstacle]:
    if last is None:
        return
    since = last.occurred_on
    if "min_interval" in rule.unverified:
        if not rule.sure_min_interval or on_date < rule.sure_min_interval.after(since):
            until = rule.sure_min_interval.after(since) if rule.sure_min_interval else None
            yield _Obstacle(reasons.UNVERIFIED, until, doubt="min_interval", span=rule.min_interval)
    elif rule.min_interval and on_date < rule.min_interval.after(since):
        yield _Obstacle(reasons.TOO_EARLY, rule.min_interval.after(since), span=rule.min_interval)


def _start_obstacles(rule: Rule, groups: frozenset[str], on_date: date) -> Iterable[_Obstacle]:
    starts = [start for group, start in rule.group_starts if group == EVERYBODY or group in groups]
    if rule.group_starts and not starts:
        yield _Obstacle(reasons.OTHER_GROUP)
        return
    opens = min(starts, default=None) or rule.valid_from
    if opens and on_date < opens:
        yield _Obstacle(reasons.NOT_OPEN, opens)
    elif "valid_from" in rule.unverified and (rule.sure_from is None or on_date < rule.sure_from):
        yield _Obstacle(reasons.UNVERIFIED, rule.sure_from, doubt="valid_from")


def _person_obstacles(rule: Rule, facts: Facts) -> Iterable[_Obstacle]:
    if WHOLE_RULE in rule.unverified:
        yield _Obstacle(reasons.UNVERIFIED, doubt=WHOLE_RULE)
    if rule.sex and not facts.sex:
        yield _Obstacle(reasons.SEX_UNKNOWN, doubt="sex")
    elif rule.sex and rule.sex != facts.sex:
        yield _Obstacle(reasons.OTHER_SEX)
    if facts.pregnant and rule.pregnancy != "ok":
        yield _Obstacle(reasons.PREGNANCY, doubt="pregnancy")
    if rule.needs_t_status and facts.t_status is None:
        yield _Obstacle(reasons.T_STATUS, doubt="t_status")
    if rule.school_grade is not None and facts.school_grade is None:
        yield _Obstacle(reasons.GRADE_UNKNOWN, doubt="school_grade")
    elif rule.school_grade is not None and facts.school_grade != rule.school_grade:
        yield _Obstacle(reasons.OTHER_GRADE)


def _gap_obstacles(rule: Rule, case: _Case) -> Iterable[_Obstacle]:
    birth, on_date = case.facts.birth_date, case.on_date
    for gap in case.ruleset.gaps:
        if (gap.valid_from and on_date < gap.valid_from) or (gap.valid_until and on_date > gap.valid_until):
            continue
        if (gap.min_age or gap.below_age) and not (birth and _inside(birth, case.age_on, gap.min_age, gap.below_age)):
            continue
        for since in _gap_anchors(gap, rule, case):
            # Two live vaccines may share a day; every other distance starts on the day itself.
            first = since + timedelta(days=gap.kind == Gap.LIVE)
            if first <= on_date < gap.span.after(since):
                yield _Obstacle(
                    _GAP_REASONS[gap.kind], gap.span.after(since), doubt="gap" if gap.unverified else "", span=gap.span
                )


_GAP_REASONS = {
    Gap.OTHER_VACCINE: reasons.OTHER_VACCINE,
    Gap.LIVE: reasons.LIVE_VACCINE,
    Gap.RECOVERY: reasons.RECOVERY,
}


def _gap_anchors(gap: Gap, rule: Rule, case: _Case) -> Iterable[date]:
    """The days from which this gap counts for this rule."""
    if gap.kind == Gap.RECOVERY:
        # Unknown severity takes the longer, severe wait.
        severity = "mild" if case.facts.severe_illness is False else "severe"
        if case.facts.recovered_on and rule.programme == gap.programme and gap.severity in ("", severity):
            yield case.facts.recovered_on
        return
    live = {code for code, product in case.ruleset.products.items() if product.live_injected}
    for dose in case.history:
        if gap.kind == Gap.OTHER_VACCINE:
            # One side is the programme of the gap, the other is anything else, in either order.
            if (rule.programme == gap.programme) != (dose.programme == gap.programme):
                yield dose.occurred_on
        elif {rule.vaccine, dose.vaccine} <= live and rule.vaccine != dose.vaccine:
            yield dose.occurred_on


def _outside_scheme(scheme: Scheme, case: _Case) -> Option | None:
    birth = case.facts.birth_date
    if birth is None or _inside(birth, case.age_on, scheme.min_age, scheme.below_age):
        return None
    option = replace(_without_rule(scheme.code, reasons.TOO_OLD), manual_review=False, span=scheme.below_age)
    if scheme.min_age and case.age_on < scheme.min_age.after(birth):
        first_day = scheme.min_age.after(birth)
        return replace(option, reason=reasons.TOO_YOUNG, span=scheme.min_age, eligible_from=first_day)
    return option


def _without_rule(programme: str, reason: str, vaccine: str = "") -> Option:
    """An answer that no row of the table gives; by default a person has to look at it."""
    return Option(
        programme=programme,
        vaccine=vaccine,
        vaccine_label="",
        dose_code="",
        dose_label="",
        dose_number=0,
        volume="",
        dose_quantity_ml=None,
        rule="",
        eligible=False,
        eligible_from=None,
        eligible_until=None,
        reason=reason,
        manual_review=True,
    )


def _last_day(rule: Rule, case: _Case) -> date | None:
    """The last day on which neither the rule nor its programme is over for this person."""
    ends = [rule.valid_until] if rule.valid_until else []
    limit = rule.sure_below_age if "max_age" in rule.unverified else rule.below_age
    birth = case.facts.birth_date
    if birth:
        limits = [limit, case.ruleset.schemes[rule.programme].below_age]
        ends += [age.after(birth) - timedelta(days=1) for age in limits if age]
    return min(ends, default=None)


def _inside(birth: date, on_date: date, min_age: Span | None, below_age: Span | None) -> bool:
    return not (min_age and on_date < min_age.after(birth)) and not (below_age and on_date >= below_age.after(birth))


def _rank(option: Option) -> tuple[int, date, int, str]:
    """Best first: eligible, then what a person may allow, then what comes soonest."""
    kind = 0 if option.eligible else 1 if option.manual_review else 2
    return kind, option.eligible_from or date.max, option.dose_number, option.rule
