"""Addresses without a language: the desk's print-out, the published keys and revocations, the verifier's data."""

from django.urls import include, path

from certificates import desk_views, verify_views, wellknown

urlpatterns = [
    path(
        "petugas/sertifikat/<uuid:dose>/sertifikat-vaksinasi.pdf",
        desk_views.print_certificate,
        name="desk-certificate",
    ),
    path("petugas/sertifikat/<uuid:dose>/cabut/", desk_views.revoke_certificate, name="desk-certificate-revoke"),
    path("petugas/warga/<uuid:public_id>/catatan-vaksinasi.pdf", desk_views.print_record, name="desk-record"),
    path("verifikasi/kunci.json", verify_views.data, name="verify-data"),
    path("dinkes/daftar-kunci/", include("certificates.urls_trust")),
    path(".well-known/jwks.json", wellknown.document, {"name": "jwks"}, name="jwks"),
    path(".well-known/dsc.json", wellknown.document, {"name": "signers"}, name="dsc"),
    path(".well-known/dsc.pem", wellknown.document, {"name": "signers-pem"}, name="dsc-pem"),
    path(".well-known/revocations.jws", wellknown.document, {"name": "revocations"}, name="revocations"),
    path(".well-known/ca.crl", wellknown.revoked_signers, name="ca-crl"),
    path(".well-known/crl/<str:kid>.json", wellknown.card_revocations, name="card-revocations"),
]
