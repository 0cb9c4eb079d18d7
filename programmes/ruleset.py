"""The rule set that `programmes.rules.evaluate` works on: plain frozen values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from programmes.spans import Span

# A rule whose whole row rests on general knowledge: it may inform staff, it never decides.
WHOLE_RULE = "rule"


@dataclass(frozen=True, slots=True)
class Product:
    """What eligibility needs to know of a vaccine."""

    code: str
    label: str
    # Products with one antigen count as one in combination rules (Bio Farma is Sinovac's antigen).
    antigen: str
    live_injected: bool = False


@dataclass(frozen=True, slots=True)
class Scheme:
    """One programme: whom it serves at all, and what makes up one series of doses in it."""

    ONE_SERIES, PER_VACCINE, PER_DOSE = "programme", "vaccine", "dose"

    code: str
    label: str
    series_scope: str = ONE_SERIES
    min_age: Span | None = None
    below_age: Span | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a dose table with its validity (RULES E-4)."""

    code: str
    programme: str
    vaccine: str
    dose_code: str
    dose_label: str
    step: int
    # A dose belongs to a stage ("primary"); the last dose of the stage completes it. `follows` names a dose or a stage.
    stage: str
    completes: bool = False
    follows: str = ""
    prior_vaccine: str = ""
    volume: str = ""
    dose_quantity_ml: Decimal | None = None
    min_age: Span | None = None
    below_age: Span | None = None
    min_interval: Span | None = None
    # The part of an unverified limit that the source does confirm: inside it the limit decides nothing.
    sure_min_age: Span | None = None
    sure_below_age: Span | None = None
    sure_min_interval: Span | None = None
    sure_from: date | None = None
    recommended_age: Span | None = None
    sex: str = ""
    born_from: date | None = None
    school_grade: int | None = None
    needs_t_status: bool = False
    # "" a pregnant woman goes to manual review, "only" meant for her, "ok" pregnancy changes nothing.
    pregnancy: str = ""
    # Start of the letter per group; "*" is everybody. Empty: everybody from `valid_from`.
    group_starts: tuple[tuple[str, date], ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    unverified: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gap:
    """A distance to something else than the previous dose of the same series."""

    OTHER_VACCINE, LIVE, RECOVERY = "other_vaccine", "live", "recovery"

    code: str
    kind: str
    span: Span
    programme: str = ""
    min_age: Span | None = None
    below_age: Span | None = None
    severity: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A target group that follows from age alone (RULES section 3)."""

    code: str
    label: str
    min_age: Span | None = None
    below_age: Span | None = None


@dataclass(frozen=True, eq=False)
class RuleSet:
    """Everything `evaluate` needs besides the person; build once, share between threads; equal only to itself."""

    rules: tuple[Rule, ...]
    products: Mapping[str, Product]
    schemes: Mapping[str, Scheme]
    gaps: tuple[Gap, ...] = ()
    groups: tuple[Group, ...] = ()
    _by_programme: dict[str, tuple[Rule, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for code in self.schemes:
            self._by_programme[code] = tuple(rule for rule in self.rules if rule.programme == code)

    def of(self, programme: str) -> tuple[Rule, ...]:
        """The rules of one programme, whatever their validity."""
        return self._by_programme.get(programme, ())

    @cached_property
    def ages(self) -> frozenset[Span]:
        """Every age at which an answer may change."""
        limits: list[tuple[Span | None, Span | None]] = [(one.sure_min_age, one.sure_below_age) for one in self.rules]
        for part in (self.rules, self.schemes.values(), self.gaps, self.groups):
            limits += [(one.min_age, one.below_age) for one in part]
        return frozenset(age for both in limits for age in both if age)

    def antigen(self, vaccine: str) -> str:
        """The antigen of a product; an unknown product is its own."""
        product = self.products.get(vaccine)
        return product.antigen if product else vaccine

    def label(self, vaccine: str) -> str:
        """Short name of a product on screen."""
        product = self.products.get(vaccine)
        return product.label if product else vaccine
