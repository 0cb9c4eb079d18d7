"""The PDF: both codes scan from the page, it is accessible, and nothing in it or around it carries a NIK or a phone."""

import io
import json
import logging
import re
from datetime import date
from io import StringIO

import pypdfium2
import pytest
import zxingcpp
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from pypdf import PdfReader

from certificates import access, pdf, services
from certificates.models import Certificate, SigningKey
from certificates.verifying import verify_text
from registration.models import Citizen
from tests.certificates.doses import make_dose
from tests.registration.people import make_account, make_citizen, sign_in_citizen

pytestmark = pytest.mark.django_db


def scanned(image):
    return {code.text for code in zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)}


def pages_at_200_dpi(certificate):
    """The file itself as a viewer or printer would draw it: by another maker's software than the one that wrote it."""
    with pypdfium2.PdfDocument(pdf.render(certificate)) as document:
        # A point is 1/72 inch.
        return [page.render(scale=200 / 72, grayscale=True).to_pil() for page in document]


def test_both_codes_scan_from_the_page_at_200_dpi():
    certificate = services.issue(make_dose().pk)
    pages = pages_at_200_dpi(certificate)
    assert [round(side) for side in pages[0].size] == [1654, 2339]  # A4
    page, front, back = map(scanned, pages)
    assert len(page) == 2
    assert certificate.hc1 in page
    assert front == {certificate.hc1}
    assert front | back == page
    for text in page:
        assert verify_text(text).verdict == "valid"


def test_vaccine_without_eu_code_has_one_code_that_scans():
    certificate = services.issue(make_dose(vaccine="COV_INAVAC").pk)
    for picture in pages_at_200_dpi(certificate):
        (text,) = scanned(picture)
        assert verify_text(text).verdict == "valid"
    text = PdfReader(io.BytesIO(pdf.render(certificate))).pages[0].extract_text()
    assert "tidak mempunyai kode produk Uni Eropa" in " ".join(text.split())
    assert "no European Union product code" in " ".join(text.split())


def test_pdf_is_tagged_archivable_and_in_both_languages():
    certificate = services.issue(make_dose().pk)
    data = pdf.render(certificate)
    reader = PdfReader(io.BytesIO(data))
    assert len(reader.pages) == 3
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part[>=\"']+2", metadata)
    assert re.search(r"pdfuaid:part[>=\"']+1", metadata)
    text = reader.pages[0].extract_text()
    for word in ("Sertifikat Vaksinasi", "Vaccination Certificate", "Tanggal lahir", "Date of birth", "CONTOH"):
        assert word in text


@pytest.mark.parametrize(
    "name",
    [
        "Suparno",
        "R. Ngt. " + "Wijayakusuma Hadiningrat " * 3,
        "Ma'ruf #*_$[]\\ {x} y",
        "Щукин",
        "李明",
        "Ñandú-O'Neill",
    ],
)
def test_any_name_makes_a_page(name):
    citizen = make_citizen()
    Citizen.objects.filter(pk=citizen.pk).update(full_name=name.strip()[:100])  # past the form: old data is not tidy
    certificate = services.issue(make_dose(citizen).pk)
    assert pdf.render(certificate).startswith(b"%PDF")
    assert verify_text(certificate.shc).verdict == "valid"
    assert (certificate.eu_reason == "name-script") == (name == "李明")


@pytest.mark.parametrize(
    "name", ["W" * 100, "Abdurrahman " * 8, "O'Neill-" * 12, "Щукин" * 16, "R. Ngt. " + "Wijayakusuma Hadiningrat " * 3]
)
def test_a_long_name_stays_on_page_and_card_and_pushes_nothing_off(name):
    citizen = make_citizen()
    Citizen.objects.filter(pk=citizen.pk).update(full_name=name.strip()[:100])
    certificate = services.issue(make_dose(citizen).pk)
    with pypdfium2.PdfDocument(pdf.render(certificate)) as document:
        assert len(document) == 3
        for number, page in enumerate(document):
            text = page.get_textpage()
            assert pdf.both(certificate.given) in text.get_text_range()
            edges = [text.get_rect(part)[2] for part in range(text.count_rects())]
            assert max(edges) <= page.get_width() * (1 if number == 0 else 0.45)  # the card has its code beside it
    assert [len(scanned(page)) for page in pages_at_200_dpi(certificate)] == [2, 1, 1]


