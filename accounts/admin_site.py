"""The stock admin: superusers only, through our sign-in page and with the second factor."""

from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts import second_factor
from accounts.access import StaffRequest


class StaffAdminSite(admin.AdminSite):
    """No password form of its own: one way in, guarded once."""

    site_header = "VICTORI – administrasi"
    site_title = "VICTORI"
    index_title = "Data"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser and second_factor.passed(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_superuser:
            first = second_factor.demand(cast(StaffRequest, request))
            if first:
                return first
        return secure_admin_login(super().login)(request, extra_context)
