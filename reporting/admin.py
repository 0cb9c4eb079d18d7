"""Coverage figures in the stock admin: to look at; they change by import, dose or recount only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from reporting.models import CoverageBaseline, CoverageRollup


class ReadOnlyAdmin(admin.ModelAdmin):
    """No adding, changing or deleting by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CoverageBaseline)
class CoverageBaselineAdmin(ReadOnlyAdmin):
    list_display = ["programme", "dose_code", "kecamatan", "count", "source", "as_of", "imported_at"]
    list_filter = ["programme", "dose_code"]
    list_select_related = ["programme", "kecamatan"]


@admin.register(CoverageRollup)
class CoverageRollupAdmin(ReadOnlyAdmin):
    list_display = ["programme_code", "dose_code", "residence", "date", "count"]
    list_filter = ["programme_code", "dose_code"]
    list_select_related = ["residence__kecamatan"]
    show_full_result_count = False
