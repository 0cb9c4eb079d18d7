"""Superusers look; rooms are steered on /dinkes/antrean/, where each change names its author."""

from django.contrib import admin

from admission.models import Room, RoomEvent
from core.admin import ReadOnlyAdmin


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    """Rooms, without the sealed seed."""

    list_display = ("name", "reason", "state", "opens_at", "release_at", "last_number", "served_number", "rate")
    list_filter = ("reason", "state")
    exclude = ("seed",)


@admin.register(RoomEvent)
class RoomEventAdmin(ReadOnlyAdmin):
    """What happened to rooms."""

    list_display = ("room", "at", "by", "text")
