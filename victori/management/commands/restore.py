"""`manage.py restore FILE`: bring a copy made by `backup` into an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from victori.management.commands.backup import run_tool


class Command(BaseCommand):
    help = "Memulihkan salinan ke basis data kosong; berisi berarti ditolak."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if not file.is_file():
            raise CommandError(f"{file} tidak ada.")
        if connection.introspection.table_names():
            raise CommandError("Basis data ini tidak kosong: pulihkan ke basis data baru, lalu arahkan DATABASE_URL.")
        connection.close()
        # One transaction: either everything is back or nothing.
        database = str(connection.settings_dict["NAME"])
        run_tool("pg_restore", ["--no-owner", "--no-privileges", "--single-transaction", "-d", database, str(file)])
        self.stdout.write(
            f"{len(connection.introspection.table_names())} tabel pulih dari {file}. Lanjutkan: manage.py audit"
        )
