"""List draws, hold one, or replay one from the database or, with --csv and --seed, from the published file alone."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling.draws import files as draw_files
from scheduling.draws import run as draw_run
from scheduling.models import Draw


class Command(BaseCommand):
    """Stable lines for people and scripts; a replay that differs ends with exit code 1."""

    help = "Undian tempat: daftar, jalankan, atau ulang dan bandingkan (SAMA atau BERBEDA)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One word for what to do, then the draw."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="semua undian")
        run = actions.add_parser("run", help="jalankan langkah yang sudah waktunya")
        run.add_argument("id", type=int)
        again = actions.add_parser("replay", help="undi ulang dan bandingkan")
        again.add_argument("id", type=int, nargs="?", help="undian dalam basis data")
        again.add_argument("--csv", type=Path, help="hasil.csv yang diumumkan; basis data tidak dibaca")
        again.add_argument("--seed", default="", help="benih yang diumumkan; wajib dengan --csv")
        again.add_argument("--seed-hash", default="", help="sidik benih yang diumumkan sebelumnya")
        again.add_argument("--list-hash", default="", help="sidik daftar peserta yang diumumkan sebelumnya")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three."""
        getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        self.stdout.write("id\tkeadaan\tditutup\tnomor\tjudul")
        now = timezone.now()
        for draw in Draw.objects.order_by("pk"):
            closes = timezone.localtime(draw.closes_at)
            count = draw.list_count if draw.frozen_at else draw.entries.filter(outcome="waiting").count()
            self.stdout.write(f"{draw.pk}\t{draw.phase(now)}\t{closes:%Y-%m-%d %H.%M}\t{count}\t{draw.title}")

    def _run(self, options: dict[str, Any]) -> None:
        draw_run.run(self._draw(options["id"]).pk)
        draw = self._draw(options["id"])
        self.stdout.write(f"keadaan: {draw.state}")
        if draw.state == Draw.State.FROZEN:
            self.stdout.write(f"diundi mulai: {timezone.localtime(draw_run.draws_at(draw)):%Y-%m-%d %H.%M.%S} WIB")
        if draw.state == Draw.State.DRAWN:
            won = draw.entries.filter(outcome="won").count()
            self.stdout.write(f"nomor: {draw.list_count}\ndapat tempat: {won}")

    def _replay(self, options: dict[str, Any]) -> None:
        if options["csv"]:
            if not options["seed"]:
                raise CommandError("--csv memerlukan --seed: benih pada halaman undian.")
            try:
                results = draw_files.read_results(options["csv"].read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise CommandError(f"{options['csv']}: {error}") from None
            hashes = {"seed_hash": options["seed_hash"], "list_hash": options["list_hash"]}
            checks = draw_files.replay(options["seed"], results, **hashes)
        elif options["id"] is not None:
            draw = self._draw(options["id"])
            if draw.state != Draw.State.DRAWN:
                raise CommandError("Undian ini belum selesai; benihnya belum dibuka.")
            checks = draw_files.replay(
                draw.seed, draw_run.results_of(draw), seed_hash=draw.seed_hash, list_hash=draw.list_hash
            )
        else:
            raise CommandError("Sebut nomor undian, atau --csv dan --seed.")
        for check in checks:
            self.stdout.write(f"{'sama' if check.ok else 'BEDA'}\t{check.title}\t{check.detail}")
        same = all(check.ok for check in checks)
        self.stdout.write("SAMA" if same else "BERBEDA")
        if not same:
            raise SystemExit(1)

    def _draw(self, draw_id: int) -> Draw:
        draw = Draw.objects.filter(pk=draw_id).first()
        if draw is None:
            raise CommandError(f"Undian {draw_id} tidak ada.")
        return draw
