from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Inti"

    def ready(self) -> None:
        from core import outbox, sweeper

        sweeper.register("outbox", outbox.drain)
