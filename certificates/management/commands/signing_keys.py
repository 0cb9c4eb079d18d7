"""Keys that sign certificates: make, list, rotate, retire, drop after a leak."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from certificates import keys
from certificates.models import Revocation, SigningKey
from certificates.services import revoke_signed_by


class Command(BaseCommand):
    help = "Kunci tanda tangan sertifikat: init, list, rotate, retire, compromise."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="buat CA dan kunci penanda tangan yang belum ada (aman diulang)")
        listing = actions.add_parser("list", help="daftar kunci")
        listing.add_argument("--json", action="store_true")
        rotate = actions.add_parser("rotate", help="buat penerus sebuah kunci")
        rotate.add_argument("purpose", choices=[SigningKey.Purpose.DCC, SigningKey.Purpose.SHC])
        rotate.add_argument("--use-from", help="tanggal mulai dipakai (ISO 8601); kosong = sekarang")
        retire = actions.add_parser("retire", help="berhenti menandatangani; kode lama tetap sah")
        retire.add_argument("kid")
        compromise = actions.add_parser("compromise", help="kunci bocor: hapus dari semua daftar, cabut semua kodenya")
        compromise.add_argument("kid")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except keys.NoSigningKey as error:
            raise CommandError(str(error)) from error

    def _init(self, options: dict[str, Any]) -> None:
        made = keys.ensure()
        for key in made:
            self.stdout.write(f"dibuat: {key.purpose} {key.kid}, menandatangani sampai {key.use_until:%Y-%m-%d}")
        if not made and options["verbosity"] > 0:
            self.stdout.write("kunci sudah lengkap")

    def _list(self, options: dict[str, Any]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "kid": key.kid,
                "purpose": key.purpose,
                "use_from": key.use_from.isoformat(),
                "use_until": key.use_until.isoformat(),
                "not_after": key.not_after.isoformat(),
                "retired": key.retired_at is not None,
                "compromised": key.compromised_at is not None,
            }
            for key in SigningKey.objects.order_by("purpose", "use_from")
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            mark = "bocor" if row["compromised"] else "pensiun" if row["retired"] else "dipakai"
            self.stdout.write(
                f"{row['purpose']:<10} {row['kid']:<44} {row['use_from'][:10]}–{row['use_until'][:10]} {mark}"
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        start = None
        if options["use_from"]:
            try:
                start = datetime.fromisoformat(options["use_from"])
            except ValueError as error:
                raise CommandError("--use-from bukan tanggal ISO 8601") from error
            start = start if start.tzinfo else start.replace(tzinfo=UTC)
        key = keys.rotate(options["purpose"], use_from=start)
        self.stdout.write(f"dibuat: {key.purpose} {key.kid}, mulai {key.use_from:%Y-%m-%d}")

    def _retire(self, options: dict[str, Any]) -> None:
        self._mark(options["kid"], retired_at=timezone.now())
        self.stdout.write("pensiun: kunci ini tidak menandatangani lagi; kode lamanya tetap sah")

    def _compromise(self, options: dict[str, Any]) -> None:
        # First off every list, then everything else: the order FORMATS section 8 asks for.
        self._mark(options["kid"], compromised_at=timezone.now())
        count = revoke_signed_by(options["kid"], reason=Revocation.Reason.KEY)
        self.stdout.write(f"kunci dicoret dari semua daftar; {count} sertifikat dicabut, terbit ulang saat dibuka")

    def _mark(self, kid: str, **changes: datetime) -> None:
        if not SigningKey.objects.filter(pk=kid).update(**changes):
            raise CommandError(f"Tidak ada kunci {kid}; lihat `signing_keys list`.")
