"""Check one code from a file and print one JSON line `{"format", "verdict", "facts"}`."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from certificates.trust import KeyRing
from certificates.trust.given import read_keys
from certificates.verifying import verify_text


class Command(BaseCommand):
    help = "Memeriksa satu kode sertifikat; mencetak satu baris JSON."
    # The check of a foreign code against a given certificate needs neither tables nor servers.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--text-file", required=True, type=Path, help="berkas berisi teks kode")
        parser.add_argument("--certificate", type=Path, help="penanda tangan: PEM, DER, base64, JWKS, JSON")
        parser.add_argument("--kid", help="kid dalam base64, untuk kunci publik tanpa sertifikat")
        parser.add_argument("--clock", help="saat pemeriksaan, ISO 8601")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = Path(options["text_file"]).read_bytes()
        except OSError as error:
            raise CommandError(f"Berkas tidak terbaca: {error}") from error
        ring = self._ring(Path(options["certificate"]), options["kid"]) if options["certificate"] else None
        result = verify_text(text, ring=ring, now=self._clock(options["clock"]))
        answer = {"format": result.format, "verdict": result.verdict, "facts": result.facts}
        self.stdout.write(json.dumps(answer, ensure_ascii=False, sort_keys=True))

    def _clock(self, text: str | None) -> datetime | None:
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise CommandError(f"--clock bukan waktu ISO 8601: {text}") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _ring(self, path: Path, kid: str | None) -> KeyRing:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"Sertifikat tidak terbaca: {error}") from error
        try:
            return KeyRing(read_keys(data, kid or ""), pinned=True)
        except ValueError as error:
            raise CommandError(f"Sertifikat tidak dapat dipakai: {error}") from error
