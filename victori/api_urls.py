"""/api/v1/: open data, certificate verification, and doses recorded by partner facilities."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
]
