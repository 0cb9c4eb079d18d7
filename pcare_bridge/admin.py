"""Stock admin for superusers; the daily work is on /dinkes/pcare/."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from pcare_bridge.forms import AccountForm, SatusehatForm
from pcare_bridge.models import (
    Delivery,
    Difference,
    FacilityAccount,
    Incident,
    Reconciliation,
    SatusehatAccount,
    Upstream,
    VaccineCode,
)


class NewAccountForm(AccountForm):
    """The same form with the facility to choose."""

    class Meta(AccountForm.Meta):
        fields = ["facility", *AccountForm.Meta.fields]


@admin.register(FacilityAccount)
class FacilityAccountAdmin(admin.ModelAdmin):
    form = NewAccountForm
    list_display = ["facility", "provider_code", "is_active", "pause_class", "password_changed_at"]
    list_select_related = ["facility"]


class NewSatusehatForm(SatusehatForm):
    """The same form with the facility to choose."""

    class Meta(SatusehatForm.Meta):
        fields = ["facility", *SatusehatForm.Meta.fields]


@admin.register(SatusehatAccount)
class SatusehatAccountAdmin(admin.ModelAdmin):
    form = NewSatusehatForm
    list_display = ["facility", "organization_id", "is_active", "pause_class", "password_changed_at"]
    list_select_related = ["facility"]


@admin.register(VaccineCode)
class VaccineCodeAdmin(admin.ModelAdmin):
    list_display = ["vaccine", "code", "diagnosis_code", "kfa_group", "cvx_code", "is_sample"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["id", "facility", "profile", "operation", "state", "error_class", "attempts", "created_at"]
    list_filter = ["state", "error_class"]
    show_full_result_count = False


admin.site.register([Difference, Incident, Reconciliation, Upstream], ReadOnlyAdmin)
