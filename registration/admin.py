"""What superusers may look up. Citizens are not here: each opening of a record needs a reason and leaves a trace."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from registration.models import CitizenMerge, IdentityClaim


@admin.register(IdentityClaim)
class IdentityClaimAdmin(ReadOnlyAdmin):
    """Claims by code and state, without what was typed."""

    list_display = ("public_code", "state", "created_at", "decided_by", "decided_at")
    list_select_related = ("decided_by",)
    list_filter = ("state",)
    search_fields = ("public_code",)
    fields = ("public_code", "state", "created_at", "decided_by", "decided_at", "note")


@admin.register(CitizenMerge)
class CitizenMergeAdmin(ReadOnlyAdmin):
    """Merges by number of the records, without names."""

    list_display = ("id", "kept_id", "merged_id", "by", "at", "reason")
    list_select_related = ("by",)
    fields = ("kept_id", "merged_id", "by", "at", "reason")
    readonly_fields = ("kept_id", "merged_id")
