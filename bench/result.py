"""What a measurement says: one figure per line of the table, with what was asked and what is aimed at."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import machine

MOST_TAKEN = 0.1  # of the processor, by the host of a virtual machine, in a round that is believed
GOOD, SHORT, BAD = "aim", "asked", "below"
MARKS = {GOOD: "✔✔", SHORT: "✔", BAD: "✘"}


@dataclass(frozen=True)
class Scale:
    """How much of everything: `quick` is for tests of the bench itself, its figures mean nothing."""

    quick: bool = False

    def pick(self, full: Any, quick: Any) -> Any:
        """The value for this scale."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """How often limit and measured alternate."""
        return int(self.pick(3, 1))

    @property
    def seconds(self) -> float:
        """Length of one measured window."""
        return float(self.pick(3.0, 1.0))


@dataclass
class Figure:
    """One line: `value` is what is judged, usually measured divided by limit.

    `asked` and `aim` bound it from below, or from above when `most` is set. Rates are per second.
    """

    key: str
    what: str
    value: float
    asked: float
    aim: float | None = None
    most: bool = False
    measured: float | None = None
    limit: float | None = None
    limit_is: str = ""
    unit: str = "/s"
    low: float | None = None
    high: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """`aim`, `asked` or `below`."""
        if self._meets(self.aim if self.aim is not None else self.asked):
            return GOOD
        return SHORT if self._meets(self.asked) else BAD

    def _meets(self, bound: float) -> bool:
        return self.value <= bound if self.most else self.value >= bound

    def as_json(self) -> dict[str, Any]:
        """Everything, the verdict included."""
        return asdict(self) | {"verdict": self.verdict}


def from_json(data: dict[str, Any]) -> Figure:
    """The figure that `as_json` wrote."""
    return Figure(**{name: value for name, value in data.items() if name != "verdict"})


def alternate(measures: dict[str, Callable[[], float]], rounds: int, *, spare: int = 0) -> dict[str, list[float]]:
    """Run each measure in turn, `rounds` times: A B A B, so that a noisy minute hits both.

    A round in which the host gave more than a tenth of the processor to other machines tells of those: up to `spare`
    such rounds are run anew, whatever they showed.
    """
    found: dict[str, list[float]] = {name: [] for name in measures}
    while any(len(values) < rounds for values in found.values()):
        host = machine.Host()
        values = [measure() for measure in measures.values()]
        if spare and (taken := host.share()) > MOST_TAKEN:
            spare -= 1
            say(f"  the host took {taken:.0%} of the processor: this round is run anew")
            continue
        for name, value in zip(measures, values, strict=True):
            found[name].append(value)
    return found


def ratio(measured: Sequence[float], limit: Sequence[float]) -> tuple[float, float, float]:
    """Median, lowest and highest of the ratios of each round."""
    each = [one / other if other else 0.0 for one, other in zip(measured, limit, strict=True)]
    return statistics.median(each), min(each), max(each)


def against(
    key: str, what: str, measured: Sequence[float], limit: Sequence[float], limit_is: str, *, asked: float,
    aim: float | None = None, **details: Any,
) -> Figure:  # fmt: skip
    """A figure from rounds of a measured rate and its limit."""
    middle, low, high = ratio(measured, limit)
    details |= {"measured_rounds": list(measured), "limit_rounds": list(limit)}
    return Figure(
        key, what, middle, asked, aim, measured=statistics.median(measured), limit=statistics.median(limit),
        limit_is=limit_is, low=low, high=high, details=details,
    )  # fmt: skip


def say(text: str) -> None:
    """One line of progress to the terminal."""
    print(text, file=sys.stderr, flush=True)


def number(value: float | None) -> str:
    """A figure in at most four places."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """The table in Markdown, also readable on a terminal."""
    head = ("", "what", "value", "asked", "aim", "measured", "limit", "limit is", "spread")
    rows = [head, *(_row(one) for one in figures)]
    width = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width[n]) for n, cell in enumerate(row)) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join("-" * size for size in width) + " |")
    return "\n".join(lines)


def _row(one: Figure) -> tuple[str, ...]:
    sign = "≤" if one.most else "≥"
    spread = f"{number(one.low)}–{number(one.high)}" if one.low is not None else ""
    return (
        MARKS[one.verdict],
        one.what,
        number(one.value),
        f"{sign} {number(one.asked)}",
        f"{sign} {number(one.aim)}" if one.aim is not None else "",
        f"{number(one.measured)} {one.unit}" if one.measured is not None else "",
        f"{number(one.limit)} {one.unit}" if one.limit is not None else "",
        one.limit_is,
        spread,
    )
