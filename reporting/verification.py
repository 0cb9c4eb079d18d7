"""What no second source confirms, gathered for the health office."""

from collections.abc import Iterable
from dataclasses import dataclass

from programmes.models import DoseRule, GapRule, Questionnaire, TargetGroup, Vaccine
from programmes.reasons import field_label
from regions.models import Facility


@dataclass(frozen=True, slots=True)
class OpenRow:
    """One row with what is open."""

    name: str
    open: str
    source: str


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of data."""

    key: str
    title: str
    total: int
    rows: tuple[OpenRow, ...]


def open_points() -> list[Part]:
    """Every part with its unverified rows; seven queries."""
    rules = DoseRule.objects.select_related("vaccine").order_by("code")
    return [
        _part("aturan", "Aturan dosis", ((f"{r.code}: {r}", _rule_points(r), r.source) for r in rules)),
        _part(
            "jarak",
            "Aturan jarak",
            ((row.note or row.code, "jarak" if row.is_unverified else "", row.source) for row in GapRule.objects.all()),
        ),
        _part(
            "kelompok",
            "Kelompok sasaran",
            ((row.label, ", ".join(row.unverified_fields), row.source) for row in TargetGroup.objects.all()),
        ),
        _part(
            "formulir",
            "Formulir skrining",
            ((str(row), ", ".join(row.unverified_fields), row.source) for row in Questionnaire.objects.all()),
        ),
        _part(
            "vaksin",
            "Vaksin",
            ((row.short_name, ", ".join(row.unverified_fields), row.source) for row in Vaccine.objects.all()),
        ),
        _part(
            "fasilitas",
            "Fasilitas",
            ((row.name, ", ".join(row.unverified_fields), row.source) for row in Facility.objects.all()),
        ),
    ]


def _rule_points(rule: DoseRule) -> str:
    deciding = ", ".join(field_label(name) for name in rule.unverified_fields)
    return "; ".join(filter(None, [deciding, rule.to_verify]))


def _part(key: str, title: str, rows: Iterable[tuple[str, str, str]]) -> Part:
    everything = list(rows)
    return Part(key, title, len(everything), tuple(OpenRow(*row) for row in everything if row[1]))
