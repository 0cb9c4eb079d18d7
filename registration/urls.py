"""Addresses for citizens: signing in, the family, and what to bring to the desk."""

from django.urls import path, re_path

from registration.views import family, sign_in

app_name = "registration"
urlpatterns = [
    path("masuk/", sign_in.sign_in, name="sign_in"),
    path("masuk/kode/", sign_in.enter_code, name="enter_code"),
    path("masuk/kode/ulang/", sign_in.resend_code, name="resend_code"),
    path("masuk/keluar/", sign_in.sign_out, name="sign_out"),
    path("keluarga/", family.family, name="family"),
    path("keluarga/tambah/", family.add_member, name="add_member"),
    re_path(r"^keluarga/periksa/(?P<code>[A-Z0-9-]{4,12})/$", family.claim, name="claim"),
    path("keluarga/<uuid:public_id>/ubah/", family.edit_member, name="edit_member"),
]
