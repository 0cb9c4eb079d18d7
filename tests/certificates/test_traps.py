"""The traps of FORMATS, one test each; every one fails when its guard is taken out."""

import json
import zlib
from datetime import timedelta

import base45
import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from certificates import dcc, hcert, uvci
from certificates.shc import b64url
from certificates.trust.keys import KeyRing, TrustedKey, read_certificate
from certificates.verifying import divoc, dvc, verify_text
from tests.certificates import lists, makers
from tests.certificates.inbrowser import as_browser, case
from tests.certificates.test_hcert import FACTS, KEY, KID, NOW, TRUSTED, pack, signed

DVC = {
    "n": "Warga Uji",
    "dob": "1990-01-02",
    "v": [{"vp": "PolioVaccineOralOPVBivalProductUJI", "dt": "2026-01-05", "bo": "UJI-1", "is": "Puskesmas Uji"}],
}


_pages = []


@pytest.fixture(autouse=True, scope="module")
def _in_the_browser_too(in_browser):
    _pages.append(in_browser)
    yield
    _pages.clear()


def check(text, *keys, now=NOW, pinned=False):
    """The server's answer, which the page must give as well."""
    keys = keys or [TRUSTED]
    outcome = verify_text(text, ring=KeyRing(keys, pinned=pinned), now=now)
    assert _pages[0].answers([case(text, keys, now, pinned=pinned)]) == [as_browser(outcome)]
    return outcome


def opened(text):
    return list(cbor2.loads(zlib.decompress(base45.b45decode(text[4:]))).value)


# --- HC1 -----------------------------------------------------------------------------------------------------------


def test_kid_only_in_the_unprotected_header_is_found_and_the_protected_one_wins():
    payload = opened(signed().text)[2]

    def code(protected, unprotected):
        head = cbor2.dumps(protected)
        signature = hcert.sign_es256(KEY, hcert.to_be_signed(head, payload))
        return pack(cbor2.dumps([head, unprotected, payload, signature]))

    assert check(code({1: -7}, {4: KID})).verdict == "valid"
    assert check(code({1: -7, 4: KID}, {4: b"otherkid"})).verdict == "valid"
    assert check(code({1: -7, 4: b"otherkid"}, {4: KID})).verdict == "unknown-key"
    # An algorithm outside the signature may not overrule the signed one.
    assert check(code({1: -37, 4: KID}, {1: -7})).verdict == "bad-signature"


def test_several_certificates_with_one_kid_are_all_tried():
    strangers = [TrustedKey(KID, ec.generate_private_key(ec.SECP256R1()).public_key()) for _ in range(3)]
    assert check(signed().text, *strangers, TRUSTED).verdict == "valid"
    assert check(signed().text, *strangers).verdict == "bad-signature"


@pytest.mark.parametrize("number", [-7, -35, -36, -8, -257, -37, 0, None, True, "ES256", -7.0])
def test_algorithm_is_bound_to_the_key(number):
    """Only the algorithm of the key at hand may be named, whatever would verify."""
    payload = opened(signed().text)[2]
    head = cbor2.dumps({1: number, 4: KID})
    text = pack(cbor2.dumps([head, {}, payload, hcert.sign_es256(KEY, hcert.to_be_signed(head, payload))]))
    assert check(text).verdict == ("valid" if number == -7 and type(number) is int else "bad-signature")


@pytest.mark.parametrize(("bits", "verdict"), [(1024, "bad-signature"), (2048, "valid"), (3072, "valid")])
def test_rsa_signs_with_ps256_and_a_long_enough_key(bits, verdict):
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    payload, head = opened(signed().text)[2], cbor2.dumps({1: -37, 4: KID})
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    signature = key.sign(hcert.to_be_signed(head, payload), pss, hashes.SHA256())
    text = pack(cbor2.dumps([head, {}, payload, signature]))
    assert check(text, TrustedKey(KID, key.public_key())).verdict == verdict
    assert check(text).verdict == "bad-signature"  # under a key on P-256


