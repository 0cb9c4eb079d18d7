"""`pcare_probe`: each thing that can be wrong with an address or an account is named in words that say what to do."""

import io
import json
import re
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from pcare_bridge import probing
from pcare_bridge.client import Credentials
from pcare_bridge.models import FacilityAccount, SatusehatAccount
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_facility

CODES = {"kdPoli": "023", "kdDokter": "000001", "diagnosa": "U11.9 Z24.0"}


def check(simulator: Server, credentials: Credentials, **options: float) -> dict[str, str]:
    """What is wrong, by check."""
    found = probing.probe(simulator.base_url, credentials, CODES, **options)
    return {item.name: item.text for item in found if not item.ok}


def test_a_healthy_address_passes_every_check(simulator: Server, credentials: Credentials) -> None:
    found = probing.probe(simulator.base_url, credentials, CODES)
    assert [item.name for item in found] == ["sambungan", "jam", "akun", "kdPoli", "kdDokter", "kdDiag", "kdDiag"]
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
    assert re.search(r" (59[5-9]|60[0-5]) detik", wrong["jam"])
    assert "NTP" in wrong["akun"]


def test_an_answer_sealed_with_another_key_is_told(simulator: Server, credentials: Credentials) -> None:
    simulator.service.weather.add({"kind": "wrong_timestamp"})
    assert "kunci rahasia salah atau jam" in check(simulator, credentials)["akun"]


def test_nobody_there_and_nobody_answering_are_two_things(simulator: Server, credentials: Credentials) -> None:
    (finding,) = probing.probe("http://127.0.0.1:9", credentials, {})
    assert "tidak dapat dihubungi" in finding.text
    simulator.service.weather.start_outage()
    assert "tidak menjawab" in check(simulator, credentials)["sambungan"]


def test_an_unknown_code_is_named_with_the_known_ones(simulator: Server, credentials: Credentials) -> None:
    found = probing.probe(simulator.base_url, credentials, {"kdPoli": "999", "diagnosa": "A00"})
    texts = [item.text for item in found if not item.ok]
    assert texts[0].endswith("Yang ada: 001, 020, 023.")
    assert "A00 tidak dikenal" in texts[1]


@pytest.mark.django_db
@pytest.mark.usefixtures("exchange")
def test_the_command_fails_when_something_is_wrong_and_checks_satusehat_too(simulator: Server) -> None:
    facility = make_facility()
    add_profiles(facility, "kunjungan", "satusehat")
    out = io.StringIO()
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
    with pytest.raises(CommandError):
        call_command("pcare_probe", "--facility", "tidak-ada")
