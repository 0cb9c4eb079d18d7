"""Addresses without a language: the desk's print-out, the published keys and revocations."""

from django.urls import path

from certificates import desk_views, wellknown

urlpatterns = [
    path(
        "petugas/sertifikat/<uuid:dose>/sertifikat-vaksinasi.pdf",
        desk_views.print_certificate,
        name="desk-certificate",
    ),
    path(".well-known/jwks.json", wellknown.document, {"name": "jwks"}, name="jwks"),
    path(".well-known/dsc.json", wellknown.document, {"name": "signers"}, name="dsc"),
    path(".well-known/dsc.pem", wellknown.document, {"name": "signers-pem"}, name="dsc-pem"),
    path(".well-known/revocations.jws", wellknown.document, {"name": "revocations"}, name="revocations"),
    path(".well-known/crl/<str:kid>.json", wellknown.card_revocations, name="card-revocations"),
]
