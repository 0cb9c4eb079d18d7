"""`pcare_probe`: each thing that can be wrong with an address or an account is named in words that say what to do."""

import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from pcare_bridge import probing
from pcare_bridge.client import Credentials
from pcare_bridge.models import FacilityAccount, SatusehatAccount, VaccineCode
from pcare_bridge.simulator import catalogues
from pcare_bridge.simulator.resources import Resources
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_facility

CODES = probing.Codes("023", "000001", ("U11.9", "Z24.0"))


def check(
    simulator: Server, credentials: Credentials, codes: probing.Codes = CODES, **options: float
) -> dict[str, str]:
    """What is wrong, by check."""
    found = probing.probe(simulator.base_url, credentials, codes, **options)
    return {item.name: item.text for item in found if not item.ok}


def test_a_healthy_address_passes_every_check(simulator: Server, credentials: Credentials) -> None:
    found = probing.probe(simulator.base_url, credentials, CODES)
    assert [item.name for item in found] == [
        "sambungan", "jam", "akun", "kdDokter", "kdPoli", "kdDiag", "kdDiag", "kdSadar", "kdStatusPulang", "kdPrognosa",
        "kdAlergi", "kdAlergi", "kdAlergi",
    ]  # fmt: skip
    assert all(item.ok for item in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secret": "lain"}, "kunci rahasia salah"),
        ({"cons_id": "77777"}, "Cons-id tidak dikenal"),
        ({"user_key": "f" * 32}, "User key ditolak"),
        ({"password": "sandi-kuno"}, "Kata sandi akun PCare salah"),
        ({"username": "siapa"}, "Nama akun PCare tidak dikenal"),
        ({"application_code": "999"}, "Biasanya 095"),
    ],
)
def test_each_part_of_the_account_is_told_apart(
    simulator: Server, credentials: Credentials, changes: dict[str, str], words: str
) -> None:
    wrong = check(simulator, replace(credentials, **changes))
    assert list(wrong) == ["akun"]
    assert words in wrong["akun"]
    assert not any(value in wrong["akun"] for name, value in changes.items() if name != "application_code")


def test_a_clock_that_is_off_is_measured_and_explained(simulator: Server, credentials: Credentials) -> None:
    wrong = check(simulator, credentials, clock_shift=-600)
    assert re.search(r" (5[4-9]\d|60[0-5]) detik", wrong["jam"])
    assert "NTP" in wrong["akun"]


def test_an_answer_sealed_with_another_key_is_told(simulator: Server, credentials: Credentials) -> None:
    simulator.service.weather.add({"kind": "wrong_timestamp"})
    assert "kunci rahasia salah atau jam" in check(simulator, credentials)["akun"]


def test_nobody_there_and_nobody_answering_are_two_things(simulator: Server, credentials: Credentials) -> None:
    (finding,) = probing.probe("http://127.0.0.1:9", credentials, CODES)
    assert "tidak dapat dihubungi" in finding.text
    simulator.service.weather.start_outage()
    assert "tidak menjawab" in check(simulator, credentials)["sambungan"]


def test_an_unknown_code_is_named_with_the_known_ones(simulator: Server, credentials: Credentials) -> None:
    def wrong(codes: probing.Codes) -> list[str]:
        return [item.text for item in probing.probe(simulator.base_url, credentials, codes) if not item.ok]

    assert wrong(probing.Codes("999", "000001", ("A00",))) == [
        "kode poli 999 tidak ada pada daftar fasilitas ini. Yang ada: 020, 023.",
        "kode diagnosis A00 tidak dikenal; tanyakan kode penggantinya kepada kantor cabang BPJS Kesehatan.",
    ]
    (sick,) = wrong(probing.Codes("001", "000001"))
    assert "kunjungan sakit" in sick
    assert wrong(probing.Codes("", "")) == [
        "kode vaksinator belum diisi di halaman Akun.",
        "kode poli belum diisi di halaman Akun.",
    ]


def test_a_code_on_a_later_page_is_found(
    simulator: Server, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"kdDokter": f"{number:06d}", "nmDokter": "TENAGA UJI"} for number in range(1, 251)]
    monkeypatch.setattr(catalogues, "DOCTORS", many)
    simulator.service.resources = Resources(simulator.service.registry, simulator.service.settings)
    assert check(simulator, credentials, codes=probing.Codes(practitioner="000250")) == {}


def test_a_list_that_cannot_be_read_is_no_missing_code(simulator: Server, credentials: Credentials) -> None:
    simulator.service.weather.add({"kind": "html_500", "path": "dokter"})
    wrong = check(simulator, credentials)
    assert list(wrong) == ["kdDokter"]
    assert "tidak dapat diperiksa" in wrong["kdDokter"]


def test_an_address_of_something_else_is_told(simulator: Server, credentials: Credentials) -> None:
    root = simulator.base_url.removesuffix(simulator.service.base_path)
    wrong = {item.name: item.text for item in probing.probe(f"{root}/lain", credentials, CODES) if not item.ok}
    assert "Periksa alamat dasar" in wrong["akun"]
    simulator.service.weather.add({"kind": "html_200"})
    assert "bukan PCare" in check(simulator, credentials)["akun"]
    for address in ("apijkn.contoh.id/pcare-rest", "ftp://contoh.id"):
        (finding,) = probing.probe(address, credentials, CODES)
        assert "mulai dengan https://" in finding.text, address


@pytest.mark.django_db
@pytest.mark.usefixtures("exchange")
def test_the_command_fails_when_something_is_wrong_and_checks_satusehat_too(simulator: Server, settings: Any) -> None:
    settings.DEMO = False  # a trial may use sample codes
    facility = make_facility()
    add_profiles(facility, "kunjungan", "satusehat")
    out = io.StringIO()
    VaccineCode.objects.update(is_sample=False)
    call_command("pcare_probe", "--facility", facility.code, stdout=out)
    assert "SALAH" not in out.getvalue()
    assert "SATUSEHAT memberi token" in out.getvalue()
    SatusehatAccount.objects.update(client_secret="lain")
    FacilityAccount.objects.update(password="lain")
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("pcare_probe", "--facility", facility.code, "--json", stdout=out)
    result = json.loads(out.getvalue())
    assert [item["check"] for item in result["checks"] if not item["ok"]] == ["akun", "satusehat"]
    SatusehatAccount.objects.update(client_secret="uji-rahasia-007", practitioner_nik="0000010101509001")
    FacilityAccount.objects.update(password_changed_at=timezone.now() - timedelta(days=51))
    VaccineCode.objects.update(is_sample=True)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("pcare_probe", "--all", stdout=out)
    text = out.getvalue()
    assert text.startswith(f"{facility.code} {facility}\n")
    assert "SALAH  sandi: Kata sandi PCare berumur 51 hari" in text
    assert "SALAH  kdVaksin: Kode contoh masih dipakai untuk VAKSIN_UJI" in text
    assert "SALAH  vaksinator satusehat: NIK vaksinator tidak dikenal" in text
    assert "BAIK   jam satusehat" in text
    with pytest.raises(CommandError):
        call_command("pcare_probe", "--facility", "tidak-ada")
