"""Coverage figures in the stock admin: to look at; they change by import, dose or recount only."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from reporting.models import CoverageBaseline, CoverageRollup


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
