"""`manage.py issue_certificates --all-missing`: certificates of all doses that have none yet."""

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from certificates import bulk
from core.formats import number

LINE_SECONDS = 5  # between two lines of progress


class Command(BaseCommand):
    """May be stopped at any time and started again: it goes on with what is missing."""

    requires_system_checks: list[str] = []  # they load every page before the first certificate
    help = "Terbitkan sertifikat untuk semua dosis yang belum punya. Boleh dihentikan dan dijalankan lagi."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all-missing", action="store_true", required=True, help="semua dosis tanpa sertifikat")
        parser.add_argument("--processes", type=int, default=bulk.CREW, help="baku: satu lebih dari inti prosesor")
        parser.add_argument("--notify", action="store_true", help="kirim juga pesan dengan tautan ke setiap orang")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["processes"] < 1:
            raise CommandError("--processes paling sedikit 1.")
        batches = bulk.plan()
        total = sum(batch.doses for batch in batches)
        self._say(f"{number(total)} dosis belum punya sertifikat.")
        begun = told = time.monotonic()

        def report(done: int) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= LINE_SECONDS:
                told = now
                self._say(progress(done, total, now - begun))

        try:
            count = bulk.issue_all(batches, options["processes"], bulk.Order(tell=options["notify"]), report)
        except (bulk.Stopped, KeyboardInterrupt) as error:
            raise CommandError(
                f"{error} Jalankan lagi: yang sudah terbit tetap, sisanya dilanjutkan.".strip()
            ) from error
        self._say(f"{number(count)} sertifikat terbit dalam {time.monotonic() - begun:.0f} detik.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def progress(done: int, total: int, seconds: float) -> str:
    """So many of so many, how fast, and when it will be over at this pace."""
    rate = done / seconds
    end = timezone.localtime() + timedelta(seconds=max(total - done, 0) / rate) if rate else None
    share = 100 * done // max(total, 1)
    until = f", selesai kira-kira {end:%d-%m pukul %H.%M}" if end else ""
    return f"{number(done)} dari {number(total)} ({share} %), {number(round(rate))} per detik{until}"
