"""Addresses of staff accounts: signing in, own account, and their administration by the health office."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from django.urls import path, re_path
from django.views.generic import RedirectView

from accounts.views import outgoing, partners, staff

urlpatterns = [
    path("petugas/masuk/", account.login, name="account_login"),
    path("petugas/keluar/", account.logout, name="account_logout"),
    path("petugas/masuk/nonaktif/", account.account_inactive, name="account_inactive"),
    path("petugas/masuk/kode/", mfa.authenticate, name="mfa_authenticate"),
    path("petugas/akun/", mfa.index, name="mfa_index"),
    path("petugas/akun/kata-sandi/", account.password_change, name="account_change_password"),
    path("petugas/akun/pastikan/", account.reauthenticate, name="account_reauthenticate"),
    path("petugas/akun/pastikan/kode/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("petugas/akun/autentikator/", totp.activate_totp, name="mfa_activate_totp"),
    path("petugas/akun/autentikator/matikan/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("petugas/akun/kode-cadangan/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("petugas/akun/kode-cadangan/baru/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("petugas/akun/kode-cadangan/unduh/", recovery.download_recovery_codes, name="mfa_download_recovery_codes"),
    # Names the package looks up; staff have neither self sign-up nor an address book of e-mails.
    path("petugas/masuk/daftar/", RedirectView.as_view(pattern_name="account_login"), name="account_signup"),
    path("petugas/akun/surel/", RedirectView.as_view(pattern_name="mfa_index"), name="account_email"),
    path(
        "petugas/akun/kata-sandi/atur/",
        RedirectView.as_view(pattern_name="account_change_password"),
        name="account_set_password",
    ),
    path("dinkes/petugas/", staff.staff_list, name="staff_list"),
    path("dinkes/petugas/baru/", staff.invite, name="staff_invite"),
    path("dinkes/petugas/<int:pk>/", staff.detail, name="staff_detail"),
    path("dinkes/petugas/<int:pk>/penugasan/", staff.assign, name="staff_assign"),
    path(
        "dinkes/petugas/<int:pk>/penugasan/<int:membership_id>/akhiri/",
        staff.end_assignment,
        name="staff_end_assignment",
    ),
    re_path(
        r"^dinkes/petugas/(?P<pk>[0-9]{1,18})/(?P<action>nonaktifkan|aktifkan|reset-faktor|reset-sandi|buka-kunci)/$",
        staff.act,
        name="staff_act",
    ),
    path("dinkes/mitra/", partners.token_list, name="partner_tokens"),
    path("dinkes/mitra/baru/", partners.new_token, name="partner_token_new"),
    path("dinkes/mitra/<int:pk>/cabut/", partners.revoke_token, name="partner_token_revoke"),
    path("dinkes/pesan/", outgoing.message_list, name="outgoing_messages"),
    path("dinkes/pesan/<uuid:message_id>/ulang/", outgoing.retry, name="outgoing_retry"),
]
