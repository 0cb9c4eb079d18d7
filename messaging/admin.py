"""Messages by state, without destination and text."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from messaging.models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    """Read-only; another try is on /dinkes/pesan/."""

    list_display = ("id", "kind", "channel", "state", "attempts", "created_at", "finished_at", "last_error")
    list_filter = ("state", "channel", "kind")
    exclude = ("recipient", "body", "parameters")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False
