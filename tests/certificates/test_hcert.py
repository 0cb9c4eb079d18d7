"""HC1 codes: every published test case gives its verdict, and nothing hostile raises or costs much."""

import base64
import csv
import io
import json
import secrets
import time
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import base45
import cbor2
import pytest
import zxingcpp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from certificates import dcc, hcert, qr, uvci
from certificates.facts import DoseFacts
from certificates.hcert import EU_DCC
from certificates.names import person_name
from certificates.trust import KeyRing, TrustedKey, UnreadableCertificate, read_certificate
from certificates.verifying import hcert as reading
from certificates.verifying import verdicts as outcome
from tests.patience import quickest

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
KID = b"\x01\x02\x03\x04\x05\x06\x07\x08"
TRUSTED = TrustedKey(KID, KEY.public_key(), issuer="Penerbit Uji")
FACTS = DoseFacts(
    name="Dr. Siti Rahmawati",
    birth_date=date(1901, 2, 3),
    vaccine_code="COV_PFIZER",
    vaccine_name="Pfizer",
    manufacturer="Pfizer",
    disease="COVID-19",
    dose_number=3,
    series_doses=3,
    occurred_on=date(2026, 11, 20),
    facility_name="Puskesmas Uji",
    lot_number="UJI-1",
)


def cases(folder, start):
    with (folder / "certificates/testdata/expected.csv").open() as rows:
        return [row for row in csv.DictReader(rows) if row["file"].startswith(start)]


def signed(subclaims=None, *, key=KEY, kid=KID, since=NOW, days=10):
    subclaims = subclaims if subclaims is not None else {EU_DCC: dcc.build(FACTS, uvci.new_uvci())}
    return hcert.issue(
        subclaims,
        kid=kid,
        sign=lambda data: hcert.sign_es256(key, data),
        issued_at=since,
        expires_at=since + timedelta(days=days),
    )


def verdict(text, *keys, now=NOW, **more):
    return reading.verify(text, KeyRing(keys or [TRUSTED]), now=now, **more).verdict


def pack(message):
    return "HC1:" + base45.b45encode(zlib.compress(message)).decode()


def test_a_code_of_ours_is_written_as_the_specification_has_it_and_packed_as_well_as_zlib_would():
    text = signed().text
    packed = base45.b45decode(text.removeprefix("HC1:"))
    message = zlib.decompress(packed)
    tag = cbor2.loads(message)
    protected, unprotected, payload, signature = tag.value
    assert packed[:2] == b"\x78\xda"  # level 9; some readers look at the first byte
    assert len(packed) < len(zlib.compress(message, 9)) + 4  # bytes
    assert message == cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))
    assert cbor2.loads(protected) == {1: -7, 4: KID} and not unprotected
    to_be_signed = cbor2.dumps(["Signature1", protected, b"", payload])
    assert hcert.to_be_signed(protected, payload) == to_be_signed
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    KEY.public_key().verify(der, to_be_signed, ec.ECDSA(hashes.SHA256()))


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


@given(name=NAMES, issuer=NAMES, number=st.integers(1, 400), born=st.dates(date(1900, 1, 1), date(2099, 12, 31)))
@settings(max_examples=200, deadline=None)
def test_a_payload_filled_into_its_frame_is_the_payload_written_at_once(name, issuer, number, born):
    facts = FACTS._replace(name=name, issuer=issuer, dose_number=number, birth_date=born)
    assume(not dcc.why_not(facts))
    surname, given_names, surname_standard, given_standard = person_name(name)
    written = {"fn": surname, "gn": given_names, "fnt": surname_standard, "gnt": given_standard}
    entry = {
        "tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": number, "sd": 3,
        "dt": "2026-11-20", "co": "ID", "is": issuer[:80], "ci": "URN:UVCI:01:ID:X#A",
    }  # fmt: skip
    names = {key: part for key, part in written.items() if part}
    whole = {"ver": "1.3.0", "nam": names, "dob": born.isoformat(), "v": [entry]}
    assert dcc.build(facts, "URN:UVCI:01:ID:X#A") == cbor2.dumps(whole)


def test_each_published_case_gives_its_verdict(shared_dir):
    wrong = []
    rows = cases(shared_dir, "dcc/")
    for row in rows:
        case = json.loads((shared_dir / "certificates/testdata" / row["file"]).read_text())
        key = read_certificate(base64.b64decode(case["TESTCTX"]["CERTIFICATE"]))
        clock = datetime.fromisoformat(case["TESTCTX"]["VALIDATIONCLOCK"].replace("Z", "+00:00"))
        found = reading.verify(case["PREFIX"], KeyRing([key], pinned=True), now=clock).verdict
        expected = row["verdict"]
        if expected == outcome.BAD_QR:  # its picture is the broken part, the text inside is sound
            picture = base64.b64decode(case["2DCODE"])
            assert not readable(picture)
            expected = outcome.VALID
        if found != expected:
            wrong.append((row["file"], expected, found))
    assert len(rows) > 45
    assert wrong == []


