"""Addresses that exist only in demo mode (victori/urls.py)."""

from django.urls import path

from messaging import views_demo

urlpatterns = [path("pesan/", views_demo.inbox, name="demo_inbox")]
