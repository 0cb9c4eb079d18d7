from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = "Pesan"

    def ready(self) -> None:
        from core import sweeper
        from messaging import services

        sweeper.register("messages", services.drain)
