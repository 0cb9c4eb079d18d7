"""Keys that sign certificates: make, list, rotate, retire, revoke after a leak; requests out, certificates in."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from certificates import authority, keys
from certificates.models import Revocation, SigningKey
from certificates.services import revoke_signed_by

SIGNERS = [SigningKey.Purpose.DCC.value, SigningKey.Purpose.SHC.value, SigningKey.Purpose.DVC.value]


class Command(BaseCommand):
    help = "Kunci tanda tangan sertifikat: init, list, rotate, retire, revoke, csr, sign, import, crl."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        init = actions.add_parser("init", help="buat CA dan kunci penanda tangan yang belum ada (aman diulang)")
        init.add_argument("--new-authority", action="store_true", help="buat CA baru walaupun yang lama masih berlaku")
        listing = actions.add_parser("list", help="daftar kunci")
        listing.add_argument("--json", action="store_true")
        rotate = actions.add_parser("rotate", help="buat penerus sebuah kunci")
        rotate.add_argument("purpose", choices=SIGNERS)
        rotate.add_argument("--use-from", help="tanggal mulai dipakai (ISO 8601); kosong = sekarang")
        retire = actions.add_parser("retire", help="berhenti menandatangani; kode lama tetap sah")
        retire.add_argument("kid")
        for name in ("revoke", "compromise"):
            revoke = actions.add_parser(name, help="kunci bocor: hapus dari semua daftar, cabut semua kodenya")
            revoke.add_argument("kid")
        self._add_exchange(actions)

    def _add_exchange(self, actions: Any) -> None:
        csr = actions.add_parser("csr", help="kunci baru dan permintaan sertifikatnya, untuk CA lain")
        csr.add_argument("purpose", choices=SIGNERS)
        csr.add_argument("--out", type=Path, help="berkas keluaran (PEM); kosong = ke layar")
        sign = actions.add_parser("sign", help="tandatangani permintaan dengan CA kita (di mesin yang memegangnya)")
        sign.add_argument("file", type=Path)
        sign.add_argument("--out", type=Path)
        take = actions.add_parser("import", help="pakai sertifikat yang datang untuk permintaan dari mesin ini")
        take.add_argument("purpose", choices=SIGNERS)
        take.add_argument("file", type=Path)
        take.add_argument("--use-from", help="tanggal mulai dipakai (ISO 8601); kosong = sekarang")
        actions.add_parser("crl", help="tandatangani ulang daftar kunci yang dicabut (butuh CA)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except (keys.NoSigningKey, authority.Unfit, OSError) as error:
            raise CommandError(str(error)) from error

    def _init(self, options: dict[str, Any]) -> None:
        made = authority.ensure(new_authority=options["new_authority"])
        for key in made:
            self.stdout.write(f"dibuat: {key.purpose} {key.kid}, menandatangani sampai {key.use_until:%Y-%m-%d}")
        for purpose in authority.due():
            self.stdout.write(
                f"segera berakhir: {purpose}, sertifikatnya dari CA lain; kirim permintaan: signing_keys csr {purpose}"
            )
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
                "private_here": keys.at_hand(key),
            }
            for key in SigningKey.objects.order_by("purpose", "use_from")
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            mark = "bocor" if row["compromised"] else "pensiun" if row["retired"] else "dipakai"
            here = "" if row["private_here"] else ", kunci privat tidak di sini"
            self.stdout.write(
                f"{row['purpose']:<10} {row['kid']:<44} {row['use_from'][:10]}–{row['use_until'][:10]} {mark}{here}"
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        key = authority.rotate(options["purpose"], use_from=_moment(options["use_from"]))
        self.stdout.write(f"dibuat: {key.purpose} {key.kid}, mulai {key.use_from:%Y-%m-%d}")

    def _retire(self, options: dict[str, Any]) -> None:
        self._mark(options["kid"], retired_at=timezone.now())
        self.stdout.write("pensiun: kunci ini tidak menandatangani lagi; kode lamanya tetap sah")

    def _revoke(self, options: dict[str, Any]) -> None:
        # First off every list, then everything else: the order FORMATS section 8 asks for.
        self._mark(options["kid"], compromised_at=timezone.now())
        count = revoke_signed_by(options["kid"], reason=Revocation.Reason.KEY)
        self.stdout.write(f"kunci dicoret dari semua daftar; {count} sertifikat dicabut, terbit ulang saat dibuka")
        try:
            authority.write_revocation_list()
        except keys.NoSigningKey:
            self.stdout.write("kunci CA tidak di sini: bawa CA, lalu jalankan `signing_keys crl`")

    _compromise = _revoke

    def _csr(self, options: dict[str, Any]) -> None:
        self._give(authority.request(options["purpose"]), options["out"])

    def _sign(self, options: dict[str, Any]) -> None:
        self._give(authority.certify(options["file"].read_bytes()), options["out"])

    def _import(self, options: dict[str, Any]) -> None:
        start = _moment(options["use_from"])
        key = authority.take_in(options["file"].read_bytes(), options["purpose"], use_from=start)
        self.stdout.write(f"diterima: {key.purpose} {key.kid}, mulai {key.use_from:%Y-%m-%d}")

    def _crl(self, _options: dict[str, Any]) -> None:
        self.stdout.write(f"daftar ditandatangani: {authority.write_revocation_list()} kunci dicabut")

    def _give(self, pem: bytes, out: Path | None) -> None:
        if out is None:
            self.stdout.write(pem.decode("ascii"))
            return
        out.write_bytes(pem)
        self.stdout.write(f"ditulis: {out}")

    def _mark(self, kid: str, **changes: datetime) -> None:
        if not SigningKey.objects.filter(pk=kid).update(**changes):
            raise CommandError(f"Tidak ada kunci {kid}; lihat `signing_keys list`.")


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError("--use-from bukan tanggal ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