def readable(picture):
    try:
        image = Image.open(io.BytesIO(picture)).convert("L")
    except UnidentifiedImageError:
        return False
    return bool(zxingcpp.read_barcodes(image))


def test_own_code_verifies_and_says_who_what_when():
    result = reading.verify(signed().text, KeyRing([TRUSTED]), now=NOW)
    assert (result.format, result.verdict, result.issuer) == ("eu-dcc", "valid", "Penerbit Uji")
    assert result.facts["name"] == "Siti Rahmawati"
    assert result.facts["dose"] == "3/3"
    assert result.facts["vaccine"] == "Comirnaty"
    assert result.facts["manufacturer"] == "BioNTech"  # a name, not the code of an organisation


def test_own_code_fits_the_promised_qr_size():
    code = qr.hc1_code(signed().text)
    assert code.version <= 18
    assert code.error == "Q"
    assert code.mode == "alphanumeric"


def test_container_is_tagged_deflated_and_signed_raw():
    text = signed().text
    message = cbor2.loads(zlib.decompress(base45.b45decode(text[4:])))
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    assert cbor2.loads(protected) == {1: -7, 4: KID}
    assert dict(unprotected) == {}
    assert len(signature) == 64
    claims = cbor2.loads(payload)
    assert claims[1] == "ID"
    assert claims[4] - claims[6] == 10 * 86400


def test_any_changed_character_is_refused():
    text = signed().text
    for place in range(4, len(text), 7):
        other = "A" if text[place] != "A" else "B"
        assert verdict(text[:place] + other + text[place + 1 :]) != outcome.VALID


def test_changed_name_is_a_bad_signature_and_shows_nothing():
    message = cbor2.loads(zlib.decompress(base45.b45decode(signed().text[4:])))
    protected, unprotected, payload, signature = message.value
    claims = cbor2.loads(payload)
    forged = cbor2.dumps(json_like(claims, "Orang Lain"))
    text = pack(cbor2.dumps(cbor2.CBORTag(18, [protected, dict(unprotected), forged, signature])))
    result = reading.verify(text, KeyRing([TRUSTED]), now=NOW)
    assert result.verdict == outcome.BAD_SIGNATURE
    assert result.facts == {}
    assert result.issuer == ""


def json_like(claims, surname):
    content = json.loads(json.dumps(claims[-260][1]))
    content["nam"]["fn"] = surname
    return {1: claims[1], 4: claims[4], 6: claims[6], -260: {1: content}}


@pytest.mark.parametrize("tags", [(), (18,), (61, 18)])
def test_tags_around_the_message_may_be_absent_or_doubled(tags):
    message = cbor2.loads(zlib.decompress(base45.b45decode(signed().text[4:])))
    item = [bytes(part) if isinstance(part, bytes) else dict(part) for part in message.value]
    for tag in reversed(tags):
        item = cbor2.CBORTag(tag, item)
    assert verdict(pack(cbor2.dumps(item))) == outcome.VALID


def test_time_window():
    text = signed(days=1).text
    assert verdict(text, now=NOW - timedelta(seconds=1)) == outcome.NOT_YET_VALID
    assert verdict(text, now=NOW + timedelta(days=1, seconds=1)) == outcome.EXPIRED


def test_signer_validity_must_cover_the_moment_of_issue():
    at = int(NOW.timestamp())
    assert verdict(signed().text, replace(TRUSTED, not_before=at + 1)) == outcome.NOT_YET_VALID
    assert verdict(signed().text, replace(TRUSTED, not_after=at - 1)) == outcome.EXPIRED


def test_key_for_recovery_may_not_sign_a_vaccination():
    assert verdict(signed().text, replace(TRUSTED, usages=frozenset("r"))) == outcome.WRONG_KEY_USAGE
    assert verdict(signed().text, replace(TRUSTED, usages=frozenset("vr"))) == outcome.VALID


def test_every_key_with_the_same_kid_is_tried():
    stranger = TrustedKey(KID, ec.generate_private_key(ec.SECP256R1()).public_key())
    assert verdict(signed().text, stranger) == outcome.BAD_SIGNATURE
    assert verdict(signed().text, stranger, TRUSTED) == outcome.VALID


def test_unknown_kid_is_named_so():
    assert verdict(signed(kid=b"otherkid").text) == outcome.UNKNOWN_KEY


