"""`manage.py import_recap FILE --programme P --dose D --source TEXT --as-of DATE`: figures of an earlier system."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.formats import number
from programmes.models import Programme
from regions.models import Kecamatan
from reporting.coverage import find_dose
from reporting.models import CoverageBaseline
from reporting.recap import RecapRefused, percentage, read_recap
from reporting.services import take_over


def iso_date(text: str) -> date:
    """An argument like 2023-12-31."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"Tanggal {text!r} tidak terbaca; tulis seperti 2023-12-31.") from error


class Command(BaseCommand):
    """Takes over a table per kecamatan as baseline and target population, all of it or nothing."""

    help = "Mengambil alih tabel capaian per kecamatan dari sistem lama (semua baris atau tidak sama sekali)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV: kecamatan,sasaran,capaian[,persentase]")
        parser.add_argument("--programme", required=True)
        parser.add_argument("--dose", required=True)
        parser.add_argument("--source", required=True, help="sumber angka, ditampilkan di halaman cakupan")
        parser.add_argument("--as-of", required=True, help="tanggal angka, YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of, source = iso_date(options["as_of"]), options["source"].strip()
        if not source or len(source) > 200 or "\x00" in source:
            raise CommandError("Isi --source dengan sumber angka, paling panjang 200 karakter.")
        dose = find_dose(options["programme"], options["dose"])
        if dose is None:
            raise CommandError(
                f"Dosis {options['dose']} pada program {options['programme']} tidak dikenal. "
                "Jalankan load_reference_data dulu, atau periksa ejaannya."
            )
        kecamatan = dict(Kecamatan.objects.values_list("code", "name"))
        try:
            recap = read_recap(options["file"], kecamatan, source=source, as_of=as_of)
        except RecapRefused as error:
            lines = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(f"Tidak ada yang diimpor. {len(error.problems)} masalah:\n{lines}") from error
        programme = Programme.objects.get(pk=dose.programme)
        previous = CoverageBaseline.objects.filter(programme=programme, dose_code=dose.code).order_by("as_of").last()
        take_over(recap, programme=programme, dose_code=dose.code)
        for warning in recap.warnings:
            self.stderr.write(self.style.WARNING(warning))
        if previous:
            self.stdout.write(f"Menggantikan angka dari {previous.source} per {previous.as_of}.")
        achieved, target = sum(row.achieved for row in recap.rows), sum(row.target for row in recap.rows)
        self.stdout.write(
            f"{len(recap.rows)} kecamatan diimpor: capaian {number(achieved)} dari sasaran {number(target)} "
            f"({percentage(achieved, target)} %), sumber {source}, per {as_of}."
        )
