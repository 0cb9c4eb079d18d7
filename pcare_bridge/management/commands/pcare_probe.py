"""`manage.py pcare_probe`: is the address right, the clock, the account, the codes? Explains what is wrong."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pcare_bridge import conf, probing
from pcare_bridge.channels import client_for, probe
from pcare_bridge.client import PCareClient
from pcare_bridge.fhir_client import FhirClient
from pcare_bridge.models import FacilityAccount, SatusehatAccount


class Command(BaseCommand):
    help = "Memeriksa sambungan, jam, tanda tangan, akun, dan kode PCare satu fasilitas; keluar 1 bila ada yang salah."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--facility", required=True, help="kode fasilitas di portal")
        parser.add_argument("--base-url", default="", help="alamat lain daripada PCARE_BASE_URL")
        parser.add_argument("--json", action="store_true", help="satu baris JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        account = FacilityAccount.objects.filter(facility__code=options["facility"]).first()
        if account is None:
            raise CommandError("Fasilitas ini tidak punya akun PCare. Tambahkan di /dinkes/pcare/akun/.")
        base_url = options["base_url"] or conf.base_url()
        if not base_url:
            raise CommandError("PCARE_BASE_URL belum diisi. Beri --base-url atau isi pengaturannya.")
        client = client_for(account)
        assert isinstance(client, PCareClient)
        codes = {"kdPoli": account.clinic_code, "kdDokter": account.practitioner_code}
        if "kunjungan" in account.profiles:
            codes["diagnosa"] = " ".join(sorted({*conf.DIAGNOSES.values(), *conf.DIAGNOSES_BY_CATEGORY.values()}))
        found = probing.probe(base_url, client.credentials, codes)
        found += self._satusehat(account)
        if options["json"]:
            rows = [{"check": item.name, "ok": item.ok, "text": item.text} for item in found]
            self.stdout.write(json.dumps({"ok": all(item.ok for item in found), "checks": rows}, ensure_ascii=False))
        else:
            for item in found:
                self.stdout.write(f"{'BAIK ' if item.ok else 'SALAH'}  {item.name}: {item.text}")
        if not all(item.ok for item in found):
            raise SystemExit(1)

    def _satusehat(self, account: FacilityAccount) -> list[probing.Finding]:
        ministry = SatusehatAccount.objects.filter(facility=account.facility, is_active=True).first()
        if ministry is None or not conf.base_url("satusehat"):
            return []
        client = client_for(ministry)
        assert isinstance(client, FhirClient)
        error, _pause = probe(client)
        if error is None:
            return [probing.Finding("satusehat", True, "SATUSEHAT memberi token untuk organisasi ini.")]
        named = error.about("SATUSEHAT")
        return [probing.Finding("satusehat", False, f"{named.sentence} {named.todo}")]
