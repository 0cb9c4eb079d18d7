"""SMART Health Cards: published cases, our own cards, and nothing about a person beyond name and birth date."""

import csv
import json
import zlib
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import hcert, qr, shc, uvci
from certificates.facts import DoseFacts
from certificates.trust import KeyRing, TrustedKey
from certificates.verifying import hcert as reading_hcert
from certificates.verifying import shc as reading
from certificates.verifying import verdicts as outcome

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
KID = shc.public_jwk(KEY.public_key())["kid"]
ISSUER = "https://victori.example"
TRUSTED = TrustedKey(KID.encode(), KEY.public_key(), issuer="Penerbit Uji", iss=ISSUER)
FACTS = DoseFacts(
    name="Suparno",
    birth_date=date(1902, 5, 6),
    vaccine_code="COV_INDOVAC",
    vaccine_name="IndoVac",
    manufacturer="PT Bio Farma",
    disease="COVID-19",
    dose_number=1,
    series_doses=2,
    occurred_on=date(2026, 11, 20),
    facility_name="Puskesmas Uji",
    lot_number="UJI-2",
)


def card(facts=FACTS, issuer=ISSUER):
    return shc.issue(
        facts,
        issuer_url=issuer,
        kid=KID,
        uvci=uvci.new_uvci(),
        sign=lambda data: hcert.sign_es256(KEY, data),
        issued_at=NOW,
    )


def verdict(text, *keys, now=NOW):
    return reading.verify(text, KeyRing(keys or [TRUSTED]), now=now).verdict


def claims_of(jws):
    return json.loads(zlib.decompress(shc.unb64url(jws.split(".")[1]), -15))


def test_what_is_not_known_is_left_out_of_the_bundle():
    claims = claims_of(card(FACTS._replace(lot_number="", facility_name="")).text)
    dose = claims["vc"]["credentialSubject"]["fhirBundle"]["entry"][1]["resource"]
    assert not {"lotNumber", "performer"} & set(dose)
    assert verdict(card(FACTS._replace(lot_number="", facility_name="")).text) == "valid"


def test_published_cases(shared_dir):
    data = shared_dir / "certificates/testdata"
    ring = KeyRing(shc.read_jwks(json.loads((data / "shc/issuer-jwks.json").read_text())))
    checked = 0
    with (data / "expected.csv").open() as rows:
        for row in csv.DictReader(rows):
            if not row["file"].startswith("shc/"):
                continue
            checked += 1
            text = (data / row["file"]).read_text()
            if row["verdict"] == "bad-jwks":
                with pytest.raises(shc.BadKeySet):
                    shc.read_jwks(json.loads(text))
            else:
                found = reading.verify(text, ring, now=datetime(2022, 1, 1, tzinfo=UTC)).verdict
                assert (row["file"], found) == (row["file"], row["verdict"])
    assert checked == 14


def test_who_codes_verify_also_with_undefined_values(shared_dir):
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = shared_dir / "certificates/testdata"
    keys = []
    for kid, pem in json.loads((data / "public-keys.json").read_text())["who"].items():
        is_certificate = "CERTIFICATE" in pem
        key = x509.load_pem_x509_certificate(pem.encode()).public_key() if is_certificate else None
        keys.append(TrustedKey(base64.b64decode(kid), key or load_pem_public_key(pem.encode())))
    for name, kind in (("ddcc-vs-1", "vaccination"), ("ddcc-vs-2", "vaccination"), ("sg-pcr-specimen", "test")):
        found = reading_hcert.verify((data / f"who/{name}.txt").read_text(), KeyRing(keys), now=NOW)
        assert (found.verdict, found.format, found.facts["kind"]) == ("valid", "ddcc-vs", kind)


def test_own_card_verifies_in_every_form():
    jws = card().text
    for text in (jws, shc.qr_text(jws), json.dumps({"verifiableCredential": [jws]}), json.dumps(chunks(jws))):
        result = reading.verify(text, KeyRing([TRUSTED]), now=NOW)
        assert result.verdict == outcome.VALID
        assert result.facts["name"] == "Suparno"
        assert result.facts["lot"] == "UJI-2"


