"""Keys with a certificate of another authority, the list of revoked signers, and reasons to revoke: a rehearsal."""

from datetime import timedelta
from io import StringIO

import pytest
from cryptography import x509
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from certificates import keys, services
from certificates.assemble import NotCertifiable
from certificates.models import Revocation, SigningKey
from certificates.verifying import verify_text
from tests.certificates.doses import make_dose
from tests.registration.people import sign_in_citizen

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("signing_keys", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("purpose", ["dcc", "shc"])
def test_request_out_certificate_in_and_signing_from_a_date(purpose, tmp_path):
    run("init")
    old = services.issue(make_dose().pk)
    asked, given = tmp_path / "key.csr", tmp_path / "key.pem"
    run("csr", purpose, "--out", asked)
    run("sign", asked, "--out", given)
    start = timezone.now() + timedelta(days=3)
    run("import", purpose, given, "--use-from", start.isoformat())
    taken = SigningKey.objects.filter(purpose=purpose).latest("use_from")
    assert taken.use_from == start
    assert services.issue(make_dose().pk).shc_key_id == old.shc_key_id
    SigningKey.objects.filter(pk=taken.pk).update(use_from=timezone.now())
    new = services.issue(make_dose().pk)
    assert taken.pk in (new.hc1_key_id, new.shc_key_id)
    for certificate in (old, new):
        assert verify_text(certificate.hc1).verdict == verify_text(certificate.shc).verdict == "valid"
    assert not list(keys.folder().glob("request-*"))


def test_certificate_of_a_stranger_or_for_another_purpose_is_refused(tmp_path):
    run("init")
    stranger, asked, given = tmp_path / "a.pem", tmp_path / "b.csr", tmp_path / "b.pem"
    stranger.write_text(SigningKey.objects.get(purpose="dcc").certificate_pem)
    with pytest.raises(CommandError, match="bukan untuk permintaan"):
        run("import", "dcc", stranger)
    run("csr", "dcc", "--out", asked)
    run("sign", asked, "--out", given)
    with pytest.raises(CommandError, match="alamat"):
        run("import", "shc", given)


def test_revoked_signer_stands_on_the_published_list(client):
    run("init")
    signer = SigningKey.objects.get(purpose="dcc")
    number = x509.load_pem_x509_certificate(signer.certificate_pem.encode()).serial_number
    answers = []
    for _ in range(2):
        response = client.get("/.well-known/ca.crl")
        assert response.headers["Content-Type"] == "application/pkix-crl"
        answers.append(x509.load_der_x509_crl(response.content).get_revoked_certificate_by_serial_number(number))
        run("revoke", signer.pk)
    assert answers[0] is None
    assert answers[1] is not None


@pytest.mark.parametrize(("reason", "again"), [("key", True), ("holder", True), ("fraud", False), ("mistake", False)])
def test_reason_decides_whether_the_dose_gets_another_certificate(reason, again):
    dose = make_dose()
    old = services.issue(dose.pk)
    services.revoke(dose.pk, reason=reason)
    assert verify_text(old.hc1).verdict == "revoked"
    if again:
        assert verify_text(services.issue(dose.pk).hc1).verdict == "valid"
    else:
        with pytest.raises(NotCertifiable, match="revoked"):
            services.issue(dose.pk)
    assert Revocation.objects.get().reason == reason


def test_vaccine_without_eu_code_gets_a_who_certificate_where_asked(settings):
    settings.CERTIFICATES_WHO_DVC = True
    certificate = services.issue(make_dose(vaccine="COV_INDOVAC").pk)
    assert certificate.is_dvc
    assert certificate.eu_reason == "no-eu-code"
    result = verify_text(certificate.hc1)
    assert (result.format, result.verdict, result.facts["name"]) == ("who-dvc", "valid", "Suparti Uji")


def test_a_who_certificate_is_called_one_and_nothing_else(client, settings):
    settings.CERTIFICATES_WHO_DVC = True
    dose = make_dose(vaccine="COV_INDOVAC")
    sign_in_citizen(client, dose.citizen.account)
    body = client.get(reverse("certificates:of_dose", args=[dose.uuid])).content.decode()
    assert "Kode WHO (DVC)" in body
    assert "Kode Uni Eropa" not in body
    assert "jadi sertifikat Uni Eropa tidak diterbitkan" in body
    assert "HC1 tidak" not in body