def test_keys_of_another_family_sign_nothing():
    for family, verdict in (("shc", "unknown-key"), ("divoc", "unknown-key"), ("hcert", "valid")):
        assert check(signed().text, TrustedKey(KID, KEY.public_key(), family=family)).verdict == verdict


def test_signature_as_der_is_refused_for_hc1():
    protected, _unprotected, payload, _raw = opened(signed().text)
    signature = KEY.sign(hcert.to_be_signed(protected, payload), ec.ECDSA(hashes.SHA256()))
    assert check(pack(cbor2.dumps([protected, {}, payload, signature]))).verdict == "bad-signature"


def test_certificates_that_break_strict_der_are_read_tolerantly(shared_dir):
    case = json.loads((shared_dir / "certificates/testdata/dcc/common/CO15.json").read_text())
    import base64

    from cryptography import x509

    der = base64.b64decode(case["TESTCTX"]["CERTIFICATE"])
    with pytest.raises(ValueError):
        x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    key = read_certificate(der)
    assert (key.usages, key.not_before is not None) == (frozenset(), True)


def test_key_for_one_kind_may_not_sign_another():
    for usages, verdict in (("t", "wrong-key-usage"), ("tr", "wrong-key-usage"), ("v", "valid"), ("", "valid")):
        key = TrustedKey(KID, KEY.public_key(), usages=frozenset(usages))
        assert check(signed().text, key).verdict == verdict
        assert check(signed({hcert.DVC: DVC}).text, key).verdict == verdict
    card_only = TrustedKey(KID, KEY.public_key(), formats=frozenset({"ddcc-vs"}))
    assert check(signed().text, card_only).verdict == "wrong-key-usage"


def test_value_set_is_another_verdict_than_schema_and_comes_after_it():
    content = cbor2.loads(dcc.build(FACTS, uvci.new_uvci()))
    content["v"][0]["mp"] = "Vaksin-Rekaan"
    found = check(signed({hcert.EU_DCC: content}).text)
    assert (found.verdict, found.facts["product"]) == ("bad-valueset", "Vaksin-Rekaan")
    content["v"][0]["dn"] = "1"
    found = check(signed({hcert.EU_DCC: content}).text)
    assert (found.verdict, found.facts) == ("bad-schema", {})
    content["v"][0] |= {"dn": 1, "mp": "CoronaVac", "dt": "2026-11-20\n"}
    assert check(signed({hcert.EU_DCC: content}).text).verdict == "bad-schema"


@pytest.mark.parametrize("subclaims", [{2: DVC}, {-1: DVC}, {5: {"url": "x"}}, {1000: {"v": [1]}}, {}])
def test_unknown_subclaim_is_never_shown_as_vaccinated(subclaims):
    found = check(signed(subclaims).text)
    assert (found.verdict, found.format, found.facts) == ("valid", "hcert-other", {"kind": "unknown"})


def test_test_result_is_never_shown_as_vaccinated():
    content = {"name": "Warga Uji", "vaccine": {"code": "X"}, "test": {"type": "PCR", "result": {"display": "Negatif"}}}
    assert check(signed({hcert.DDCC_VS: content}).text).facts["kind"] == "test"


def test_revocation_comes_after_the_signature_and_before_the_content():
    content = cbor2.loads(dcc.build(FACTS, uvci.new_uvci()))
    del content["v"][0]["dt"]
    from certificates.verifying import hcert as reading

    text, ring = signed({hcert.EU_DCC: content}).text, KeyRing([TRUSTED])
    assert reading.verify(text, ring, now=NOW, is_revoked=lambda _code: True).verdict == "revoked"
    assert reading.verify(text, ring, now=NOW + timedelta(days=99), is_revoked=lambda _code: True).verdict == "expired"
    assert reading.verify(text, KeyRing(), now=NOW, is_revoked=lambda _code: True).verdict == "unknown-key"


