"""Our codes before verifiers that other people wrote (`make interop`): theirs accept ours, and no spoilt copy.

They are never shipped and never linked: each runs as a process of its own, from an environment of its own.
"""

import hmac
import json
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import cbor2
import deflate
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client

from certificates import base45, hcert, services, shc, wellknown
from certificates.models import Certificate
from tests.certificates.doses import make_dose, make_vaccine

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-interop" / "bin" / "python"
PACKAGES = ROOT / ".venv-interop" / "npm" / "node_modules"
READERS = ROOT / "tests" / "interop"
STRANGER = ec.generate_private_key(ec.SECP256R1())
EU, WHO = "eu", "who"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="pembaca pihak lain tidak terpasang: jalankan make interop (perlu indeks paket)"
    ),
]


@pytest.fixture
def certificates(settings: Any) -> dict[str, Certificate]:
    """One with the code of the EU, one with that of the WHO; both with a health card."""
    settings.CERTIFICATES_WHO_DVC = True
    make_vaccine("COV_INAVAC", name="Inavac", short_name="Inavac", kfa_products=["93028077"])
    return {EU: services.issue(make_dose().pk), WHO: services.issue(make_dose(vaccine="COV_INAVAC").pk)}


@pytest.fixture
def given(certificates: dict[str, Certificate], client: Client) -> dict[str, Any]:
    """Codes, spoilt copies of them, and the keys as the portal publishes them."""
    for page in wellknown.PAGES.values():
        page.clear()  # the lists of the test before
    listed = client.get("/.well-known/dsc.json").json()["certificates"]
    good_hc1, good_shc = certificates[EU].hc1, certificates[EU].shc
    return {
        "signers": {row["kid"]: pem(row["rawData"]) for row in listed if row["purpose"] in ("dcc", "dvc")},
        "jwks": client.get("/.well-known/jwks.json").json(),
        "hc1": {name: row.hc1 for name, row in certificates.items()} | spoilt_hc1(good_hc1),
        "shc": {name: row.shc for name, row in certificates.items()} | spoilt_shc(good_shc),
    }


