"""The rules and forms of the database as plain values, read once and shared by every thread of the process."""

import threading
import time
from collections.abc import Iterable
from datetime import date

from django.utils.translation import get_language

from programmes.models import DoseRule, GapRule, Programme, Question, Questionnaire, TargetGroup, Vaccine
from programmes.ruleset import Gap, Group, Product, Rule, RuleSet, Scheme
from programmes.screening import Form, Item
from programmes.spans import Span

# An edited rule is in force in every process within this time.
MAX_AGE_SECONDS = 30.0

_lock = threading.Lock()
_cached: tuple[float, RuleSet] | None = None
_cached_questionnaires: tuple[float, list[Questionnaire]] | None = None


def active_ruleset() -> RuleSet:
    """All active rules; at most MAX_AGE_SECONDS old. Five queries when read anew, none otherwise."""
    global _cached
    cached = _cached
    if cached and time.monotonic() - cached[0] < MAX_AGE_SECONDS:
        return cached[1]
    with _lock:
        ruleset = load_ruleset()
        # An empty table is a city not loaded yet, not a rule set worth remembering.
        _cached = (time.monotonic(), ruleset) if ruleset.rules else None
    return ruleset


def forget() -> None:
    """Drop what this process remembers, after rules were loaded or edited."""
    global _cached, _cached_questionnaires
    _cached = _cached_questionnaires = None


def load_ruleset() -> RuleSet:
    """Read the rule set from the database, past the cache."""
    return build_ruleset(
        Programme.objects.all(),
        Vaccine.objects.all(),
        DoseRule.objects.filter(is_active=True),
        GapRule.objects.all(),
        TargetGroup.objects.all(),
    )


def build_ruleset(
    programmes: Iterable[Programme],
    vaccines: Iterable[Vaccine],
    rules: Iterable[DoseRule],
    gaps: Iterable[GapRule],
    groups: Iterable[TargetGroup],
) -> RuleSet:
    """Plain values from rows, saved or not; a programme without an active rule has no place in it."""
    active = tuple(_rule(row) for row in rules if row.is_active)
    used = {rule.programme for rule in active}
    return RuleSet(
        rules=active,
        products={row.code: _product(row) for row in vaccines},
        schemes={
            row.code: Scheme(row.code, row.name, row.series_scope, Span.parse(row.min_age), Span.parse(row.below_age))
            for row in programmes
            if row.code in used
        },
        gaps=tuple(_gap(row) for row in gaps),
        groups=tuple(
            Group(row.code, row.label, Span.parse(row.min_age), Span.parse(row.below_age))
            for row in groups
            if row.min_age or row.below_age
        ),
    )


def questionnaire_for(
    programme_code: str, birth_date: date, on_date: date, *, pregnant: bool | None = None
) -> Questionnaire | None:
    """The form in force on the service date for this age; the programme's own before the general one.

    A woman known to be pregnant gets the pregnancy form; None means the database holds no form at all. Forms are at
    most MAX_AGE_SECONDS old and shared by all threads: whoever gets one only reads it.
    """
    valid = [
        form
        for form in _questionnaires()
        if form.valid_from <= on_date
        and not (form.valid_until and form.valid_until < on_date)
        and _form_fits(form, birth_date, on_date, bool(pregnant))
    ]
    own = [form for form in valid if form.programme_id == programme_code]
    return next(iter(own or [form for form in valid if form.programme_id is None]), None)


def form_of(questionnaire: Questionnaire) -> Form:
    """One questionnaire as the pure functions see it, texts in the active language; made once per row and language."""
    made: dict[str | None, Form] = questionnaire.__dict__.setdefault("_forms", {})
    language = get_language()
    if language not in made:
        made[language] = _form(questionnaire)
    return made[language]


def _form(questionnaire: Questionnaire) -> Form:
    return Form(
        code=questionnaire.code,
        version=questionnaire.version,
        items=tuple(_item(question) for question in questionnaire.questions.all()),
        limits=questionnaire.measurement_limits,
    )


def _questionnaires() -> list[Questionnaire]:
    """All forms with their questions, the newest first; two queries when read anew, none otherwise."""
    global _cached_questionnaires
    cached = _cached_questionnaires
    if cached and time.monotonic() - cached[0] < MAX_AGE_SECONDS:
        return cached[1]
    forms = list(Questionnaire.objects.order_by("-valid_from", "code").prefetch_related("questions"))
    _cached_questionnaires = (time.monotonic(), forms) if forms else None
    return forms


def _form_fits(form: Questionnaire, birth_date: date, on_date: date, pregnant: bool) -> bool:
    scope = form.applies_to
    min_age, below_age = Span.parse(scope.get("min_age", "")), Span.parse(scope.get("below_age", ""))
    if "pregnant" in scope and scope["pregnant"] != pregnant:
        return False
    return not (
        (min_age and on_date < min_age.after(birth_date)) or (below_age and on_date >= below_age.after(birth_date))
    )


def _rule(row: DoseRule) -> Rule:
    return Rule(
        code=row.code,
        programme=row.programme_id,
        vaccine=row.vaccine_id,
        dose_code=row.dose_code,
        dose_label=row.dose_label,
        step=row.step,
        stage=row.stage,
        completes=row.completes_stage,
        follows=row.follows,
        prior_vaccine=row.prior_vaccine_id or "",
        volume=row.volume,
        dose_quantity_ml=row.dose_quantity_ml,
        min_age=Span.parse(row.min_age),
        below_age=Span.parse(row.below_age),
        min_interval=Span.parse(row.min_interval),
        sure_min_age=Span.parse(row.sure_min_age),
        sure_below_age=Span.parse(row.sure_below_age),
        sure_min_interval=Span.parse(row.sure_min_interval),
        sure_from=row.sure_from,
        recommended_age=Span.parse(row.recommended_age),
        sex=row.sex,
        born_from=row.born_from,
        school_grade=row.school_grade,
        needs_t_status=row.needs_t_status,
        pregnancy=row.pregnancy,
        group_starts=tuple((group, date.fromisoformat(start)) for group, start in row.group_starts.items()),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        unverified=frozenset(row.unverified_fields),
    )


def _product(row: Vaccine) -> Product:
    return Product(row.code, row.short_name, row.antigen, row.is_live and row.route.lower() != "oral")


def _gap(row: GapRule) -> Gap:
    span = Span.parse(row.span)
    assert span is not None
    return Gap(
        code=row.code,
        kind=row.kind,
        span=span,
        programme=row.programme_id or "",
        min_age=Span.parse(row.min_age),
        below_age=Span.parse(row.below_age),
        severity=row.severity,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        unverified=row.is_unverified,
    )


def _item(row: Question) -> Item:
    condition = row.condition
    english = get_language() == "en"
    return Item(
        key=row.key,
        text=row.local_text,
        outcome=row.outcome_if_yes,
        refer=row.refer,
        postpone=Span.parse(row.postpone),
        advice=(english and row.advice_en) or row.advice,
        help_text=row.local_help,
        use_form=row.use_form,
        group=row.group_key,
        at_least=row.group_threshold or 0,
        min_age=Span.parse(condition.get("min_age", "")),
        below_age=Span.parse(condition.get("below_age", "")),
        sex=condition.get("sex", ""),
        first_dose=condition.get("first_dose"),
        live=condition.get("live"),
        vaccines=frozenset(condition.get("vaccines", ())),
    )
