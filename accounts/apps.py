from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Akun petugas"

    def ready(self) -> None:
        from allauth.account.signals import password_changed
        from allauth.mfa.signals import authenticator_added

        from accounts import second_factor

        import_module("accounts.schema")  # registers itself with drf-spectacular

        authenticator_added.connect(second_factor.count_enrolment, dispatch_uid="accounts.count_enrolment")
        password_changed.connect(second_factor.password_was_changed, dispatch_uid="accounts.password_was_changed")
