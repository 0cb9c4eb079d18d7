"""Superusers look; what happened to a booking is changed by services only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from scheduling.models import Appointment, Place, Schedule, ScheduleTemplate, Slot


class ReadOnly(admin.ModelAdmin):
    """No adding, changing or deleting behind the services' back."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(ScheduleTemplate)
class ScheduleTemplateAdmin(admin.ModelAdmin):
    """Weekly patterns are plain rows."""

    list_display = ("name", "facility", "vaccine", "open_time", "close_time", "is_active")
    list_filter = ("is_active", "programme")
    list_select_related = ("facility", "vaccine")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly):
    """Published days."""

    list_display = ("date", "facility", "vaccine", "state", "release_at", "close_reason")
    list_filter = ("state", "programme", "date")
    list_select_related = ("facility", "vaccine")


@admin.register(Slot)
class SlotAdmin(ReadOnly):
    """Sessions."""

    list_display = ("starts_at", "ends_at", "schedule")
    list_select_related = ("schedule__facility",)
    raw_id_fields = ("schedule",)


@admin.register(Appointment)
class AppointmentAdmin(ReadOnly):
    """Bookings by code; the person is a number here, the desk opens records with a logged reason."""

    list_display = ("code", "status", "schedule", "slot", "booked_at", "booked_via", "cancelled_because")
    list_filter = ("status", "booked_via", "programme")
    list_select_related = ("schedule__facility", "slot")
    search_fields = ("code",)
    exclude = ("citizen", "pre_screening")


@admin.register(Place)
class PlaceAdmin(ReadOnly):
    """Place rows."""

    list_display = ("slot", "number", "pool", "state", "held_until")
    list_filter = ("pool", "state")
    list_select_related = ("slot",)
    exclude = ("appointment",)
