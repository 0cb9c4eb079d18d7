"""`manage.py pcare_simulator --port P`: the stand-in for PCare as its own process on a real socket."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import run


class Command(BaseCommand):
    help = "Menjalankan simulator PCare pada soket sendiri."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=9801)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--base-path", default=defaults.BASE_PATH)
        parser.add_argument("--state", type=Path, default=None)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = ["--port", str(options["port"]), "--host", options["host"], "--base-path", options["base_path"]]
        run([*arguments, "--state", str(options["state"])] if options["state"] else arguments)