# --- WHO DVC -------------------------------------------------------------------------------------------------------


def test_dvc_of_the_known_mapping_is_read():
    found = check(signed({hcert.DVC: DVC}).text)
    assert (found.verdict, found.format) == ("valid", "who-dvc")
    assert found.facts == {
        "kind": "vaccination", "name": "Warga Uji", "birth_date": "1990-01-02", "date": "2026-01-05", "lot": "UJI-1",
        "vaccine": "PolioVaccineOralOPVBivalProductUJI", "certificate_issuer": "Puskesmas Uji",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"nt": "ID"}, {"vx": []}, {"n": ""}, {"n": None}, {"n": "x" * 301}, {"dob": 1990}, {"v": []}, {"v": [1]},
        {"v": [DVC["v"][0]] * 21}, {"v": [{**DVC["v"][0], "xx": "1"}]}, {"v": [{"vp": "x", "dt": "2026-01-05"}]},
        {"v": [{"vp": "x", "dt": "2026-01-05", "bo": "b"}]},
    ],
)  # fmt: skip
def test_dvc_of_any_other_mapping_is_refused_not_guessed(change):
    content = DVC | change
    found = check(signed({hcert.DVC: content}).text)
    assert (found.verdict, found.facts) == ("bad-schema", {})
    assert not dvc.recognised({key: value for key, value in DVC.items() if key != next(iter(DVC))})


# --- DIVOC ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [makers.RSA, makers.ED])
def test_divoc_is_read_with_its_notes(key):
    found = check(makers.divoc(key=key), makers.divoc_key(key))
    assert (found.verdict, found.format, found.issuer) == ("valid", "divoc", "Penerbit Uji")
    assert found.facts["name"] == "Warga Uji"
    assert found.notes == ("revocation-not-checked", divoc.ROLES_NOT_SIGNED)


def _spoil(where, **fields):
    def change(document):
        target = document["evidence"][0] if where == "evidence" else document[where] if where else document
        target |= fields

    return change


UNDEFINED = [
    ("credentialSubject", {"dob": "1950-01-01"}),
    ("credentialSubject", {"nik": "1"}),
    ("evidence", {"boosterDose": 3}),
    ("evidence", {"disease": "Polio"}),
    ("", {"disease": "Polio"}),
]


@pytest.mark.parametrize(("where", "fields"), UNDEFINED)
def test_divoc_with_a_term_no_context_defines_is_refused(where, fields):
    """Such a term is dropped before hashing: the signature holds, and covers it not at all."""
    found = check(makers.divoc(spoil=_spoil(where, **fields)), makers.divoc_key())
    assert (found.verdict, found.facts) == ("bad-signature", {})


def test_published_specimen_with_an_added_birth_date_is_refused(shared_dir):
    import base64
    import io
    import zipfile

    from tests.certificates import worldcodes

    row = next(row for row in worldcodes.rows(shared_dir) if "india" in row.file)
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(row.text.strip()[4:])))
    document = json.loads(archive.read("certificate.json"))
    assert verify_text(makers.zipped(json.dumps(document)), ring=row.ring, now=row.now).verdict == "valid"
    document["credentialSubject"]["dob"] = "1950-01-01"
    assert verify_text(makers.zipped(json.dumps(document)), ring=row.ring, now=row.now).verdict == "bad-signature"


def test_divoc_whose_subject_has_no_absolute_address_is_refused():
    """A subject with a relative name vanishes in canonicalisation, and everything said of it goes unsigned."""
    document = makers.credential(subject={"id": "872550100V"})
    found = check(makers.divoc(document, spoil=_spoil("credentialSubject", name="Orang Lain")), makers.divoc_key())
    assert found.verdict == "bad-signature"
    assert check(makers.divoc(document), makers.divoc_key()).verdict == "bad-signature"


