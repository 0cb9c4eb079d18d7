"""Addresses that exist only in demo mode (victori/urls.py)."""

from django.urls import path

from accounts.views import demo

urlpatterns = [path("akun/", demo.accounts, name="demo_accounts")]
