"""manage.py audit: the invariants of DESIGN section 4 on the live database."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core import audit


class Command(BaseCommand):
    help = "Periksa semua invarian pada basis data; keluar dengan kode 1 bila ada pelanggaran."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="satu baris JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        results = audit.run()
        # One line per invariant: several checks may share an id.
        totals: dict[str, int] = {}
        for check, violations in results:
            totals[check.id] = totals.get(check.id, 0) + violations
        ok = not any(totals.values())
        if options["json"]:
            checks = [{"id": id, "ok": not n, "violations": n} for id, n in totals.items()]
            self.stdout.write(json.dumps({"ok": ok, "checks": checks}))
        else:
            for check, violations in results:
                self.stdout.write(f"{check.id}  {violations or 'ok':>6}  {check.title}")
        if not ok:
            raise SystemExit(1)
