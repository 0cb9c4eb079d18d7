"""Clients that other people wrote speak to the simulator, from an environment of their own (`make interop`)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from pcare_bridge.simulator.visits import add_participant

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-interop" / "bin" / "python"
NIK = "9974010101509001"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="klien umum tidak terpasang: jalankan make interop (perlu indeks paket Python)"
)


@pytest.fixture
def said(simulator: Server) -> dict[str, Any]:
    """What the foreign clients got."""
    username, password = defaults.account(defaults.provider_code(7))
    add_participant(simulator.service.registry, {"noKTP": NIK, "nama": "WARGA UJI ꦱꦼꦩꦫꦁ"})
    root = simulator.base_url.removesuffix(simulator.service.base_path)
    given = {
        "nik": NIK,
        "pcare": {
            "host": simulator.base_url, "consid": defaults.CONS_ID, "secret": defaults.SIGNING_KEY,
            "user_key": defaults.USER_KEY, "username": username, "password": password,
            "application": defaults.APPLICATION_CODE,
        },
        "satusehat": defaults.satusehat(7) | {"oauth": f"{root}/oauth2/v1", "fhir": f"{root}/fhir-r4/v1"},
    }  # fmt: skip
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("foreign_client.py")], input=json.dumps(given), capture_output=True,
        text=True, timeout=180, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_foreign_clients_register_and_read(said: dict[str, Any], simulator: Server) -> None:
    pcare = said["pcare"]
    assert pcare["without_authorization"]["metaData"] == {"code": 401, "message": "Header X-authorization tidak ada"}
    assert pcare["wrong_secret"]["metaData"] == {"code": 401, "message": "Signature tidak sesuai"}
    person = pcare["person"]["response"]
    assert person == simulator.service.registry.tables["peserta"][NIK]
    assert pcare["registered"] == {
        "metaData": {"code": 201, "message": "CREATED"}, "response": {"field": "noUrut", "message": "A1"},
    }  # fmt: skip
    assert (pcare["again"]["metaData"]["code"], pcare["again"]["response"]["field"]) == (412, "noKartu")
    (item,) = pcare["listed"]["response"]["list"]
    assert (item["noUrut"], item["peserta"]) == ("A1", person)
    (stored,) = simulator.service.registry.tables["Immunization"].values()
    assert said["satusehat"]["found"] == said["satusehat"]["dose"] == stored
    assert "20002" in said["satusehat"]["refused"]
