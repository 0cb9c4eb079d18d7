"""/api/v1/: open data, certificate verification, and doses recorded by partner facilities."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from certificates.api import VerifyCertificate
from regions.api import FacilityList
from reporting.api import CoverageView
from scheduling.api import ScheduleList
from stock.api import StockList
from vaccination.api import ImmunizationCreate, ImmunizationDetail

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("certificates/verify/", VerifyCertificate.as_view(), name="api-verify-certificate"),
    path("facilities/", FacilityList.as_view(), name="api-facilities"),
    path("schedules/", ScheduleList.as_view(), name="api-schedules"),
    path("stock/", StockList.as_view(), name="api-stock"),
    path("immunizations/", ImmunizationCreate.as_view(), name="api-immunizations"),
    path("immunizations/<uuid:key>/", ImmunizationDetail.as_view(), name="api-immunization"),
    path("coverage/", CoverageView.as_view(), name="api-coverage"),
]
