from django.apps import AppConfig


class PcareBridgeConfig(AppConfig):
    name = "pcare_bridge"
    verbose_name = "Jembatan PCare"
