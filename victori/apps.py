"""The project as an app: loads Celery, so that a commit in any process can wake the worker."""

from importlib import import_module

from django.apps import AppConfig


class VictoriConfig(AppConfig):
    """Named in INSTALLED_APPS."""

    name = "victori"

    def ready(self) -> None:
        """Make the Celery app the current one for every shared task."""
        import_module("victori.celery")  # late: it reads the settings
