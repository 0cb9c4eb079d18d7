"""Stock admin for superusers; the daily work is on /dinkes/pcare/."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.models import User
from core.admin import ReadOnlyAdmin
from pcare_bridge import repair
from pcare_bridge.forms import AccountForm, SatusehatForm
from pcare_bridge.models import (
    Account,
    Delivery,
    Difference,
    FacilityAccount,
    Incident,
    Reconciliation,
    SatusehatAccount,
    Upstream,
    VaccineCode,
)


class AccountAdmin(admin.ModelAdmin):
    """Saving does what it does on the health office's page: the queue goes on, and missed doses are taken up."""

    def save_model(self, request: HttpRequest, obj: Account, form: ModelForm, change: bool) -> None:
        def save() -> Account:
            super(AccountAdmin, self).save_model(request, obj, form, change)
            return obj

        assert isinstance(request.user, User)
        repair.put_account(save, request.user)


class NewAccountForm(AccountForm):
    """The same form with the facility to choose."""

    class Meta(AccountForm.Meta):
        fields = ["facility", *AccountForm.Meta.fields]


@admin.register(FacilityAccount)
class FacilityAccountAdmin(AccountAdmin):
    form = NewAccountForm
    list_display = ["facility", "provider_code", "is_active", "pause_class", "password_changed_at"]
    list_select_related = ["facility"]


class NewSatusehatForm(SatusehatForm):
    """The same form with the facility to choose."""

    class Meta(SatusehatForm.Meta):
        fields = ["facility", *SatusehatForm.Meta.fields]


@admin.register(SatusehatAccount)
class SatusehatAccountAdmin(AccountAdmin):
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
