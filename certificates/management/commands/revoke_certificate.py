"""Revoke the certificate of one dose from the shell, in the name of a member of staff."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from certificates import revoking
from certificates.models import Certificate


class Command(BaseCommand):
    help = "Mencabut sertifikat satu dosis dengan alasan; tanpa --yes hanya menyebut apa yang akan dicabut."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("uvci", help="nomor sertifikat (URN:UVCI:...)")
        parser.add_argument("--reason", required=True, choices=[reason.value for reason in revoking.BY_HAND])
        parser.add_argument("--note", required=True, help="keterangan untuk catatan pembacaan")
        parser.add_argument("--by", required=True, help="nama pengguna petugas yang memutuskan")
        parser.add_argument("--yes", action="store_true", help="sungguh mencabut")

    def handle(self, *args: Any, **options: Any) -> None:
        certificate = Certificate.objects.filter(uvci=options["uvci"]).first()
        if certificate is None:
            raise CommandError("Nomor sertifikat itu tidak ada.")
        actor = User.objects.filter(username=options["by"], is_active=True).first()
        if actor is None:
            raise CommandError("Petugas dengan nama pengguna itu tidak ada atau tidak aktif.")
        if not options["yes"]:
            self.stdout.write(
                f"akan dicabut: {certificate.uvci} ({certificate.get_status_display()}); ulangi dengan --yes"
            )
            return
        revoking.revoke(certificate.immunization_id, reason=options["reason"], note=options["note"], actor=actor)
        self.stdout.write(f"dicabut: {certificate.uvci}")
