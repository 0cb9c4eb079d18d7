"""Every address of the portal; each app lists its own."""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from victori.health import healthz

STAFF = "accounts registration vaccination stock certificates pcare_bridge scheduling admission reporting"
PUBLIC = "scheduling registration admission stock certificates pcare_bridge reporting portal"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("victori.api_urls")),
    # English stands under /en/, so that a page is one address for one language and any cache may keep it.
    *i18n_patterns(*[path("", include(f"{app}.urls")) for app in PUBLIC.split()], prefix_default_language=False),
    *[path("", include(f"{app}.urls_staff")) for app in STAFF.split()],
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("messaging.urls_demo")))
    urlpatterns.append(path("demo/", include("accounts.urls_demo")))

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.not_found"
handler500 = "portal.errors.server_error"
