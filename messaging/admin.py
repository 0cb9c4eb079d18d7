"""Messages by state, without destination and text."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from messaging.models import Message


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Read-only; another try is on /dinkes/pesan/."""

    list_display = ("id", "kind", "channel", "state", "attempts", "created_at", "finished_at", "last_error")
    list_filter = ("state", "channel", "kind")
    exclude = ("recipient", "body", "parameters")
