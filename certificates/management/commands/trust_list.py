"""Lists of foreign keys: make one, take a copy, see what it changes, say yes or no."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from certificates.trust import importing
from certificates.trust.lists.entries import ListRefused
from certificates.trust.lists.proofs import read_signer
from certificates.trust.models import TrustEdition, TrustList


class Command(BaseCommand):
    help = "Daftar kunci asing: add, import, show, confirm, discard, list."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="daftar baru")
        add.add_argument("name")
        add.add_argument("--kind", required=True, choices=TrustList.Kind.values)
        add.add_argument("--scope", default=TrustList.Scope.INTERNATIONAL, choices=TrustList.Scope.values)
        add.add_argument("--address", default="", help="https://…; kosong bila daftar datang sebagai berkas")
        add.add_argument("--signer-file", type=Path, help="PEM atau JWK penanda tangan daftar, dari sumber resmi")
        add.add_argument("--iss", default="", help="alamat satu penerbit SMART Health Card")
        take = actions.add_parser("import", help="ambil salinan; belum ada yang berlaku")
        take.add_argument("name")
        take.add_argument("--file", type=Path, help="berkas; tanpa ini diambil dari alamat daftar")
        for name, text in (("show", "lihat perubahan"), ("discard", "buang salinan")):
            actions.add_parser(name, help=text).add_argument("edition", type=int)
        confirm = actions.add_parser("confirm", help="setujui salinan: kuncinya berlaku")
        confirm.add_argument("edition", type=int)
        confirm.add_argument("--digest", default="", help="SHA-256 dari sumber lain; wajib bila tidak bertanda tangan")
        actions.add_parser("list", help="semua daftar")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except (ValidationError, ListRefused) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from error
        except (TrustList.DoesNotExist, TrustEdition.DoesNotExist) as error:
            raise CommandError("Tidak ada; lihat `trust_list list`.") from error
        except OSError as error:
            raise CommandError(f"Berkas tidak terbaca: {error}") from error

    def _add(self, options: dict[str, Any]) -> None:
        signer = options["signer_file"].read_text() if options["signer_file"] else ""
        if signer:
            read_signer(signer)
        row = TrustList(
            name=options["name"],
            kind=options["kind"],
            scope=options["scope"],
            address=options["address"],
            iss=options["iss"],
            signer=signer,
            formats=list(importing.FORMATS[options["kind"]]),
        )
        row.full_clean()
        row.save()
        self.stdout.write(f"daftar {row.pk}: {row.name}; ambil salinan dengan `trust_list import`")

    def _import(self, options: dict[str, Any]) -> None:
        row = TrustList.objects.get(name=options["name"])
        path = options["file"]
        edition = importing.take(row, path.read_bytes(), origin=path.name) if path else importing.fetch(row)
        self._tell(edition)

    def _show(self, options: dict[str, Any]) -> None:
        self._tell(TrustEdition.objects.select_related("trust_list").get(pk=options["edition"]))

    def _confirm(self, options: dict[str, Any]) -> None:
        digest = TrustEdition.objects.values_list("digest", flat=True).get(pk=options["edition"])
        edition = importing.confirm(options["edition"], by=None, compared=options["digest"].lower() == digest)
        self.stdout.write(f"disetujui: {edition.trust_list}, {len(edition.entries)} kunci berlaku")

    def _discard(self, options: dict[str, Any]) -> None:
        edition = importing.discard(options["edition"], by=None)
        self.stdout.write(f"dibuang: {edition.trust_list}, tidak ada yang berubah")

    def _list(self, options: dict[str, Any]) -> None:
        for row in TrustList.objects.order_by("name"):
            count = row.keys.filter(withdrawn_at=None).count()
            mark = "dipakai" if row.is_active else "tidak dipakai"
            self.stdout.write(f"{row.kind:<6} {row.scope:<13} {count:>5} kunci  {mark}  {row.name}")

    def _tell(self, edition: TrustEdition) -> None:
        """One JSON line, for operators and for checks."""
        self.stdout.write(
            json.dumps(
                {
                    "edition": edition.pk,
                    "list": edition.trust_list.name,
                    "origin": edition.origin,
                    "fetched_at": edition.fetched_at.isoformat(),
                    "issued_at": edition.issued_at.isoformat() if edition.issued_at else None,
                    "sha256": edition.digest,
                    "proof": edition.proof,
                    "status": edition.status,
                    "added": edition.diff["added"],
                    "removed": edition.diff["removed"],
                    "kept": edition.diff["kept"],
                    "left_out": edition.left_out,
                },
                ensure_ascii=False,
            )
        )
