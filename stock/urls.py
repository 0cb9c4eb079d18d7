"""Public stock page."""

from django.urls import include, path

from stock import views

urlpatterns = [path("stok/", include(([path("", views.public, name="list")], "public_stock")))]
