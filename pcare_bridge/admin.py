"""Stock admin for superusers; the daily work is on /dinkes/pcare/."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from pcare_bridge.forms import AccountForm
from pcare_bridge.models import Delivery, FacilityAccount, Incident, Upstream, VaccineCode


class ReadOnly(admin.ModelAdmin):
    """Rows the machine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewAccountForm(AccountForm):
    """The same form with the facility to choose."""

    class Meta(AccountForm.Meta):
        fields = ["facility", *AccountForm.Meta.fields]


@admin.register(FacilityAccount)
class FacilityAccountAdmin(admin.ModelAdmin):
    form = NewAccountForm
    list_display = ["facility", "provider_code", "is_active", "pause_class", "password_changed_at"]
    list_select_related = ["facility"]


@admin.register(VaccineCode)
class VaccineCodeAdmin(admin.ModelAdmin):
    list_display = ["vaccine", "code", "is_sample"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["id", "facility", "profile", "operation", "state", "error_class", "attempts", "created_at"]
    list_filter = ["state", "error_class"]
    show_full_result_count = False


admin.site.register([Incident, Upstream], ReadOnly)
