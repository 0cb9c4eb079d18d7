"""Rules and products in the stock admin: what is not confirmed is marked, and such a value never decides by itself."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from programmes import catalogue
from programmes.models import DoseRule, GapRule, Programme, Question, Questionnaire, TargetGroup, Vaccine
from regions.admin import NeedsVerificationFilter, verification_mark


class RuleDataAdmin(admin.ModelAdmin):
    """Saving takes effect at once in this process and within half a minute in the others."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        catalogue.forget()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        catalogue.forget()

    @admin.display(description="perlu verifikasi")
    def verification(self, obj: Any) -> str:
        return verification_mark(", ".join(obj.unverified_fields))


@admin.register(Programme)
class ProgrammeAdmin(RuleDataAdmin):
    list_display = ["code", "name", "series_scope", "is_bookable"]


@admin.register(TargetGroup)
class TargetGroupAdmin(RuleDataAdmin):
    list_display = ["code", "label", "min_age", "below_age", "report_priority", "verification"]
    list_filter = [NeedsVerificationFilter]


@admin.register(Vaccine)
class VaccineAdmin(RuleDataAdmin):
    list_display = ["short_name", "category", "doses_per_vial", "open_vial_hours", "is_active", "verification"]
    list_filter = ["category", NeedsVerificationFilter, "is_active"]
    search_fields = ["name", "short_name", "code"]


@admin.register(DoseRule)
class DoseRuleAdmin(RuleDataAdmin):
    list_display = [
        "code", "dose_label", "vaccine", "prior_vaccine", "min_age", "min_interval", "valid_from", "is_active",
        "verification",
    ]  # fmt: skip
    list_filter = ["programme", NeedsVerificationFilter, "is_active", "dose_code"]
    list_select_related = ["vaccine", "prior_vaccine"]
    search_fields = ["code", "dose_label", "vaccine__short_name"]

    @admin.display(description="perlu verifikasi")
    def verification(self, obj: DoseRule) -> str:
        fields = ", ".join(obj.unverified_fields)
        return verification_mark("; ".join(filter(None, [fields, obj.to_verify])))


@admin.register(GapRule)
class GapRuleAdmin(RuleDataAdmin):
    list_display = ["code", "kind", "programme", "span", "min_age", "below_age", "severity", "verification"]
    list_filter = ["kind", "is_unverified"]

    @admin.display(description="perlu verifikasi")
    def verification(self, obj: GapRule) -> str:
        return verification_mark("jarak ini dari pengetahuan umum" if obj.is_unverified else "")


class QuestionInline(admin.TabularInline):
    """Questions are read here; a change is a new version, because answers refer to this one (RULES SC-4)."""

    model = Question
    fields = ["key", "text", "outcome_if_yes", "refer", "condition", "postpone", "group_key"]
    readonly_fields = ["key", "text", "outcome_if_yes", "refer", "condition", "postpone", "group_key"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Questionnaire)
class QuestionnaireAdmin(RuleDataAdmin):
    list_display = ["title", "version", "programme", "valid_from", "valid_until", "verification"]
    list_filter = ["programme", NeedsVerificationFilter]
    readonly_fields = ["code", "version", "applies_to", "measurement_limits"]
    inlines = [QuestionInline]
