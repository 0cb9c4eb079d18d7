"""The city in the stock admin; what no second source confirms carries a visible mark."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from core.admin import ReadOnlyAdmin
from regions.models import Facility, Kecamatan, Kelurahan, TargetPopulation


def verification_mark(open_points: str) -> str:
    """The words "perlu verifikasi" with what is open, or a plain dash."""
    if not open_points:
        return "–"
    return format_html("<strong>⚠ perlu verifikasi:</strong> {}", open_points)


class NeedsVerificationFilter(admin.SimpleListFilter):
    """Rows with unverified values, or without."""

    title = "perlu verifikasi"
    parameter_name = "verifikasi"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ya", "perlu verifikasi"), ("tidak", "sudah pasti")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "ya":
            return queryset.exclude(unverified_fields=[])
        return queryset.filter(unverified_fields=[]) if self.value() == "tidak" else queryset


@admin.register(Facility)
class FacilityAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "kecamatan", "is_active", "verification"]
    list_filter = ["kind", NeedsVerificationFilter, "is_active", "kecamatan"]
    list_select_related = ["kecamatan"]
    search_fields = ["name", "code"]
    readonly_fields = ["code"]

    @admin.display(description="perlu verifikasi")
    def verification(self, facility: Facility) -> str:
        return verification_mark(", ".join(facility.unverified_fields))


class CodedPlaceAdmin(ReadOnlyAdmin):
    """Codes come from the ministry: to be looked up here, changed by loading the data file."""

    search_fields = ["name", "code"]


@admin.register(Kecamatan)
class KecamatanAdmin(CodedPlaceAdmin):
    list_display = ["code", "name"]


@admin.register(Kelurahan)
class KelurahanAdmin(CodedPlaceAdmin):
    list_display = ["code", "name", "kecamatan"]
    list_filter = ["kecamatan"]
    list_select_related = ["kecamatan"]


@admin.register(TargetPopulation)
class TargetPopulationAdmin(admin.ModelAdmin):
    list_display = ["kecamatan", "programme_code", "group", "count", "source", "as_of"]
    list_filter = ["programme_code", "group", "as_of", "kecamatan"]
    list_select_related = ["kecamatan"]
