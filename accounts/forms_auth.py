"""allauth's forms with our labels; placeholders go, because a label that vanishes helps nobody."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as MFAReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms


def _relabel(form: forms.Form, labels: dict[str, str]) -> None:
    for name, text in labels.items():
        field = form.fields[name]
        field.label, field.help_text = text, ""
        field.widget.attrs.pop("placeholder", None)


def _code_field(form: forms.Form, help_text: str) -> None:
    _relabel(form, {"code": "Kode 6 angka"})
    form.fields["code"].help_text = help_text
    form.fields["code"].widget.attrs |= {"inputmode": "numeric", "autofocus": True}


class StaffLoginForm(LoginForm):
    """User name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _relabel(self, {"login": "Nama pengguna", "password": "Kata sandi"})


class StaffReauthenticateForm(ReauthenticateForm):
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _relabel(self, {"password": "Kata sandi"})


class StaffChangePasswordForm(ChangePasswordForm):
    """Old and new password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"oldpassword": "Kata sandi sekarang", "password1": "Kata sandi baru"}
        _relabel(self, labels | {"password2": "Ulangi kata sandi baru"})
        self.fields["password1"].help_text = "Paling sedikit 12 tanda; kalimat pendek mudah diingat dan kuat."


class StaffAuthenticateForm(AuthenticateForm):
    """The second factor while signing in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self, "Dari aplikasi autentikator, atau salah satu kode cadangan.")


class StaffMFAReauthenticateForm(MFAReauthenticateForm):
    """The second factor in a running session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self, "Dari aplikasi autentikator, atau salah satu kode cadangan.")


class StaffActivateTOTPForm(ActivateTOTPForm):
    """The first code of a new app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self, "Kode yang tampil di aplikasi setelah gambar dipindai.")
