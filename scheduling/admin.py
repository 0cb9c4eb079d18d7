"""Superusers look; what happened to a booking is changed by services only."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from scheduling.models import Appointment, Place, Schedule, ScheduleTemplate, Slot


@admin.register(ScheduleTemplate)
class ScheduleTemplateAdmin(admin.ModelAdmin):
    """Weekly patterns are plain rows."""

    list_display = ("name", "facility", "vaccine", "open_time", "close_time", "is_active")
    list_filter = ("is_active", "programme")
    list_select_related = ("facility", "vaccine")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Published days."""

    list_display = ("date", "facility", "vaccine", "state", "release_at", "close_reason")
    list_filter = ("state", "programme", "date")
    list_select_related = ("facility", "vaccine")


@admin.register(Slot)
class SlotAdmin(ReadOnlyAdmin):
    """Sessions."""

    list_display = ("starts_at", "ends_at", "schedule")
    list_select_related = ("schedule__facility",)
    raw_id_fields = ("schedule",)


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    """Bookings by code; the person is a number here, the desk opens records with a logged reason."""

    list_display = ("code", "status", "schedule", "slot", "booked_at", "booked_via", "cancelled_because")
    list_filter = ("status", "booked_via", "programme")
    list_select_related = ("schedule__facility", "slot")
    search_fields = ("code",)
    exclude = ("citizen", "pre_screening")


@admin.register(Place)
class PlaceAdmin(ReadOnlyAdmin):
    """Place rows."""

    list_display = ("slot", "number", "pool", "state", "held_until")
    list_filter = ("pool", "state")
    list_select_related = ("slot",)
    exclude = ("appointment",)
