"""Extra tickets in the drum: rules as data, the same for everybody and shown in public before the draw.

Everybody has one ticket. Each rule that fits a person adds its `extra`; a family has one number with the tickets of the
member who has most. The channel somebody came through is not an input, so it cannot matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from core.formats import percent
from regions.models import Kecamatan

Rule = Mapping[str, Any]
AGE, MISSED, COVERAGE = "age", "missed", "coverage"
MOST_EXTRA = 9

# programme, dose → kecamatan code → per cent reached; an app above answers (reporting).
Coverage = Callable[[str, str], Mapping[str, Decimal]]
_coverage: list[Coverage] = []


def measure_coverage_with(measure: Coverage) -> None:
    """Register who knows the coverage; called from AppConfig.ready()."""
    _coverage[:] = [measure]


@dataclass(frozen=True)
class Person:
    """What the rules look at, and nothing else."""

    age: int
    missed: int
    kecamatan: str | None


def age_rule(from_age: int, extra: int) -> dict[str, Any]:
    """Extra tickets from an age on, in completed years on the day the list is frozen."""
    return {"kind": AGE, "from": from_age, "extra": extra}


def missed_rule(extra: int, most: int) -> dict[str, Any]:
    """Extra tickets for each earlier draw or waiting list of the programme without a place, `most` times at most."""
    return {"kind": MISSED, "extra": extra, "most": most}


def coverage_rule(programme: str, dose: str, below: Decimal, extra: int) -> dict[str, Any]:
    """Extra tickets for residents of kecamatan below a coverage; which ones is decided now and written down.

    The list is part of the published rule: figures that move during the window change nobody's odds.
    """
    reached = _coverage[0](programme, dose) if _coverage else {}
    codes = sorted(code for code, value in reached.items() if value < below)
    return {"kind": COVERAGE, "below": str(below), "dose": dose, "codes": codes, "extra": extra}


def extras(rules: Sequence[Rule], person: Person) -> list[tuple[str, int]]:
    """The rules that fit a person with the tickets each adds."""
    found = []
    for rule in rules:
        extra = _extra(rule, person)
        if extra:
            found.append((str(rule["kind"]), extra))
    return found


def tickets_of(rules: Sequence[Rule], person: Person) -> int:
    """All tickets of one person: one and the extra ones."""
    return 1 + sum(extra for _kind, extra in extras(rules, person))


def describe(rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """What stands in the public table: for whom, and how many extra tickets."""
    names = dict(Kecamatan.objects.values_list("code", "name"))
    return [(_who(rule, names), _how_many(rule)) for rule in rules]


def reason_text(kind: str) -> str:
    """Why a person has extra tickets, in two or three words."""
    return {AGE: _("usia"), MISSED: _("pernah belum dapat tempat"), COVERAGE: _("cakupan kecamatan")}.get(kind, kind)


def _extra(rule: Rule, person: Person) -> int:
    match rule["kind"]:
        case "age":
            return int(rule["extra"]) if person.age >= rule["from"] else 0
        case "missed":
            return int(rule["extra"]) * min(person.missed, int(rule["most"]))
        case "coverage":
            return int(rule["extra"]) if person.kecamatan in rule["codes"] else 0
    return 0


def _who(rule: Rule, names: Mapping[str, str]) -> str:
    match rule["kind"]:
        case "age":
            return _("Berusia %(age)d tahun atau lebih") % {"age": rule["from"]}
        case "missed":
            text = _(
                "Setiap kali sebelumnya belum dapat tempat, lewat undian atau daftar tunggu (paling banyak %(most)d)"
            )
            return text % {"most": rule["most"]}
        case _:
            places = ", ".join(names.get(code, code) for code in rule["codes"]) or "–"
            limit = percent(Decimal(rule["below"]), 0, get_language())
            return _("Tinggal di kecamatan dengan cakupan di bawah %(limit)s: %(places)s") % {
                "limit": limit, "places": places,
            }  # fmt: skip


def _how_many(rule: Rule) -> str:
    return ngettext("+%(n)d undi", "+%(n)d undi", rule["extra"]) % {"n": rule["extra"]}
