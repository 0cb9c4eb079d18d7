"""Stock admin for superusers; the daily work is on /dinkes/pcare/."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from pcare_bridge.forms import AccountForm
from pcare_bridge.models import Delivery, FacilityAccount, Incident, Upstream, VaccineCode


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
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["id", "facility", "profile", "operation", "state", "error_class", "attempts", "created_at"]
    list_filter = ["state", "error_class"]
    show_full_result_count = False


admin.site.register([Incident, Upstream], ReadOnlyAdmin)
