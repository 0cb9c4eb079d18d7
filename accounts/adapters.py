"""What allauth asks us: no self sign-up, our words, secrets encrypted at rest."""

import base64
import io
import time
from typing import Any

import segno
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from core import crypto
from core.net import client_address

TOO_MANY = "Terlalu banyak percobaan. Tunggu beberapa menit, lalu coba lagi."


class StaffAccountAdapter(DefaultAccountAdapter):
    """Staff accounts are made by an admin; all texts are Indonesian."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "Nama pengguna atau kata sandi belum sesuai.",
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
        "enter_current_password": "Kata sandi sekarang belum sesuai.",
        "incorrect_password": "Kata sandi belum sesuai.",
        "incorrect_code": "Kode belum sesuai.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """Not within minutes of any proof of identity in this session; signing in counts as one."""
        request = context.request
        records = get_authentication_records(request, request.user)
        latest = max((record["at"] for record in records), default=0.0)
        return time.time() - latest >= settings.ACCOUNT_REAUTHENTICATION_TIMEOUT

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/petugas/"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Our pages say what happened; the package's own notes would be English."""


class StaffMFAAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds are encrypted; a member of staff cannot switch the second factor off."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "Kode belum sesuai. Gunakan kode yang sedang tampil di aplikasi.",
        "cannot_delete_authenticator": "Faktor kedua tidak dapat dimatikan. Admin dapat meresetnya bila ponsel hilang.",
        "cannot_generate_recovery_codes": "Aktifkan aplikasi autentikator dahulu.",
    }

    def get_totp_issuer(self) -> str:
        return "VICTORI"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def build_totp_svg(self, url: str) -> str:
        image = io.BytesIO()
        segno.make(url, error="m").save(image, kind="svg", scale=5, border=2, xmldecl=False)
        return image.getvalue().decode()

    def encrypt(self, text: str) -> str:
        return base64.b64encode(crypto.encrypt(text, "accounts.mfa")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(base64.b64decode(encrypted_text), "accounts.mfa")

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return False
