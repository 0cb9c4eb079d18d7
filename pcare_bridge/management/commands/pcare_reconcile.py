"""`manage.py pcare_reconcile`: compare one day with PCare and SATUSEHAT now, and say what differs."""

import json
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count
from django.utils import timezone

from pcare_bridge import reconciling
from pcare_bridge.models import Difference, Reconciliation
from regions.models import Facility


class Command(BaseCommand):
    help = "Mencocokkan dosis satu hari dengan PCare dan SATUSEHAT; keluar 1 bila ada selisih atau belum selesai."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", type=date.fromisoformat, help="YYYY-MM-DD; tanpa ini kemarin")
        parser.add_argument("--facility", help="kode fasilitas; tanpa ini semua")
        parser.add_argument("--json", action="store_true", help="satu baris JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        day = options["date"] or timezone.localdate() - timedelta(days=1)
        facilities = None
        if options["facility"]:
            facility = Facility.objects.filter(code=options["facility"]).first()
            if facility is None:
                raise CommandError("Fasilitas tidak dikenal.")
            facilities = [facility.pk]
        reconciling.request(day, facilities)
        reconciling.work()
        rows = Reconciliation.objects.filter(day=day)
        rows = rows.filter(facility__in=facilities) if facilities else rows
        open_rows = rows.exclude(state=Reconciliation.DONE).count()
        kinds = dict(
            Difference.objects.filter(reconciliation__in=rows)
            .values_list("kind")
            .annotate(count=Count("pk"))
            .values_list("kind", "count")
        )
        sums = {name: sum(getattr(row, name) for row in rows) for name in ("given", "sent", "waiting_count", "checked")}
        result = {"date": day.isoformat(), "unfinished": open_rows, "differences": kinds, **sums}
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            found = ", ".join(f"{Difference.Kind(kind).label} {count}" for kind, count in kinds.items()) or "tidak ada"
            self.stdout.write(
                f"{day}: {sums['given']} diberikan, {sums['sent']} terkirim, {sums['waiting_count']} menunggu; "
                f"dicocokkan {sums['checked']}, selisih: {found}; belum selesai {open_rows}"
            )
        if kinds or open_rows:
            raise SystemExit(1)