def test_no_nik_and_no_phone_anywhere(client, caplog):
    account = make_account("+6289900012345")
    citizen = make_citizen(account, birth_date=date(1931, 5, 17))
    citizen.address = "Jalan Rahasia 77"
    citizen.save()
    forbidden = [citizen.nik, "89900012345", "Jalan Rahasia"]
    dose = make_dose(citizen)
    sign_in_citizen(client, account)
    with caplog.at_level(logging.DEBUG):
        page = client.get(reverse("certificates:of_dose", args=[dose.uuid]))
        certificate = Certificate.objects.get()
        address = reverse("certificates:pdf", args=[access.download_key(certificate)])
        response = client.get(address)
        client.post("/verifikasi/", {"code": certificate.hc1})
    reader = PdfReader(io.BytesIO(response.content))
    qr_facts = [json.dumps(verify_text(text).facts) for text in (certificate.hc1, certificate.shc)]
    looked_at = {
        "page": page.content.decode(),
        "PDF text": "".join(sheet.extract_text() for sheet in reader.pages),
        "PDF metadata": str(reader.metadata) + reader.trailer["/Root"]["/Metadata"].get_data().decode(),
        "PDF bytes": response.content.decode("latin-1"),
        "codes": certificate.hc1 + certificate.shc + "".join(qr_facts),
        "stored facts": json.dumps(certificate.facts),
        "URL": address,
        "file name": response.headers["Content-Disposition"],
        "log": caplog.text,
    }
    for place, text in looked_at.items():
        for secret in forbidden:
            assert secret not in text, place
    for place in ("URL", "file name", "log", "PDF metadata"):
        assert "Suparti" not in looked_at[place], place
    assert citizen.nik  # the search above looked for something


# --- verify_certificate ------------------------------------------------------------------------------------------


def run(*arguments):
    out = StringIO()
    call_command("verify_certificate", *map(str, arguments), stdout=out)
    (line,) = out.getvalue().splitlines()
    return json.loads(line)


def test_command_prints_one_json_line(tmp_path):
    certificate = services.issue(make_dose().pk)
    code, signer = tmp_path / "code.txt", tmp_path / "dsc.pem"
    code.write_text(certificate.hc1 + "\n")
    answer = run("--text-file", code)
    assert set(answer) == {"format", "verdict", "facts"}
    assert (answer["format"], answer["verdict"]) == ("eu-dcc", "valid")
    signer.write_text(SigningKey.objects.get(pk=certificate.hc1_key_id).certificate_pem)
    assert run("--text-file", code, "--certificate", signer)["verdict"] == "valid"
    assert (
        run("--text-file", code, "--certificate", signer, "--clock", "2020-01-01T00:00:00Z")["verdict"]
        == "not-yet-valid"
    )
    assert run("--text-file", code, "--clock", "2099-01-01")["verdict"] == "expired"
    services.revoke(certificate.immunization_id)
    assert run("--text-file", code)["verdict"] == "revoked"
    code.write_text(certificate.shc)
    assert run("--text-file", code)["format"] == "shc"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"HC1:", b"hello", b"shc:/12"])
def test_command_answers_any_file(tmp_path, content):
    code = tmp_path / "code.txt"
    code.write_bytes(content)
    assert run("--text-file", code)["verdict"].startswith("bad-")


def test_command_names_a_bad_argument(tmp_path):
    code = tmp_path / "code.txt"
    code.write_text("HC1:")
    for arguments in (
        ["--text-file", tmp_path / "absent"],
        ["--text-file", code, "--certificate", tmp_path / "absent"],
        ["--text-file", code, "--certificate", code],
        ["--text-file", code, "--clock", "kemarin"],
    ):
        with pytest.raises(CommandError):
            run(*arguments)


def test_command_reproduces_published_verdicts(shared_dir, tmp_path):
    import base64

    for name, verdict in (("DE/1", "valid"), ("common/CO5", "bad-signature"), ("PL/1.3.0-9", "bad-valueset")):
        case = json.loads((shared_dir / f"certificates/testdata/dcc/{name}.json").read_text())
        code, signer = tmp_path / "code.txt", tmp_path / "signer"
        code.write_text(case["PREFIX"])
        raw = case["TESTCTX"]["CERTIFICATE"]
        clock = case["TESTCTX"]["VALIDATIONCLOCK"]
        pem = f"-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n"
        for form in (pem.encode(), base64.b64decode(raw), raw.encode()):
            signer.write_bytes(form)
            assert run("--text-file", code, "--certificate", signer, "--clock", clock)["verdict"] == verdict
