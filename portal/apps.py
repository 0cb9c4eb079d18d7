"""The public face: home page, navigation, news, and the citizen's record that joins several apps."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"
