"""Addresses of the identity desk."""

from django.urls import path, re_path

from registration.views import cadre, identity

urlpatterns = [
    path("petugas/kader/", cadre.register_resident, name="cadre_register"),
    path("petugas/identitas/", identity.desk, name="identity_desk"),
    path("petugas/identitas/gabung/", identity.merge, name="identity_merge"),
    re_path(r"^petugas/identitas/(?P<code>[A-Z0-9-]{4,12})/$", identity.claim, name="identity_claim"),
]
