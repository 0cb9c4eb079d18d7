from django.apps import AppConfig


class RegistrationConfig(AppConfig):
    name = "registration"
    verbose_name = "Warga"

    def ready(self) -> None:
        from core import sweeper
        from registration import audits, codes

        audits.register()
        sweeper.register("codes", codes.forget_old)
