"""`manage.py coverage`: the coverage table for people and programs; see DESIGN section 6 for the exact output."""

import csv
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting.coverage import coverage, doses, find_dose
from reporting.exports import HEADER, public_rows


class Command(BaseCommand):
    """Prints coverage of one dose per kecamatan, the city in the last row."""

    help = "Mencetak cakupan satu dosis per kecamatan; baris terakhir kota."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--programme", required=True)
        parser.add_argument("--dose", required=True)
        parser.add_argument("--by", choices=["kecamatan"], default="kecamatan")
        parser.add_argument("--format", choices=["csv", "json"], default="csv")

    def handle(self, *args: Any, **options: Any) -> None:
        dose = find_dose(options["programme"], options["dose"])
        if dose is None:
            known = ", ".join(f"{dose.programme}/{dose.code}" for dose in doses()) or "belum ada"
            raise CommandError(f"Dosis tidak dikenal. Yang ada: {known}.")
        rows = public_rows(coverage(dose))
        if options["format"] == "json":
            self.stdout.write(json.dumps([dict(zip(HEADER, row, strict=True)) for row in rows], ensure_ascii=False))
            return
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
