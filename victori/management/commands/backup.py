"""`manage.py backup FILE`: one consistent copy of the database; `restore` brings it back."""

import contextlib
import os
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from victori.embedded import ServerError, postgres_bin


def run_tool(name: str, arguments: list[str]) -> None:
    """Run a PostgreSQL 18 program against the configured database; raises CommandError with its last words."""
    with contextlib.suppress(ServerError):
        if (postgres_bin() / name).exists():
            name = str(postgres_bin() / name)
    if not shutil.which(name):
        raise CommandError(f"{name} tidak ada: pasang paket klien PostgreSQL 18.")
    database = settings.DATABASES["default"]
    env = os.environ | {
        "PGHOST": database["HOST"],
        "PGPORT": str(database["PORT"] or 5432),
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGDATABASE": database["NAME"],
    }
    done = subprocess.run([name, *arguments], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandError(f"{Path(name).name} gagal: {done.stderr.strip()[-500:]}")


class Command(BaseCommand):
    help = "Menyalin seluruh basis data ke satu berkas (format pg_dump -Fc)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if file.exists():
            raise CommandError(f"{file} sudah ada; salinan tidak pernah menimpa salinan.")
        partial = file.with_name(file.name + ".sebagian")
        try:
            partial.touch(mode=0o600)
            run_tool("pg_dump", ["-Fc", "--no-owner", "--no-privileges", "-f", str(partial)])
            partial.rename(file)
        except OSError as error:
            raise CommandError(f"{file} tidak dapat ditulis: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)
        self.stdout.write(f"Tersimpan {file} ({file.stat().st_size / 1e6:.1f} MB).")
        self.stdout.write("Kunci dan rahasia tidak ada di dalamnya: simpan terpisah (docs/operations.md).")
