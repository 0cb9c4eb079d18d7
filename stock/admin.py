"""Superusers look; stock changes through services only, and the ledger never."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from stock.models import Lot, StockBalance, StockMovement, Transfer, VialOpening


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    """Lots by number."""

    list_display = ("lot_number", "vaccine", "expiration_date")
    list_select_related = ("vaccine",)
    search_fields = ("lot_number",)


@admin.register(StockBalance)
class StockBalanceAdmin(ReadOnlyAdmin):
    """What each facility holds."""

    list_display = ("facility", "lot", "doses_on_hand", "vvm_stage", "counted_at", "updated_at")
    list_select_related = ("facility", "lot")
    list_filter = ("vvm_stage",)


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """The ledger."""

    list_display = ("id", "at", "facility", "lot", "kind", "quantity", "balance_after", "actor")
    list_select_related = ("facility", "lot", "actor")
    list_filter = ("kind",)
    date_hierarchy = "at"


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Doses on the way."""

    list_display = ("public_code", "lot", "from_facility", "to_facility", "quantity_sent", "quantity_received", "state")
    list_select_related = ("lot", "from_facility", "to_facility")
    list_filter = ("state",)


@admin.register(VialOpening)
class VialOpeningAdmin(ReadOnlyAdmin):
    """Opened vials."""

    list_display = ("facility", "lot", "opened_at", "discard_at", "doses", "doses_used", "doses_wasted", "closed_at")
    list_select_related = ("facility", "lot")
