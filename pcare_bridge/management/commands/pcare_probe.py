"""`manage.py pcare_probe`: is the address right, the clock, the account, the codes? Explains what is wrong."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pcare_bridge import conf, probing
from pcare_bridge.channels import client_for
from pcare_bridge.client import PCareClient
from pcare_bridge.fhir_client import FhirClient
from pcare_bridge.models import FacilityAccount, SatusehatAccount, VaccineCode


class Command(BaseCommand):
    help = "Memeriksa sambungan, jam, tanda tangan, akun, dan kode PCare dan SATUSEHAT; keluar 1 bila ada yang salah."

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--facility", help="kode fasilitas di portal")
        whose.add_argument("--all", action="store_true", help="semua fasilitas yang akunnya aktif")
        parser.add_argument("--base-url", default="", help="alamat lain daripada PCARE_BASE_URL")
        parser.add_argument("--json", action="store_true", help="satu baris JSON untuk tiap fasilitas")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = FacilityAccount.objects.select_related("facility").order_by("facility__code")
        code = options["facility"]
        accounts = accounts.filter(facility__code=code) if code else accounts.filter(is_active=True)
        if not accounts:
            raise CommandError("Fasilitas ini tidak punya akun PCare. Tambahkan di /admin/, Akun PCare fasilitas.")
        base_url = options["base_url"] or conf.base_url()
        if not base_url:
            raise CommandError("PCARE_BASE_URL belum diisi. Beri --base-url atau isi pengaturannya.")
        healthy = True
        for account in accounts:
            found = self._findings(account, base_url)
            healthy = healthy and all(item.ok for item in found)
            self._show(account, found, options["json"], named=options["all"])
        if not healthy:
            raise SystemExit(1)

    def _findings(self, account: FacilityAccount, base_url: str) -> list[probing.Finding]:
        client = client_for(account)
        assert isinstance(client, PCareClient)
        found = probing.probe(base_url, client.credentials, self._codes(account))
        return [*found, self._age(account), *self._vaccine_codes(), *self._satusehat(account)]

    def _show(self, account: FacilityAccount, found: list[probing.Finding], as_json: bool, named: bool) -> None:
        if as_json:
            rows = [{"check": item.name, "ok": item.ok, "text": item.text} for item in found]
            result = {"facility": account.facility.code, "ok": all(item.ok for item in found), "checks": rows}
            self.stdout.write(json.dumps(result, ensure_ascii=False))
            return
        if named:
            self.stdout.write(f"{account.facility.code} {account.facility}")
        for item in found:
            self.stdout.write(f"{'BAIK ' if item.ok else 'SALAH'}  {item.name}: {item.text}")

    def _codes(self, account: FacilityAccount) -> probing.Codes:
        if "kunjungan" not in account.profiles:
            return probing.Codes(practitioner=account.practitioner_code)
        own = VaccineCode.objects.exclude(diagnosis_code="").values_list("diagnosis_code", flat=True)
        diagnoses = sorted({*conf.DIAGNOSES.values(), *conf.DIAGNOSES_BY_CATEGORY.values(), *own})
        return probing.Codes(account.clinic_code, account.practitioner_code, tuple(diagnoses))

    def _age(self, account: FacilityAccount) -> probing.Finding:
        """How long the password may still be used; PCare wants a new one every two months."""
        days = (timezone.now() - account.password_changed_at).days
        until = timezone.localdate(account.password_expires_at)
        text = f"Kata sandi PCare berumur {days} hari, berlaku sampai {until:%d-%m-%Y}."
        if not account.password_is_old:
            return probing.Finding("sandi", True, text)
        return probing.Finding("sandi", False, f"{text} Ganti di PCare, lalu di halaman Akun.")

    def _vaccine_codes(self) -> list[probing.Finding]:
        """Invented codes are for trials; at a real service they would name another vaccine, or none."""
        names = list(VaccineCode.objects.filter(is_sample=True).values_list("vaccine__code", flat=True))
        if settings.DEMO or not names:
            return []
        text = f"Kode contoh masih dipakai untuk {', '.join(sorted(names))}. Ganti di /admin/, Kode vaksin PCare."
        return [probing.Finding("kdVaksin", False, text)]

    def _satusehat(self, account: FacilityAccount) -> list[probing.Finding]:
        ministry = SatusehatAccount.objects.filter(facility=account.facility, is_active=True).first()
        if ministry is None or not conf.base_url("satusehat"):
            return []
        client = client_for(ministry)
        assert isinstance(client, FhirClient)
        return probing.probe_satusehat(client, ministry.practitioner_nik)
