"""What the dose rules say about one person and one schedule, on the day of the schedule (RULES G-2, E-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from programmes.catalogue import active_ruleset
from programmes.history import PastDose, past_doses
from programmes.rules import Facts, Option, evaluate, pick
from registration.models import Citizen
from scheduling.models import Schedule


def facts_of(citizen: Citizen) -> Facts:
    """What the register knows of this person; unknown stays unknown."""
    return Facts(birth_date=citizen.birth_date, sex=citizen.sex)


@dataclass(frozen=True)
class Case:
    """One person with history, read once and asked for many days."""

    facts: Facts
    history: Sequence[PastDose]

    @classmethod
    def of(cls, citizen: Citizen) -> "Case":
        """Read the history of `citizen`; one query."""
        return cls(facts_of(citizen), past_doses(citizen.pk))

    def options(self, on_date: date, programme: str) -> list[Option]:
        """All next doses of a programme on a day, best first."""
        return evaluate(self.facts, self.history, on_date, active_ruleset(), programme=programme)

    def for_offer(self, programme: str, vaccine: str, dose_codes: Sequence[str], on_date: date) -> Option:
        """The best answer for what one schedule offers on one day: eligible, else manual review, else the refusal."""
        ruleset = active_ruleset()
        options = self.options(on_date, programme)
        answers = [pick(options, programme, vaccine, dose_code, ruleset) for dose_code in dose_codes]
        return min(answers, key=_rank)


def for_schedule(citizen: Citizen, schedule: Schedule, case: Case | None = None) -> Option:
    """The answer of the rules for `citizen` at `schedule`; `eligible` is the only yes."""
    return (case or Case.of(citizen)).for_offer(
        schedule.programme_id, schedule.vaccine_id, schedule.dose_codes, schedule.date
    )


def _rank(option: Option) -> tuple[int, date, int]:
    kind = 0 if option.eligible else 1 if option.manual_review else 2 if option.eligible_from else 3
    return kind, option.eligible_from or date.max, option.dose_number