def test_divoc_with_an_undefined_type_or_an_unknown_context_is_refused():
    undefined = makers.credential(subject={"type": ["Person", "Rekaan"]})
    assert check(makers.divoc(undefined), makers.divoc_key()).verdict == "bad-signature"
    elsewhere = makers.credential()
    elsewhere["@context"] = [*elsewhere["@context"], "https://palsu.example/context"]
    assert check(makers.divoc(elsewhere), makers.divoc_key()).verdict == "bad-json"
    for strange in ([[]], [{}, 1], "https://www.w3.org/2018/credentials/v1", {}, None, [None, {}]):
        assert (
            check(makers.zipped(json.dumps(makers.credential() | {"@context": strange, "proof": {}}))).verdict
            == "bad-json"
        )
    inline = makers.credential()
    inline["@context"] = [*inline["@context"], {"dob": "https://schema.org/name"}]
    assert check(makers.divoc(inline), makers.divoc_key()).verdict == "bad-json"


@pytest.mark.parametrize("name", ["credentialSubject", "evidence"])
def test_divoc_with_a_changed_value_is_refused(name):
    field = {"credentialSubject": {"name": "Orang Lain"}, "evidence": {"vaccine": "LAIN"}}[name]
    assert check(makers.divoc(spoil=_spoil(name, **field)), makers.divoc_key()).verdict == "bad-signature"


def test_divoc_algorithm_is_bound_to_the_key_and_to_the_proof():
    assert check(makers.divoc(key=makers.ED), makers.divoc_key(makers.RSA)).verdict == "bad-signature"
    assert check(makers.divoc(alg="RS256"), makers.divoc_key()).verdict == "bad-signature"
    assert check(makers.divoc(proof_type="Ed25519Signature2018"), makers.divoc_key()).verdict == "bad-signature"
    assert check(makers.divoc(method="did:lain"), makers.divoc_key()).verdict == "unknown-key"
    other = TrustedKey(b"did:uji", makers.RSA.public_key(), family="hcert")
    assert check(makers.divoc(), other).verdict == "unknown-key"


def test_divoc_fields_of_one_meaning_are_read_cautiously():
    """dose and totalDoses are one term to the issuer's context: swapping them breaks no signature."""

    def swap(document):
        evidence = document["evidence"][0]
        evidence["dose"], evidence["totalDoses"] = evidence["totalDoses"], evidence["dose"]
        evidence["date"], evidence["effectiveUntil"] = evidence["effectiveUntil"], evidence["date"]

    found = check(makers.divoc(spoil=swap), makers.divoc_key())
    assert found.verdict == "valid"  # a property of the format, not of this reader
    assert (found.facts["dose"], found.facts["date"][:10]) == ("1/2", "2021-03-03")
    assert divoc.ROLES_NOT_SIGNED in found.notes


def test_divoc_that_is_no_vaccination_is_not_shown_as_one():
    several = makers.credential()
    several["evidence"] = several["evidence"] * 2
    assert check(makers.divoc(several), makers.divoc_key()).verdict == "bad-schema"


# --- VDS-NC --------------------------------------------------------------------------------------------------------


def test_seal_is_read_through_its_chain():
    found = check(makers.seal(), makers.csca_key(), now=makers.NOW)
    assert (found.verdict, found.format, found.issuer) == ("valid", "vds-nc", "CSCA Uji")
    assert (found.facts["dose"], found.facts["date"], found.facts["doses_on_card"]) == ("2", "2021-12-15", "2")


def _rename(data):
    data["msg"]["pid"]["n"] = "ORANG LAIN"


def test_seal_that_nobody_vouches_for_shows_nothing():
    self_made = lists.certificate(makers.SEAL_KEY, "Siapa Saja")
    found = check(makers.seal(cert=self_made), makers.csca_key(), now=makers.NOW)
    assert (found.verdict, found.trust, found.facts) == ("unknown-key", "unlisted", {})
    claims_it = makers.seal_certificate(issuer=(makers.SEAL_KEY, makers.CSCA))
    found = check(makers.seal(cert=claims_it), makers.csca_key(), now=makers.NOW)
    assert (found.verdict, found.trust, found.facts) == ("bad-signature", "", {})


