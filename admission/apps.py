from django.apps import AppConfig


class AdmissionConfig(AppConfig):
    name = "admission"
    verbose_name = "Ruang tunggu"

    def ready(self) -> None:
        from admission import clock, poll
        from core import express, sweeper

        express.register(poll.ADDRESS, poll.express)
        sweeper.register("admission", clock.sweep)
