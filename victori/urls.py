"""Every address of the portal; each app lists its own."""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from victori.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("victori.api_urls")),
]
for module in ("accounts", "vaccination", "stock", "certificates", "pcare_bridge", "scheduling", "reporting"):
    urlpatterns.append(path("", include(f"{module}.urls_staff")))
urlpatterns += i18n_patterns(
    *[
        path("", include(f"{module}.urls"))
        for module in ("registration", "scheduling", "stock", "certificates", "pcare_bridge", "reporting", "portal")
    ],
    prefix_default_language=False,
)
if settings.DEMO:
    urlpatterns.append(path("demo/", include("messaging.urls_demo")))

handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.not_found"
handler500 = "portal.errors.server_error"