def chunks(jws):
    digits = shc.qr_digits(jws)
    half = len(digits) // 4 * 2
    return [f"shc:/2/2/{digits[half:]}", f"shc:/1/2/{digits[:half]}"]


def test_card_of_one_dose_fits_one_small_code():
    jws = card().text
    assert len(jws) < 1195
    assert qr.shc_code(jws).version <= 22


def test_card_names_the_person_by_name_and_birth_date_only():
    bundle = claims_of(card().text)["vc"]["credentialSubject"]["fhirBundle"]
    patient, dose = (entry["resource"] for entry in bundle["entry"])
    assert set(patient) == {"resourceType", "name", "birthDate"}
    assert patient["name"] == [{"family": "Suparno"}]
    assert not {"id", "meta", "text", "identifier"} & set(dose)
    assert dose["patient"] == {"reference": "resource:0"}


@pytest.mark.parametrize(
    ("facts", "coding"),
    [
        (FACTS, [("http://id.who.int/icd/release/11/mms", "XM5JC5")]),
        (
            FACTS._replace(vaccine_code="COV_PFIZER"),
            [("http://hl7.org/fhir/sid/cvx", "208"), ("http://id.who.int/icd/release/11/mms", "XM8NQ0")],
        ),
        (FACTS._replace(vaccine_code="BCG", cvx="19"), [("http://hl7.org/fhir/sid/cvx", "19")]),
        (FACTS._replace(vaccine_code="VAKSIN_BARU"), [(f"{ISSUER}/kode/vaksin", "VAKSIN_BARU")]),
    ],
)
def test_vaccine_is_coded_only_by_codes_that_exist_for_it(facts, coding):
    dose = claims_of(card(facts).text)["vc"]["credentialSubject"]["fhirBundle"]["entry"][1]["resource"]
    assert [(item["system"], item["code"]) for item in dose["vaccineCode"]["coding"]] == coding


def test_key_counts_only_for_the_issuer_it_was_published_under():
    assert verdict(card(issuer="https://palsu.example").text) == outcome.UNKNOWN_KEY


def test_card_from_the_future_and_changed_card_are_refused():
    jws = card().text
    assert verdict(jws, now=NOW - timedelta(minutes=1)) == outcome.NOT_YET_VALID
    head, body, signature = jws.split(".")
    assert verdict(f"{head}.{body}.{signature[:-2]}AA") in {outcome.BAD_SIGNATURE, outcome.BAD_JWS}


def test_bomb_inside_a_card_is_not_inflated():
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = shc.b64url(deflater.compress(b" " * 20_000_000) + deflater.flush())
    head = shc.b64url(json.dumps({"alg": "ES256", "zip": "DEF", "kid": KID}).encode())
    jws = f"{head}.{body}.{shc.b64url(hcert.sign_es256(KEY, f'{head}.{body}'.encode()))}"
    assert verdict(jws) == outcome.BAD_ZLIB


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(), st.from_regex(r"shc:/[0-9/]*"), st.from_regex(r"eyJ[A-Za-z0-9_.-]*"), st.text().map(json.dumps)
    )
)
def test_nothing_raises_on_any_text(text):
    assert verdict(text) in outcome.VERDICTS


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["vc", "type", "entry", "resource", "credentialSubject", "nbf", "exp"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_nothing_raises_on_signed_nonsense(claims):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = shc.b64url(deflater.compress(json.dumps(claims).encode()) + deflater.flush())
    head = shc.b64url(json.dumps({"alg": "ES256", "zip": "DEF", "kid": KID}).encode())
    jws = f"{head}.{body}.{shc.b64url(hcert.sign_es256(KEY, f'{head}.{body}'.encode()))}"
    assert verdict(jws) in outcome.VERDICTS
