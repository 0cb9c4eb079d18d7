"""Public addresses of the portal: the home page, and a family member's record."""

from django.urls import path

from portal import citizen_views, views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("keluarga/<uuid:public_id>/", citizen_views.citizen_record, name="record"),
]
