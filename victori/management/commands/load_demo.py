"""manage.py load_demo: a small city at work for a trial; safe to run at every start."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.demo import ensure_demo_staff
from pcare_bridge.demo import ensure_accounts
from portal.demo import ensure_demo_news
from regions.models import Facility
from reporting.models import CoverageBaseline
from scheduling.demo import ensure_demo_schedules
from scheduling.draws.demo import ensure_demo_draw
from stock.demo import ensure_demo_stock
from vaccination.demo import ensure_demo_history

RECAP = Path(settings.BASE_DIR) / "reporting" / "data" / "booster_recap_2023.csv"
RECAP_SOURCE = "Rekap booster 1 VICTORI, Dinas Kesehatan Kota Semarang; sasaran menurut Dukcapil"
# The study prints the table without a day; the year is all the source gives.
RECAP_AS_OF = date(2023, 12, 31)


class Command(BaseCommand):
    help = "Isi data contoh (hanya mode demo): kota, petugas, stok, jadwal, satu keluarga; aman diulang."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Data contoh hanya untuk mode demo (DEMO=1).")
        stages: list[tuple[str, Callable[[], object]]] = [
            ("kunci tanda tangan", lambda: call_command("signing_keys", "init", verbosity=0, stdout=self.stderr)),
            ("kota, fasilitas, vaksin, aturan", self._reference_data),
            ("rekap booster terdahulu", self._recap),
            ("akun petugas", ensure_demo_staff),
            ("akun PCare fasilitas", ensure_accounts),
            ("stok", ensure_demo_stock),
            ("keluarga contoh", ensure_demo_history),
            ("jadwal", lambda: ensure_demo_schedules(timezone.localdate())),
            ("undian", ensure_demo_draw),
            ("berita", ensure_demo_news),
        ]
        for number, (what, ensure) in enumerate(stages, 1):
            self.stdout.write(f"  data contoh {number}/{len(stages)}: {what}")
            self.stdout.flush()
            ensure()

    def _reference_data(self) -> None:
        if not Facility.objects.exists():
            call_command("load_reference_data", verbosity=0, stdout=self.stderr)

    def _recap(self) -> None:
        if not CoverageBaseline.objects.exists():
            call_command(
                "import_recap", str(RECAP), programme="covid19", dose="booster1", source=RECAP_SOURCE,
                as_of=RECAP_AS_OF.isoformat(), verbosity=0, stdout=self.stderr,
            )  # fmt: skip
