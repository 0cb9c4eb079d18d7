from django.urls import path

from reporting import views

urlpatterns = [
    path("cakupan/", views.coverage_page, name="coverage"),
    path("cakupan/cakupan.csv", views.coverage_csv, name="coverage-csv"),
]
