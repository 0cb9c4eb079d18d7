"""Superusers look at counts and states; records of persons are opened at the desk, where each reading is logged."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from vaccination.models import AdverseEvent, Immunization, Screening, Visit


@admin.register(Visit)
class VisitAdmin(ReadOnlyAdmin):
    """Visits without the person."""

    list_display = ("date", "facility", "programme", "queue_number", "step", "arrived_at", "ended_at")
    list_select_related = ("facility", "programme")
    list_filter = ("step", "programme")
    exclude = ("citizen", "appointment", "draft")


@admin.register(Screening)
class ScreeningAdmin(ReadOnlyAdmin):
    """Decisions without answers."""

    list_display = ("decided_at", "questionnaire", "proposed_outcome", "outcome", "decided_by")
    list_select_related = ("questionnaire", "decided_by")
    list_filter = ("outcome",)
    exclude = ("visit", "answers", "measurements", "reasons")


@admin.register(Immunization)
class ImmunizationAdmin(ReadOnlyAdmin):
    """Doses by lot and place, without the person."""

    list_display = ("occurred_at", "facility", "vaccine", "dose_code", "lot_number", "status", "performer")
    list_select_related = ("facility", "vaccine", "performer")
    list_filter = ("status", "programme")
    search_fields = ("lot_number", "uuid")
    exclude = ("citizen", "visit", "residence", "replaces")


@admin.register(AdverseEvent)
class AdverseEventAdmin(ReadOnlyAdmin):
    """KIPI without the person (RULES K-7: single cases are never published)."""

    list_display = ("reported_at", "is_serious", "outcome", "reported_by")
    list_select_related = ("reported_by",)
    list_filter = ("is_serious", "outcome")
    exclude = ("immunization", "description")
