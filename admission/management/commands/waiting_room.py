"""manage.py waiting_room: look at rooms, replay a shuffle, switch by hand."""

import csv
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admission import board, rooms
from admission.models import Room
from scheduling.fair_order import commitment, fair_order


class Command(BaseCommand):
    help = "Ruang tunggu: list, replay RUANG, check-file BERKAS BENIH SIDIK, on, off RUANG, refill RUANG."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="ruang terakhir, satu baris JSON per ruang")
        replay = actions.add_parser("replay", help="undi ulang daftar sebuah ruang; keluar 1 bila hasilnya lain")
        replay.add_argument("room", type=int)
        check = actions.add_parser("check-file", help="undi ulang berkas CSV yang diumumkan, tanpa basis data")
        check.add_argument("file", type=Path)
        check.add_argument("seed")
        check.add_argument("seed_hash")
        actions.add_parser("on", help="nyalakan ruang tunggu sekarang")
        off = actions.add_parser("off", help="tutup sebuah ruang")
        off.add_argument("room", type=int)
        refill = actions.add_parser("refill", help="tulis ulang papan di Redis dari basis data")
        refill.add_argument("room", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action'].replace('-', '_')}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        for room in Room.objects.order_by("-opens_at", "-pk")[:20]:
            row = {
                "room": room.pk, "name": room.name, "state": room.state, "reason": room.reason,
                "waiting": rooms.waiting_count(room), "served": room.served_number, "last": room.last_number,
                "rate": room.rate, "places_left": room.places_left, "seed_hash": room.seed_hash,
            }  # fmt: skip
            self.stdout.write(json.dumps(row))

    def _replay(self, options: dict[str, Any]) -> None:
        room = self._room(options)
        if room.seed_revealed_at is None:
            raise CommandError("Ruang ini belum diundi; benihnya masih disegel.")
        honest, count = rooms.replay(room)
        self._verdict(honest, count, room.seed_hash, room.seed)

    def _check_file(self, options: dict[str, Any]) -> None:
        with options["file"].open(newline="") as file:
            rows = [(int(row["nomor"]), row["giliran"]) for row in csv.DictReader(file)]
        drawn = [turn for _number, turn in sorted(rows)]
        again = fair_order(options["seed"], [(turn, 1) for turn in drawn])
        honest = again == drawn and commitment(options["seed"]) == options["seed_hash"]
        self._verdict(honest and sorted(number for number, _ in rows) == list(range(1, len(rows) + 1)), len(rows),
                      options["seed_hash"], options["seed"])  # fmt: skip

    def _on(self, options: dict[str, Any]) -> None:
        room = rooms.create(reason=Room.Reason.ADMIN)
        self.stdout.write(json.dumps({"room": room.pk if room else None}))

    def _off(self, options: dict[str, Any]) -> None:
        room = self._room(options)
        self.stdout.write(json.dumps({"room": room.pk, "closed": rooms.close(room.pk, "dengan perintah.")}))

    def _refill(self, options: dict[str, Any]) -> None:
        room = self._room(options)
        self.stdout.write(json.dumps({"room": room.pk, "filled": board.fill(room.pk, force=True)}))

    def _room(self, options: dict[str, Any]) -> Room:
        room = Room.objects.filter(pk=options["room"]).first()
        if room is None:
            raise CommandError(f"Tidak ada ruang {options['room']}.")
        return room

    def _verdict(self, honest: bool, count: int, seed_hash: str, seed: str) -> None:
        self.stdout.write(json.dumps({"ok": honest, "turns": count, "seed_hash": seed_hash, "seed": seed}))
        if not honest:
            raise CommandError("Urutan yang diumumkan tidak sama dengan hasil undi ulang.")
