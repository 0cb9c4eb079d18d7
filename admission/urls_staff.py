"""The waiting room as the health office sees and steers it."""

from django.urls import URLPattern

app_name = "admission_staff"
urlpatterns: list[URLPattern] = []
