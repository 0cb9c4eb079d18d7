"""`manage.py recount_coverage [--repair]`: compares the coverage roll-up with the doses, and builds it anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.checks import different_cells
from reporting.services import recount


class Command(BaseCommand):
    """Exit code 1 when the roll-up differs and is not repaired."""

    help = "Menghitung ulang rekap cakupan dari catatan dosis."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="bangun rekap dari awal; pencatatan dosis menunggu")

    def handle(self, *args: Any, **options: Any) -> None:
        different = different_cells()
        if options["repair"]:
            self.stdout.write(f"{different} sel berbeda; rekap dibangun ulang, {recount()} baris.")
        elif different:
            raise CommandError(f"{different} sel rekap berbeda dari catatan dosis; jalankan dengan --repair.")
        else:
            self.stdout.write("Rekap cakupan sama dengan catatan dosis.")
