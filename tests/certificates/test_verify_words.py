"""What people, partners and operators are told about a foreign certificate: page, API, command; in both languages."""

import json
from io import StringIO

import cbor2
import pytest
from django.core.management import CommandError, call_command

from certificates import codes, services, shc, verify_views, words
from certificates.trust import importing
from certificates.verifying import verdicts
from certificates.verifying.verdicts import Outcome
from tests.certificates import lists, makers
from tests.certificates.doses import make_dose
from tests.certificates.test_trust_lists import DSC, a_list, code

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def test_a_code_that_stands_for_several_products_names_them_all():
    assert codes.brands_by_cvx() == codes.brands_by_cvx() | {"210": "Vaxzevria / Covishield", "511": "CoronaVac"}


def ask(client, **body):
    return client.post("/api/v1/certificates/verify/", body, content_type="application/json")


def believe_singapore():
    importing.confirm(importing.take(a_list("dsc"), lists.dsc_json(DSC), origin="uji").pk, by=None, compared=True)


def test_partner_is_told_who_what_when_by_whom_and_on_whose_word_in_both_languages(client):
    believe_singapore()
    answer = ask(client, code=code()).json()
    assert (answer["verdict"], answer["trust"], answer["list_name"]) == ("valid", "international", "Uji dsc")
    assert answer["notes"] == ["revocation-not-checked"]
    indonesian, english = answer["words"]["id"], answer["words"]["en"]
    assert (indonesian["title"], english["title"]) == ("Sah", "Valid")
    assert indonesian["trust"] == "Penerbit ini tercantum di daftar internasional: Uji dsc."
    assert english["trust"] == "This issuer is on the international list: Uji dsc."
    lines = {line["name"]: line["value"] for line in english["facts"]}
    assert lines["Name"] == "Siti Rahmawati"
    assert lines["Vaccine"] == "Comirnaty"
    assert lines["Dose"] == "3/3"
    assert lines["Date"] == "20 November 2026"
    assert len(indonesian["facts"]) == len(english["facts"]) > 6
    assert indonesian["notes"] != english["notes"]


def test_partner_may_send_the_chunks_of_a_card_as_a_list(client):
    jws = services.issue(make_dose().pk).shc
    digits = shc.qr_digits(jws)
    half = len(digits) // 4 * 2
    chunks = [f"shc:/2/2/{digits[half:]}", f"shc:/1/2/{digits[:half]}"]
    assert ask(client, codes=chunks).json()["verdict"] == "valid"
    assert ask(client, codes=chunks[:1]).json()["verdict"] == "bad-qr"
    for wrong in ({}, {"code": "x", "codes": ["y"]}, {"codes": []}, {"codes": ["x"] * 21}, {"codes": [1, None]}):
        assert ask(client, **wrong).status_code == 400 or wrong == {"codes": [1, None]}


def test_page_says_on_whose_word_it_believes(client):
    certificate = services.issue(make_dose().pk)
    believe_singapore()
    for text, sentence in (
        (certificate.hc1, "Penerbit ini belum tercantum di daftar internasional."),
        (code(), "Penerbit ini tercantum di daftar internasional: Uji dsc."),
        (makers.seal(), "Siapa pun dapat membuat kode seperti ini."),
    ):
        body = client.post("/verifikasi/", {"code": text}).content.decode()
        assert sentence in body
    assert "UJI WARGA" not in body  # of a seal that nobody vouches for


def test_every_verdict_trust_and_note_has_words_in_both_languages():
    seen = set()
    for verdict in verdicts.VERDICTS:
        for trust in verdicts.TRUST:
            result = Outcome("hcert", verdict, {}, "X", trust, "Daftar", (verdicts.REVOCATION_NOT_CHECKED,))
            both = [words.in_words(result, language) for language in ("id", "en")]
            for field in ("title", "text", *(("trust",) if trust else ())):
                assert both[0][field]
                assert both[0][field] != both[1][field]
            seen.add(both[0]["trust"])
    assert len(seen) == len(verdicts.TRUST)
    assert set(words.note_sentences()) == {verdicts.REVOCATION_NOT_CHECKED, words.ROLES_NOT_SIGNED}