def test_seal_changed_or_signed_by_another_key_is_refused():
    assert check(makers.seal(spoil=_rename), makers.csca_key(), now=makers.NOW).verdict == "bad-signature"
    other = ec.generate_private_key(ec.SECP256R1())
    assert check(makers.seal(key=other), makers.csca_key(), now=makers.NOW).verdict == "bad-signature"
    assert check(makers.seal(alg="ES384"), makers.csca_key(), now=makers.NOW).verdict == "bad-signature"


def test_signer_of_seals_needs_the_usage_and_the_document_type():
    for options in ({"usage": "1.3.6.1.5.5.7.3.1"}, {"types": ("NT",)}):
        text = makers.seal(cert=makers.seal_certificate(**options))
        assert check(text, makers.csca_key(), now=makers.NOW).verdict == "wrong-key-usage"


def test_only_an_authority_vouches_for_a_signer():
    document_signer = lists.certificate(makers.CSCA_KEY, "CSCA Uji")  # same key and name, no authority
    assert check(makers.seal(), makers.csca_key(document_signer), now=makers.NOW).verdict == "bad-signature"


def test_seal_of_an_expired_signer_is_expired():
    text = makers.seal(cert=makers.seal_certificate(days=2))
    assert check(text, makers.csca_key(), now=makers.NOW).verdict == "valid"
    assert check(text, makers.csca_key(), now=makers.NOW + timedelta(days=4)).verdict == "expired"
    assert check(text, makers.csca_key(), now=makers.NOW - timedelta(days=30)).verdict == "not-yet-valid"


def test_name_given_twice_in_json_is_refused():
    text = makers.seal().replace('"n": "UJI WARGA"', '"n": "ORANG LAIN", "n": "UJI WARGA"')
    assert check(text, makers.csca_key(), now=makers.NOW).verdict == "bad-json"


# --- SMART Health Cards --------------------------------------------------------------------------------------------

CARD_KEY = TrustedKey(b"kartu", KEY.public_key(), family="shc")


def card(claims):
    """Any claims as a signed card."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b64url(deflater.compress(json.dumps(claims).encode()) + deflater.flush())
    head = b64url(json.dumps({"alg": "ES256", "zip": "DEF", "kid": "kartu"}).encode())
    return f"{head}.{body}.{b64url(hcert.sign_es256(KEY, f'{head}.{body}'.encode()))}"


def test_dose_that_was_not_given_is_not_shown_as_vaccination():
    claims = {
        "iss": "https://uji.example",
        "vc": {
            "type": ["https://smarthealth.cards#health-card"],
            "credentialSubject": {
                "fhirBundle": {
                    "entry": [
                        {
                            "resource": {
                                "resourceType": "Patient",
                                "name": [{"family": "Uji"}],
                                "birthDate": "1990-01-02",
                            }
                        },
                        {"resource": {"resourceType": "Immunization", "status": "not-done"}},
                    ]
                }
            },
        },
    }
    assert check(card(claims), CARD_KEY).facts["kind"] == "other"
    claims["vc"]["credentialSubject"]["fhirBundle"]["entry"].pop(0)
    assert check(card(claims), CARD_KEY).facts == {"kind": "unknown"}


@pytest.mark.parametrize(
    "chunks",
    [
        ["shc:/1/2/5676"],
        ["shc:/1/2/5676", "shc:/1/2/5676"],
        ["shc:/1/2/56", "shc:/2/3/76"],
        ["shc:/0/1/56"],
        ["shc:/1/99/56"],
    ],
)
def test_chunks_that_do_not_belong_together_are_refused(chunks):
    assert check("\n".join(chunks)).verdict == "bad-qr"
    assert check(json.dumps(chunks)).verdict == "bad-qr"
