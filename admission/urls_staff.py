"""The waiting room as the health office sees and steers it."""

from django.urls import path, re_path

from admission.views import staff

app_name = "admission_staff"
urlpatterns = [
    path("dinkes/antrean/", staff.overview, name="overview"),
    path("dinkes/antrean/nyalakan/", staff.switch_on, name="switch_on"),
    re_path(
        r"^dinkes/antrean/(?P<room_id>[0-9]{1,18})/(?P<action>mati|cepat|lambat|jeda|lanjut|pesan)/$",
        staff.steer,
        name="steer",
    ),
]
