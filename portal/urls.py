"""Public addresses of the portal: the home page, and a family member's record."""

from django.urls import path

from portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
]
