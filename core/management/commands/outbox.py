"""manage.py outbox: what waits, what is in flight, what failed, per topic."""

import json
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count, Min, Q
from django.utils import timezone

from core.models import OutboxMessage


class Command(BaseCommand):
    help = "Keadaan antrean kabar antarbagian; --retry mengulang yang gagal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="satu baris JSON")
        parser.add_argument("--retry", action="store_true", help="kembalikan semua pesan gagal ke antrean")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retry"]:
            count = OutboxMessage.objects.filter(state=OutboxMessage.FAILED).update(
                state=OutboxMessage.WAITING, attempts=0, available_at=timezone.now(), finished_at=None
            )
            self.stderr.write(f"{count} pesan dikembalikan ke antrean")
        open_or_failed = OutboxMessage.objects.exclude(state=OutboxMessage.DONE)
        rows = (
            open_or_failed.values("topic")
            .annotate(
                waiting=Count("pk", filter=Q(state=OutboxMessage.WAITING)),
                in_flight=Count("pk", filter=Q(state=OutboxMessage.IN_FLIGHT)),
                oldest=Min("created_at", filter=~Q(state=OutboxMessage.FAILED)),
            )
            .order_by("topic")
        )
        topics: list[dict[str, Any]] = [
            {
                "topic": row["topic"],
                "waiting": row["waiting"],
                "in_flight": row["in_flight"],
                "failed": _failed_by_class(row["topic"]),
                "oldest_seconds": _age(row["oldest"]),
            }
            for row in rows
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"topics": topics}))
            return
        for row in topics:
            failed = ", ".join(f"{n} {name}" for name, n in row["failed"].items()) or "0"
            self.stdout.write(
                f"{row['topic']}: {row['waiting']} menunggu, {row['in_flight']} dikerjakan, gagal: {failed}, "
                f"tertua {row['oldest_seconds'] or 0} detik"
            )
        if not topics:
            self.stdout.write("Antrean kosong.")


def _failed_by_class(topic: str) -> dict[str, int]:
    errors = OutboxMessage.objects.filter(topic=topic, state=OutboxMessage.FAILED).values_list("last_error", flat=True)
    return Counter(error.split(":", 1)[0] or "unknown" for error in errors)


def _age(moment: Any) -> int | None:
    return None if moment is None else int((timezone.now() - moment).total_seconds())
