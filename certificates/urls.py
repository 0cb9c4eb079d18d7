"""Certificates of a family, links with a code, and the public verifier."""

from django.urls import path

from certificates import link_views, verify_views, views

app_name = "certificates"
urlpatterns = [
    path("verifikasi/", verify_views.verify, name="verify"),
    path("verifikasi/sw.js", verify_views.worker, name="verify-worker"),
    path("sertifikat/", views.family_list, name="list"),
    path("sertifikat/dosis/<uuid:dose>/", views.of_dose, name="of_dose"),
    path("sertifikat/orang/<uuid:public_id>/catatan-vaksinasi.pdf", views.record_sheet, name="record"),
    path("sertifikat/berkas/<str:key>/sertifikat-vaksinasi.pdf", views.download_pdf, name="pdf"),
    path("sertifikat/berkas/<str:key>/vaksinasi.smart-health-card", views.download_card, name="card"),
    path("sertifikat/<slug:token>/", link_views.link, name="link"),
    path("sertifikat/<slug:token>/kode/", link_views.code, name="code"),
]
