"""`manage.py load_population --citizens N --doses M --seed S`: invented people and doses in bulk."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.formats import number
from regions.models import Kelurahan
from reporting import bulk
from reporting.checks import different_cells


class Command(BaseCommand):
    """The same seed gives the same people; a seed can be loaded once."""

    help = "Memuat warga dan dosis rekaan untuk uji beban (bukan NIK siapa pun)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--citizens", type=int, required=True)
        parser.add_argument("--doses", type=int, required=True)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        citizens, doses, seed = options["citizens"], options["doses"], options["seed"]
        if not 0 < citizens <= 5_000_000 or not doses >= 0 or seed < 0:
            raise CommandError("--citizens 1 sampai 5000000; --doses dan --seed tidak boleh negatif.")
        if not Kelurahan.objects.exists():
            raise CommandError("Kota belum dimuat. Jalankan load_reference_data dulu.")
        started = time.monotonic()

        def report(what: str, done: int, total: int) -> None:
            if options["verbosity"]:
                seconds = time.monotonic() - started
                self.stdout.write(f"{seconds:6.1f} dtk  {what}: {number(done)} dari {number(total)}")
                self.stdout.flush()

        try:
            cells = bulk.load(citizens, doses, seed, report)
        except ValueError as error:
            raise CommandError(str(error)) from error
        different = different_cells()
        self.stdout.write(
            f"{number(citizens)} warga dan {number(doses)} dosis dimuat dalam {time.monotonic() - started:.1f} detik; "
            f"rekap cakupan {number(cells)} sel, {different} berbeda dari hitungan ulang."
        )
        if different:
            raise CommandError("Rekap cakupan tidak sama dengan catatan dosis; jalankan recount_coverage --repair.")
