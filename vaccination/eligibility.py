"""What the rules say about one person's next doses, asked with the history on record."""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from programmes import history, reasons
from programmes.catalogue import active_ruleset
from programmes.history import PastDose
from programmes.rules import Facts, Option, evaluate, pick
from programmes.ruleset import RuleSet, Scheme
from registration.models import Citizen
from vaccination.errors import NeedsOverride, RuleRefused

# A vaccinator may go on with a written reason; everything else that is not eligible is refused.
OVERRIDABLE = frozenset(
    {
        reasons.TOO_EARLY,
        reasons.TOO_YOUNG,
        reasons.OTHER_VACCINE,
        reasons.LIVE_VACCINE,
        reasons.RECOVERY,
        reasons.NOT_OPEN,
        reasons.OTHER_GROUP,
    }
)
# Given before its minimum age or interval: on record, but not counted (RULES E-9).
NOT_COUNTED = frozenset({reasons.TOO_EARLY, reasons.TOO_YOUNG, reasons.LIVE_VACCINE})


@dataclass(frozen=True)
class Verdict:
    """The rules' answer for one dose."""

    option: Option
    dose_number: int

    @property
    def needs_reason(self) -> bool:
        """True when a vaccinator may go on, but only with a written reason."""
        return not self.option.eligible and (self.option.manual_review or self.option.reason in OVERRIDABLE)

    @property
    def invalid_reasons(self) -> list[str]:
        """Codes under which a dose given all the same does not count."""
        return [self.option.reason] if self.option.reason in NOT_COUNTED and not self.option.manual_review else []

    def demand(self, override_reason: str) -> None:
        """Raise unless the dose may be given now, with `override_reason` when one is needed."""
        if self.option.eligible:
            return
        if not self.needs_reason:
            raise RuleRefused(f"Dosis ini tidak boleh diberikan: {self.option.text}", code=self.option.reason)
        if not override_reason.strip():
            raise NeedsOverride(
                f"{self.option.text} Bila dokter memutuskan tetap diberikan, isi alasannya.", code=self.option.reason
            )


def facts_of(citizen: Citizen, *, pregnant: bool | None = None) -> Facts:
    """What the register knows of the person, for the rules."""
    return Facts(birth_date=citizen.birth_date, sex=citizen.sex, pregnant=pregnant)


def options_for(
    citizen: Citizen, on_date: date | None = None, programme: str | None = None, *, pregnant: bool | None = None
) -> list[Option]:
    """The next possible doses with the history on record, best first."""
    on_date = on_date or timezone.localdate()
    past = history.past_doses(citizen.pk)
    return evaluate(facts_of(citizen, pregnant=pregnant), past, on_date, active_ruleset(), programme)


def judge(
    citizen: Citizen,
    past: tuple[PastDose, ...],
    on_date: date,
    programme: str,
    vaccine: str,
    dose_code: str,
    *,
    pregnant: bool | None = None,
) -> Verdict:
    """Ask the rules about one product and dose for this history."""
    ruleset = active_ruleset()
    options = evaluate(facts_of(citizen, pregnant=pregnant), past, on_date, ruleset, programme)
    option = pick(options, programme, vaccine, dose_code, ruleset)
    return Verdict(option, option.dose_number or next_number(past, programme, vaccine, dose_code, ruleset))


def next_number(past: tuple[PastDose, ...], programme: str, vaccine: str, dose_code: str, ruleset: RuleSet) -> int:
    """Number of a dose without a rule of its own: one more than its series holds."""
    scheme = ruleset.schemes.get(programme)
    scope = scheme.series_scope if scheme else Scheme.ONE_SERIES
    series = [
        dose
        for dose in past
        if dose.programme == programme
        and dose.counts
        and (scope != Scheme.PER_VACCINE or dose.vaccine == vaccine)
        and (scope != Scheme.PER_DOSE or dose.dose_code == dose_code)
    ]
    return len(series) + 1


def dose_label(programme: str, dose_code: str, vaccine: str = "") -> str:
    """What a dose is called on screen."""
    rules = [rule for rule in active_ruleset().of(programme) if rule.dose_code == dose_code]
    own = [rule for rule in rules if rule.vaccine == vaccine]
    return next((rule.dose_label for rule in own or rules), dose_code)