def pem(raw: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n"


def spoilt_hc1(text: str) -> dict[str, str]:
    """Copies that no reader may accept, by what was done to them."""
    protected, unprotected, payload, signature = cbor2.loads(
        zlib.decompress(base45.decode(text.removeprefix(hcert.PREFIX)))
    ).value
    header = cbor2.loads(protected)

    def made(head: dict[int, Any], body: bytes, sealed: bytes) -> str:
        message = cbor2.CBORTag(hcert.COSE_SIGN1_TAG, [cbor2.dumps(head), unprotected, body, sealed])
        return hcert.PREFIX + base45.encode(deflate.zlib_compress(cbor2.dumps(message), hcert.LEVEL))

    def by_stranger(head: dict[int, Any]) -> str:
        return made(head, payload, hcert.sign_es256(STRANGER, hcert.to_be_signed(cbor2.dumps(head), payload)))

    assert made(header, payload, signature) == text  # what follows differs by what it says and by nothing else
    assert b'"dn":' not in payload
    assert payload.count(b"bdn\x01") == 1
    unknown = header | {hcert.KID: bytes(8)}
    return {
        "payload": made(header, payload.replace(b"bdn\x01", b"bdn\x02"), signature),
        "signature": made(header, payload, signature[:-1] + bytes([signature[-1] ^ 1])),
        "signature emptied": made(header, payload, bytes(64)),
        "kid": made(unknown, payload, signature),
        "kid of nobody, signed by a stranger": by_stranger(unknown),
        "our kid, signed by a stranger": by_stranger(header),
        "algorithm PS256": made(header | {hcert.ALG: hcert.PS256}, payload, signature),
        "algorithm ES384": made(header | {hcert.ALG: -35}, payload, signature),
    }


def spoilt_shc(token: str) -> dict[str, str]:
    """The same for a health card."""
    head, body, signature = token.split(".")
    header = json.loads(shc.unb64url(head))
    sealed = shc.unb64url(signature)
    claims = zlib.decompress(shc.unb64url(body), -15)

    def encoded(value: dict[str, Any]) -> str:
        return shc.b64url(json.dumps(value, separators=(",", ":")).encode())

    def by_stranger(value: dict[str, Any]) -> str:
        signed = f"{encoded(value)}.{body}"
        return f"{signed}.{shc.b64url(hcert.sign_es256(STRANGER, signed.encode()))}"

    assert encoded(header) == head
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    other = shc.b64url(deflater.compress(claims.replace(b"completed", b"not-done ")) + deflater.flush())
    unknown = header | {"kid": shc.public_jwk(STRANGER.public_key())["kid"]}
    sealed_by_name = f"{encoded(header | {'alg': 'HS256'})}.{body}"
    secret = header["kid"].encode()  # what anybody may read, used as if it were a secret
    return {
        "payload": f"{head}.{other}.{signature}",
        "signature": f"{head}.{body}.{shc.b64url(sealed[:-1] + bytes([sealed[-1] ^ 1]))}",
        "signature emptied": f"{head}.{body}.{shc.b64url(bytes(64))}",
        "kid": f"{encoded(unknown)}.{body}.{signature}",
        "kid of nobody, signed by a stranger": by_stranger(unknown),
        "our kid, signed by a stranger": by_stranger(header),
        "algorithm ES384": f"{encoded(header | {'alg': 'ES384'})}.{body}.{signature}",
        "algorithm none": f"{encoded(header | {'alg': 'none'})}.{body}.",
        "algorithm HS256": f"{sealed_by_name}.{shc.b64url(hmac.digest(secret, sealed_by_name.encode(), 'sha256'))}",
    }


def asked(command: list[str | Path], given: dict[str, Any], **environment: str) -> dict[str, Any]:
    """What a reader in its own process says to all codes."""
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/bin:/bin"} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def assert_only_ours(said: dict[str, Any], codes: dict[str, str]) -> None:
    """Both good codes were read, and each spoilt one refused."""
    assert set(said) == set(codes)
    assert {name for name, answer in said.items() if "refused" not in answer} == {EU, WHO}, said
    assert all(answer["refused"].strip(": ") for name, answer in said.items() if name not in (EU, WHO))


def dose_of(read: dict[str, Any]) -> dict[str, Any]:
    """The one dose of a health card."""
    _patient, dose = read["vc"]["credentialSubject"]["fhirBundle"]["entry"]
    return dose["resource"]


def test_cwt_and_jwcrypto_accept_ours_and_no_spoilt_copy(
    given: dict[str, Any], certificates: dict[str, Certificate]
) -> None:
    said = asked([PYTHON, READERS / "read_certificates.py"], given)
    assert_only_ours(said["cwt"], given["hc1"])
    assert said["cwt"][EU]["read"]["1"]["v"][0]["ci"] == certificates[EU].uvci
    assert said["cwt"][WHO]["read"]["-6"]["v"][0]["bo"] == certificates[WHO].facts["lot_number"]
    assert_only_ours(said["jwcrypto"], given["shc"])
    for name in (EU, WHO):
        assert dose_of(said["jwcrypto"][name]["read"])["lotNumber"] == certificates[name].facts["lot_number"]


def test_dcc_utils_and_node_jose_accept_ours_and_no_spoilt_copy(
    given: dict[str, Any], certificates: dict[str, Certificate]
) -> None:
    node = shutil.which("node")
    if not node or not PACKAGES.exists():
        pytest.skip("pembaca npm tidak terpasang: pasang nodejs dan npm, lalu jalankan make interop")
    said = asked([node, READERS / "read_certificates.cjs"], given, NODE_PATH=str(PACKAGES))
    assert_only_ours(said["dcc-utils"], given["hc1"])
    assert said["dcc-utils"][EU]["read"]["v"][0]["ci"] == certificates[EU].uvci
    assert said["dcc-utils"][WHO]["read"] == "signature only"  # it knows only the EU's content
    assert_only_ours(said["node-jose"], given["shc"])
    for name in (EU, WHO):
        assert dose_of(said["node-jose"][name]["read"])["lotNumber"] == certificates[name].facts["lot_number"]
