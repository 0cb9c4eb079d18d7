"""What the dose rules say about one person and one schedule, on the day of the schedule (RULES G-2, E-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.utils import timezone
from django.utils.translation import get_language

from programmes.catalogue import active_ruleset
from programmes.history import PastDose, from_column, past_doses
from programmes.models import Programme
from programmes.rules import Facts, Option, comes_of_age, evaluate, pick
from programmes.ruleset import RuleSet
from registration.models import Citizen
from scheduling.models import Schedule


def facts_of(citizen: Citizen) -> Facts:
    """What the register knows of this person; unknown stays unknown."""
    return Facts(birth_date=citizen.birth_date, sex=citizen.sex)


@lru_cache(maxsize=4096)
def _answers(
    facts: Facts,
    history: tuple[PastDose, ...],
    on_date: date,
    age_on: date | None,
    ruleset: RuleSet,
    programme: str,
    _language: str,
) -> tuple[Option, ...]:
    """`evaluate`, remembered: one booking asks the same five times, and texts are in the language of the visitor."""
    return tuple(evaluate(facts, history, on_date, ruleset, programme=programme, age_on=age_on))


@dataclass(frozen=True)
class Case:
    """One person with history, read once and asked for many days."""

    facts: Facts
    history: Sequence[PastDose]

    @classmethod
    def of(cls, citizen: Citizen) -> "Case":
        """The history of `citizen`: one query, none for somebody who is signed in."""
        found = citizen.alongside.get("past_doses")
        return cls(facts_of(citizen), past_doses(citizen.pk) if found is None else from_column(found))

    def options(self, on_date: date, programme: str, age_on: date | None = None) -> list[Option]:
        """All next doses of a programme on a day, best first; with the age of another day when asked for."""
        history = tuple(self.history)
        return list(_answers(self.facts, history, on_date, age_on, active_ruleset(), programme, get_language()))

    def for_offer(
        self, programme: str, vaccine: str, dose_codes: Sequence[str], on_date: date, age_on: date | None = None
    ) -> Option:
        """The best answer for what one schedule offers on one day: eligible, else manual review, else the refusal."""
        ruleset = active_ruleset()
        options = self.options(on_date, programme, age_on)
        answers = [pick(options, programme, vaccine, dose_code, ruleset) for dose_code in dose_codes]
        return min(answers, key=_rank)

    def birthday(self, schedule: Schedule) -> str:
        """What growing older until the day of `schedule` decides there: BRINGS, ENDS or "" (RULES G-2).

        Nearly always nothing, and that is known without asking the rules.
        """
        today, day = timezone.localdate(), schedule.date
        if not comes_of_age(self.facts.birth_date, today, day, active_ruleset()):
            return ""
        offer = schedule.programme_id, schedule.vaccine_id, schedule.dose_codes, day
        may = self.for_offer(*offer).eligible
        return "" if may == self.for_offer(*offer, age_on=today).eligible else BRINGS if may else ENDS


# Too young today and old enough on the day of the service, or the other way round.
BRINGS, ENDS = "brings", "ends"


@dataclass(frozen=True)
class Standing:
    """Where one person stands in one programme today: what may be had now, what later, what staff must look at."""

    programme: Programme
    now: list[Option]
    review: list[Option]
    later: list[Option]

    @property
    def next_later(self) -> Option | None:
        """The dose that becomes possible first, None when none of them ever does."""
        dated = [option for option in self.later if option.eligible_from]
        return min(dated, key=lambda option: option.eligible_from or date.max, default=None)

    @property
    def concerns(self) -> bool:
        """Whether the programme has anything for this person, now or later."""
        return bool(self.now or self.review or self.next_later)

    @property
    def doses_now(self) -> list[str]:
        """Names of the doses that may be had now, each once whatever the product."""
        return list(dict.fromkeys(option.dose_label for option in self.now))


def standings(case: Case, on_date: date) -> list[Standing]:
    """The person's standing in each bookable programme; one query."""
    found = []
    for programme in Programme.objects.filter(is_bookable=True):
        options = [option for option in case.options(on_date, programme.code) if option.relevant or option.reason]
        found.append(
            Standing(
                programme,
                now=[option for option in options if option.eligible],
                review=[option for option in options if option.manual_review],
                later=[option for option in options if not option.eligible and not option.manual_review],
            )
        )
    return found


def for_schedule(citizen: Citizen, schedule: Schedule, case: Case | None = None) -> Option:
    """The answer of the rules for `citizen` at `schedule`; `eligible` is the only yes."""
    return (case or Case.of(citizen)).for_offer(
        schedule.programme_id, schedule.vaccine_id, schedule.dose_codes, schedule.date
    )


def _rank(option: Option) -> tuple[int, date, int]:
    kind = 0 if option.eligible else 1 if option.manual_review else 2 if option.eligible_from else 3
    return kind, option.eligible_from or date.max, option.dose_number