def test_foreign_text_is_shown_as_text(client):
    document = makers.credential(subject={"name": "<script>alert(1)</script>"})
    key = json.dumps({"did:uji": lists.public_pem(makers.RSA)}).encode()
    importing.confirm(importing.take(a_list("divoc"), key, origin="uji").pk, by=None, compared=True)
    body = client.post("/verifikasi/", {"code": makers.divoc(document)}).content.decode()
    assert "&lt;script&gt;alert(1)" in body
    assert "<script>alert" not in body


TEST_TAKEN = {
    "ver": "1.3.0", "nam": {"fnt": "TAN", "gnt": "MEI"}, "dob": "1990-02-03",
    "t": [{
        "tg": "840539006", "tt": "LP6464-4", "tr": "260415000", "sc": "2026-11-20T08:00:00Z", "co": "SG", "is": "MOH",
        "ci": "URN:UVCI:01:SG:T#A", "tc": "Uji",
    }],
}  # fmt: skip


@pytest.mark.parametrize("scripts", [False, True], ids=["server", "browser"])
@pytest.mark.django_db(transaction=True)
def test_a_test_is_shown_in_words_and_not_in_the_codes_of_laboratories(browser, live_server, scripts):
    believe_singapore()
    verify_views.page.clear()
    verify_views.verifier_data.clear()
    text = code(content=cbor2.dumps(TEST_TAKEN))
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    for path, words_shown in (
        ("/verifikasi/", ("Tes PCR (NAAT)", "Negatif (tidak terdeteksi)")),
        ("/en/verifikasi/", ("PCR test (NAAT)", "Negative (not detected)")),
    ):
        page.goto(live_server.url + path)
        if scripts:
            page.locator("#verify-form[data-ready]").wait_for()
        page.locator("textarea").fill(text)
        page.locator("#verify-form button[type=submit]").click()
        page.get_by_text(words_shown[0]).wait_for()
        shown = page.locator("main").inner_text()
        assert words_shown[1] in shown and "LP6464-4" not in shown and "260415000" not in shown
    context.close()


# --- the command ---------------------------------------------------------------------------------------------------


def run(path, **options):
    out = StringIO()
    call_command("verify_certificate", text_file=str(path), stdout=out, **options)
    return json.loads(out.getvalue())


def test_command_reads_every_format_with_a_key_given_by_hand(shared_dir, tmp_path):
    data = shared_dir / "certificates/testdata"
    public = json.loads((data / "public-keys.json").read_text())
    everything = str(data / "public-keys.json")
    cases = {
        "divoc/india-specimen.b64.txt": ("divoc", public["divoc"]["did:india"]),
        "vdsnc/au-specimen.json": ("vds-nc", next(pem for name, pem in public["vdsnc"].items() if "AU" in name)),
        "vdsnc/jp-specimen.json": ("vds-nc", next(pem for name, pem in public["vdsnc"].items() if "JP" in name)),
        "who/ddcc-vs-1.txt": ("ddcc-vs", public["who"]["MTE="]),
        "shc/valid/who-shcqr1-numeric.txt": ("shc", (data / "shc/issuer-jwks.json").read_text()),
    }
    for file, (name, key) in cases.items():
        path = tmp_path / "kunci"
        path.write_text(key)
        found = run(data / file, certificate=str(path))
        assert (file, found["format"], found["verdict"]) == (file, name, "valid")
        assert set(found) == {"format", "verdict", "facts"}
        if not file.startswith("shc/"):
            assert run(data / file, certificate=everything)["verdict"] == "valid"
    # Another key than the signer's, given by hand, did not sign it.
    other = tmp_path / "lain.pem"
    other.write_text(lists.public_pem(makers.RSA))
    assert run(data / "divoc/india-specimen.b64.txt", certificate=str(other))["verdict"] == "bad-signature"


def test_command_reads_the_zip_itself(tmp_path):
    import base64

    path, key = tmp_path / "kode.zip", tmp_path / "kunci.pem"
    path.write_bytes(base64.b64decode(makers.divoc()[4:]))
    key.write_text(lists.public_pem(makers.RSA))
    assert run(path, certificate=str(key))["verdict"] == "valid"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"keys": 1}', b"{}", b"-----BEGIN CERTIFICATE-----\nx", b"0\x03abc", b"[" * 9999]
)
def test_command_names_an_unusable_key_in_one_sentence(tmp_path, content):
    text, key = tmp_path / "kode", tmp_path / "kunci"
    text.write_text("HC1:")
    key.write_bytes(content)
    with pytest.raises(CommandError):
        run(text, certificate=str(key))
