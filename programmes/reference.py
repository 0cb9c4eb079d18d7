"""Programmes, vaccines, dose rules and screening forms from the project's own data files."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from programmes import catalogue
from programmes.models import DoseRule, GapRule, Programme, Question, Questionnaire, TargetGroup, Vaccine
from programmes.ruleset import RuleSet
from regions.reference import listed, rows, store

DATA = Path(__file__).resolve().parent / "data"
YES = "ya"


@transaction.atomic
def load_programmes(*, update: bool = False) -> dict[str, tuple[int, int]]:
    """Load everything the rules need; returns per kind (in the files, new). Existing rows stay unless `update`."""
    counts = {
        "program": store(Programme, map(_programme, rows(DATA / "programmes.csv")), "code", update=update),
        "kelompok sasaran": store(TargetGroup, map(_group, rows(DATA / "groups.csv")), "code", update=update),
        "vaksin": store(Vaccine, map(_vaccine, rows(DATA / "vaccines.csv")), "code", update=update),
        "aturan dosis": store(DoseRule, map(_rule, rows(DATA / "dose_rules.csv")), "code", update=update),
        "aturan jarak": store(GapRule, map(_gap, rows(DATA / "gaps.csv")), "code", update=update),
    }
    forms = [json.loads(path.read_text("utf-8")) for path in sorted((DATA / "questionnaires").glob("*.json"))]
    counts["formulir skrining"] = len(forms), sum(_store_form(form) for form in forms)
    catalogue.forget()
    return counts


def ruleset_from_files() -> RuleSet:
    """The rule set as the data files say it, without a database."""
    return catalogue.build_ruleset(
        map(_programme, rows(DATA / "programmes.csv")),
        map(_vaccine, rows(DATA / "vaccines.csv")),
        map(_rule, rows(DATA / "dose_rules.csv")),
        map(_gap, rows(DATA / "gaps.csv")),
        map(_group, rows(DATA / "groups.csv")),
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _number(text: str) -> int | None:
    return int(text) if text else None


def _programme(row: dict[str, str]) -> Programme:
    return Programme(
        code=row["code"],
        name=row["name"],
        name_en=row["name_en"],
        description=row["description"],
        series_scope=row["series_scope"],
        min_age=row["min_age"],
        below_age=row["below_age"],
        is_bookable=row["is_bookable"] == YES,
        sort_order=int(row["sort_order"]),
        source=row["source"],
    )


def _group(row: dict[str, str]) -> TargetGroup:
    return TargetGroup(
        code=row["code"],
        label=row["label"],
        min_age=row["min_age"],
        below_age=row["below_age"],
        report_priority=_number(row["report_priority"]),
        unverified_fields=listed(row["unverified"]),
        source=row["source"],
    )


def _vaccine(row: dict[str, str]) -> Vaccine:
    return Vaccine(
        code=row["code"],
        name=row["name"],
        short_name=row["short_name"],
        programme_id=row["programme"] or None,
        category=row["category"],
        manufacturer=row["manufacturer"],
        platform=row["platform"],
        target_disease=row["target_disease"],
        antigen=row["antigen"],
        is_live=row["is_live"] == YES,
        doses_per_vial=int(row["doses_per_vial"]),
        dose_quantity_ml=Decimal(row["dose_quantity_ml"]) if row["dose_quantity_ml"] else None,
        route=row["route"],
        primary_doses=_number(row["primary_doses"]),
        storage=row["storage"],
        open_vial_hours=_number(row["open_vial_hours"]),
        is_freeze_sensitive={"ya": True, "tidak": False}.get(row["freeze_sensitive"]),
        kfa_products=row["kfa_products"].split("|") if row["kfa_products"] else [],
        kfa_groups=row["kfa_groups"].split("|") if row["kfa_groups"] else [],
        cvx_codes=row["cvx_codes"].split("|") if row["cvx_codes"] else [],
        unverified_fields=listed(row["unverified"]),
        source=row["source"],
    )


def _rule(row: dict[str, str]) -> DoseRule:
    copied = (
        "code version dose_code dose_label stage follows volume min_age below_age min_interval sure_min_age "
        "sure_below_age sure_min_interval recommended_age sex pregnancy note source to_verify"
    )
    return DoseRule(
        **{name: row[name] for name in copied.split()},
        programme_id=row["programme"],
        vaccine_id=row["vaccine"],
        step=int(row["step"]),
        completes_stage=row["completes"] == YES,
        prior_vaccine_id=row["prior_vaccine"] or None,
        dose_quantity_ml=Decimal(row["dose_quantity_ml"]) if row["dose_quantity_ml"] else None,
        sure_from=_day(row["sure_from"]),
        born_from=_day(row["born_from"]),
        school_grade=_number(row["school_grade"]),
        needs_t_status=row["needs_t_status"] == YES,
        group_starts=dict(part.split(":") for part in listed(row["group_starts"])),
        target_group=row["target"],
        unverified_fields=listed(row["unverified"]),
        valid_from=_day(row["valid_from"]),
        valid_until=_day(row["valid_until"]),
        is_active=row["is_active"] == YES,
    )


def _gap(row: dict[str, str]) -> GapRule:
    return GapRule(
        code=row["code"],
        kind=row["kind"],
        programme_id=row["programme"] or None,
        min_age=row["min_age"],
        below_age=row["below_age"],
        span=row["span"],
        severity=row["severity"],
        valid_from=_day(row["valid_from"]),
        valid_until=_day(row["valid_until"]),
        is_unverified=row["unverified"] == YES,
        note=row["note"],
        source=row["source"],
    )


def _store_form(data: dict[str, Any]) -> int:
    """Store one version of a form; a version once stored never changes, because answers refer to it."""
    form, created = Questionnaire.objects.get_or_create(
        code=data["code"],
        version=data["version"],
        defaults={
            "title": data["title"],
            "title_en": data["title_en"],
            "programme_id": data["programme"] or None,
            "applies_to": data["applies_to"],
            "measurement_limits": data["measurement_limits"],
            "valid_from": date.fromisoformat(data["valid_from"]),
            "valid_until": _day(data.get("valid_until", "")),
            "source": data["source"],
            "unverified_fields": data.get("unverified", []),
        },
    )
    if created:
        Question.objects.bulk_create(
            Question(
                questionnaire=form,
                key=item["key"],
                text=item["text"],
                text_en=item["text_en"],
                help_text=item.get("help_text", ""),
                help_text_en=item.get("help_text_en", ""),
                outcome_if_yes=item["outcome"],
                refer=item.get("refer", False),
                condition=item.get("condition", {}),
                postpone=item.get("postpone", ""),
                use_form=item.get("use_form", ""),
                group_key=item.get("group", ""),
                group_threshold=item.get("at_least"),
                advice=item.get("advice", ""),
                advice_en=item.get("advice_en", ""),
                sort_order=number,
            )
            for number, item in enumerate(data["questions"])
        )
    return int(created)
