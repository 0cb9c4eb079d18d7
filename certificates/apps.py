from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "certificates"
    verbose_name = "Sertifikat"

    def ready(self) -> None:
        from certificates import checks, services
        from core import outbox

        outbox.subscribe("immunization.recorded", "certificates", services.on_recorded)
        outbox.subscribe("immunization.corrected", "certificates", services.on_corrected)
        checks.register()