def test_algorithm_is_bound_to_the_type_of_key():
    other_curve = TrustedKey(KID, ec.generate_private_key(ec.SECP384R1()).public_key())
    assert verdict(signed().text, other_curve) == outcome.BAD_SIGNATURE


def test_unknown_content_is_never_shown_as_vaccinated():
    result = reading.verify(signed({-70001: {"v": [1]}}).text, KeyRing([TRUSTED]), now=NOW)
    assert (result.verdict, result.facts) == ("valid", {"kind": "unknown"})


def test_schema_and_value_sets_are_reported_apart():
    content = cbor2.loads(dcc.build(FACTS, uvci.new_uvci()))
    content["v"][0]["ma"] = "ORG-0"
    assert verdict(signed({EU_DCC: content}).text) == outcome.BAD_VALUESET
    content["v"][0]["dt"] = "2026-11-20T08:00:00Z"
    assert verdict(signed({EU_DCC: content}).text) == outcome.BAD_SCHEMA


def test_revoked_code_is_refused_by_signature_even_when_its_second_half_is_negated():
    code = signed()
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = code.signature[:32] + (order - int.from_bytes(code.signature[32:], "big")).to_bytes(32, "big")
    named = hcert.revocable(code.signature, hcert.ES256).by_signature
    message = cbor2.loads(zlib.decompress(base45.b45decode(code.text[4:]))).value
    text = pack(cbor2.dumps([message[0], {}, message[2], twin]))
    assert verdict(text) == outcome.VALID  # a twin is a valid ECDSA signature of the same bytes
    for candidate in (code.text, text):
        assert verdict(candidate, is_revoked=lambda code: named in code.hashes()) == outcome.REVOKED


HOSTILE = {
    "bomb": lambda: pack(b"\x00" * 200_000_000),
    "deep": lambda: pack(b"\x81" * 60_000 + b"\x00"),
    "huge array": lambda: pack(b"\x9b\x7f" + b"\xff" * 7),
    "huge text": lambda: pack(b"\x7b\x7f" + b"\xff" * 7),
    "regular expression": lambda: pack(cbor2.dumps(cbor2.CBORTag(35, "(a+)+$"))),
    "big number": lambda: pack(b"\xc2\x59\xf0\x00" + b"\xff" * 0xF000),
    "long text": lambda: "HC1:" + "A" * 1_000_000,
    "two items": lambda: pack(cbor2.dumps([b"", {}, b"\xa0", b""]) + b"\x00"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_codes_are_refused_cheaply(name):
    text = HOSTILE[name]()

    def cost() -> float:
        started = time.process_time()
        assert verdict(text) in {outcome.BAD_ZLIB, outcome.BAD_COSE, outcome.BAD_BASE45, outcome.UNKNOWN_KEY}
        return time.process_time() - started

    assert quickest(cost, 0.1) < 0.1


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.binary(max_size=300).map(lambda data: pack(data)), st.binary().map(repr)))
def test_nothing_raises_on_any_text(text):
    assert verdict(text) in outcome.VERDICTS
    assert verdict("HC1:" + text) in outcome.VERDICTS


def test_nothing_raises_on_mutated_codes():
    text = signed().text
    for _ in range(500):
        spoiled = bytearray(zlib.decompress(base45.b45decode(text[4:])))
        for _ in range(3):
            spoiled[secrets.randbelow(len(spoiled))] = secrets.randbelow(256)
        assert verdict(pack(bytes(spoiled))) in outcome.VERDICTS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["v", "nam", "dob", "ci"]), inner),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(_json)
def test_nothing_raises_on_signed_nonsense(content):
    assert verdict(signed({EU_DCC: content}).text) in outcome.VERDICTS
    assert verdict(signed(content if isinstance(content, dict) else {1: content}).text) in outcome.VERDICTS


def test_unreadable_certificate_is_one_kind_of_error():
    for data in (b"", b"0\x03abc", secrets.token_bytes(200)):
        with pytest.raises(UnreadableCertificate):
            read_certificate(data)


def test_second_opinion_on_the_signed_bytes():
    """COSE's own words: the signature is over ["Signature1", protected, "", payload], raw r and s."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    protected, _unprotected, payload, signature = cbor2.loads(
        zlib.decompress(base45.b45decode(signed().text[4:]))
    ).value
    data = cbor2.dumps(["Signature1", protected, b"", payload])
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    assert KEY.public_key().verify(der, data, ec.ECDSA(hashes.SHA256())) is None
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(der, data[:-1] + bytes([data[-1] ^ 1]), ec.ECDSA(hashes.SHA256()))
