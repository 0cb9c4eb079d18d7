"""Superusers look; accounts change on /dinkes/petugas/, where each change names its author."""

from django.contrib import admin

from accounts.models import Membership, PartnerToken, User
from core.admin import ReadOnlyAdmin


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Staff accounts, without the password's hash."""

    list_display = ("username", "full_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "full_name")
    exclude = ("password",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Assignments."""

    list_display = ("user", "role", "scope", "facility", "kelurahan", "kecamatan", "valid_from", "valid_until")
    list_select_related = ("user", "facility", "kelurahan__kecamatan", "kecamatan")
    list_filter = ("role", "scope")
    search_fields = ("user__username", "user__full_name")


@admin.register(PartnerToken)
class PartnerTokenAdmin(ReadOnlyAdmin):
    """Tokens, without their index."""

    list_display = ("name", "facility", "user", "prefix", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("facility", "user")
    exclude = ("token_index",)
