"""`manage.py load_reference_data`: the city, its facilities, vaccines, dose rules and screening forms."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from programmes.reference import load_programmes
from regions.reference import load_city


class Command(BaseCommand):
    """Safe to repeat: rows already there keep their values unless --update is given."""

    help = "Memuat data acuan: kecamatan, kelurahan, fasilitas, vaksin, aturan dosis, formulir skrining."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--update", action="store_true", help="baris yang sudah ada disamakan dengan berkas data")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = load_city(update=options["update"]) | load_programmes(update=options["update"])
        if options["verbosity"]:
            for name, (total, new) in counts.items():
                self.stdout.write(f"{total:>4} {name} ({new} baru)")
