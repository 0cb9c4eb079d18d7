from django.urls import path, re_path

from reporting import views_staff

urlpatterns = [
    path("dinkes/", views_staff.dashboard, name="dashboard"),
    path("dinkes/verifikasi-data/", views_staff.verification, name="verification"),
    re_path(r"^dinkes/cakupan\.(?P<kind>csv|xlsx)$", views_staff.download, name="coverage-download"),
    re_path(
        r"^dinkes/kecamatan/(?P<code>[0-9]{2}\.[0-9]{2}\.[0-9]{2})/$", views_staff.kecamatan, name="coverage-place"
    ),
]
