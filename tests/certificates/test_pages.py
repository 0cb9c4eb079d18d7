"""Pages of certificates: the family's, the link with its code, the public verifier, the published lists."""

import json
import re
import uuid

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from certificates import access, services, shc
from certificates.models import Certificate, SignatureLog
from certificates.trust import KeyRing
from certificates.verifying import shc as verifying_shc
from certificates.verifying import verify_text
from core.models import ReadLog
from messaging.models import Message
from regions.models import Facility
from tests.certificates.doses import make_dose
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.staff import make_staff, sign_in_staff
from vaccination.models import Immunization, Visit

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits(redis_client):
    from certificates import verify_views, wellknown

    verify_views.page.clear()
    for page in wellknown.PAGES.values():
        page.clear()


def sent(kind):
    return Message.objects.filter(kind=kind).order_by("-created_at").first()


def link_of(dose):
    """Issue and return (certificate, path of the link in the message)."""
    certificate = services.issue(dose.pk)
    return certificate, re.search(r"https?://[^/]+(/sertifikat/\S+)", sent("certificate_ready").body)[1]


def same(response):
    """Body without what differs on every rendering: the masked CSRF value and the nonce."""
    body = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]+"', b"", response.content)
    return re.sub(rb'nonce="[^"]+"', b"", body)


# --- the family ----------------------------------------------------------------------------------------------------


def test_list_needs_sign_in(client):
    assert client.get("/sertifikat/").status_code == 302


def test_family_sees_all_its_certificates_and_nobody_elses(client):
    account = make_account()
    mine = make_dose(make_citizen(account, full_name="Sumarni Uji"))
    child = make_dose(make_citizen(account, full_name="Wulan Uji"))
    make_dose(make_citizen(make_account(), full_name="Orang Lain"))
    sign_in_citizen(client, account)
    body = client.get("/sertifikat/").content.decode()
    assert "Sumarni Uji" in body
    assert "Wulan Uji" in body
    assert "Orang Lain" not in body
    for dose in (mine, child):
        assert reverse("certificates:of_dose", args=[dose.uuid]) in body


def test_list_of_many_doses_costs_as_many_queries_as_of_few(client, django_assert_max_num_queries):
    account = make_account()
    sign_in_citizen(client, account)
    for _ in range(6):
        services.issue(make_dose(make_citizen(account)).pk)
    with django_assert_max_num_queries(5):
        client.get("/sertifikat/")


def test_empty_family_is_told_what_comes(client):
    sign_in_citizen(client, make_account())
    assert "Belum ada dosis" in client.get("/sertifikat/").content.decode()


def test_certificate_is_signed_on_first_view_without_worker_or_redis(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.PCARE_BASE_URL = "http://127.0.0.1:1"
    dose = make_dose()
    sign_in_citizen(client, dose.citizen.account)
    response = client.get(reverse("certificates:of_dose", args=[dose.uuid]))
    assert response.status_code == 200
    assert Certificate.objects.get().immunization == dose
    assert b"<svg" in response.content
    assert response.headers["Cache-Control"] == "private, no-store"


def test_dose_of_another_family_is_not_found(client):
    dose = make_dose()
    sign_in_citizen(client, make_account())
    assert client.get(reverse("certificates:of_dose", args=[dose.uuid])).status_code == 404
    assert client.get(reverse("certificates:of_dose", args=[uuid.uuid4()])).status_code == 404
    assert not Certificate.objects.exists()


def test_withdrawn_dose_says_why_there_is_no_certificate(client):
    dose = make_dose()
    services.issue(dose.pk)
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    services.on_corrected({"immunization_id": dose.pk, "replacement_id": None})
    sign_in_citizen(client, dose.citizen.account)
    response = client.get(reverse("certificates:of_dose", args=[dose.uuid]))
    assert response.status_code == 410
    assert "dicabut" in response.content.decode()


def test_missing_key_is_told_as_waiting_and_heals_by_itself(client, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY_PASSPHRASE", "sandi uji")
    kept, settings.STATE_DIR, settings.DEMO = settings.STATE_DIR, tmp_path, False
    dose = make_dose()
    sign_in_citizen(client, dose.citizen.account)
    address = reverse("certificates:of_dose", args=[dose.uuid])
    assert client.get(address).status_code == 503
    assert not Certificate.objects.exists()
    monkeypatch.delenv("SIGNING_KEY_PASSPHRASE")
    settings.STATE_DIR, settings.DEMO = kept, True
    assert client.get(address).status_code == 200


def test_vaccine_without_eu_code_is_explained(client):
    dose = make_dose(vaccine="COV_INDOVAC")
    sign_in_citizen(client, dose.citizen.account)
    body = client.get(reverse("certificates:of_dose", args=[dose.uuid])).content.decode()
    assert "tidak mempunyai kode produk Uni Eropa" in body
    assert "SMART Health Card" in body
    assert 'id="hc1"' not in body


# --- downloads -----------------------------------------------------------------------------------------------------


def test_download_lives_fifteen_minutes(client):
    certificate = services.issue(make_dose().pk)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        address = reverse("certificates:pdf", args=[access.download_key(certificate)])
        response = client.get(address)
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.content.startswith(b"%PDF")
        assert "sertifikat-vaksinasi.pdf" in response.headers["Content-Disposition"]
        clock.shift(15 * 60 + 1)
        assert client.get(address).status_code == 410


def test_forged_download_is_gone(client):
    for key in ("x", "a" * 500, "%00", f'"{uuid.uuid4()}":1:x'):
        assert client.get(reverse("certificates:pdf", args=[key])).status_code == 410


def test_revoked_certificate_is_not_downloadable(client):
    certificate = services.issue(make_dose().pk)
    key = access.download_key(certificate)
    services.revoke(certificate.immunization_id)
    assert client.get(reverse("certificates:pdf", args=[key])).status_code == 410


def test_wallet_file_is_a_health_card(client):
    certificate = services.issue(make_dose().pk)
    response = client.get(reverse("certificates:card", args=[access.download_key(certificate)]))
    assert response.headers["Content-Type"] == "application/smart-health-card"
    assert verify_text(response.content.decode()).verdict == "valid"


# --- link and code -------------------------------------------------------------------------------------------------


def code_in(message):
    return re.search(r"\b(\d{6})\b", message.body)[1]


def test_link_alone_opens_nothing(client):
    dose = make_dose()
    certificate, path = link_of(dose)
    body = client.get(path).content.decode()
    assert dose.citizen.full_name not in body
    assert certificate.uvci not in body
    assert sent("certificate_code") is None  # looking sends nothing


def test_link_with_the_code_opens_this_certificate(client):
    dose = make_dose()
    _certificate, path = link_of(dose)
    response = client.post(path)
    assert response.headers["Location"] == f"{path}kode/"
    message = sent("certificate_code")
    assert message.recipient == dose.citizen.account.phone
    response = client.post(f"{path}kode/", {"code": code_in(message)}, follow=True)
    assert response.status_code == 200
    assert dose.citizen.full_name in response.content.decode()


def test_wrong_code_opens_nothing(client):
    _certificate, path = link_of(make_dose())
    client.post(path)
    right = code_in(sent("certificate_code"))
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    assert client.post(f"{path}kode/", {"code": wrong}).status_code == 422
    assert "Kirim kode" in client.get(path).content.decode()


def test_code_of_ones_own_link_does_not_open_anothers(client):
    _mine, my_path = link_of(make_dose())
    victim, path = link_of(make_dose())
    client.post(my_path)
    response = client.post(f"{path}kode/", {"code": code_in(sent("certificate_code"))})
    assert response.status_code == 422
    assert victim.uvci not in client.get(path).content.decode()
    assert "Kirim kode" in client.get(path).content.decode()


def test_code_is_bound_to_the_browser_that_asked(client):
    from django.test import Client

    _certificate, path = link_of(make_dose())
    client.post(path)
    other = Client()
    other.post(path)  # gets a browser secret and a code of its own
    Message.objects.filter(kind="certificate_code").order_by("-created_at").first().delete()
    assert other.post(f"{path}kode/", {"code": code_in(sent("certificate_code"))}).status_code == 422


def test_known_and_unknown_links_answer_alike(client):
    from django.test import Client

    _certificate, path = link_of(make_dose())
    nobody, without_phone = Client(), Client()
    second = services.issue(make_dose().pk)
    token = "Z" * 32
    second.link_index = services.link_index(token)
    second.save()
    second.immunization.citizen.account = None
    second.immunization.citizen.save()
    unknown = f"/sertifikat/{'A' * 32}/"
    phoneless = f"/sertifikat/{token}/"
    answers = []
    for browser, address in ((client, path), (nobody, unknown), (without_phone, phoneless)):
        first = browser.get(address)
        posted = browser.post(address)
        entered = browser.get(f"{address}kode/")
        wrong = browser.post(f"{address}kode/", {"code": "000000"})
        answers.append(
            [
                (first.status_code, same(first).replace(address.encode(), b"")),
                (posted.status_code, sorted(posted.cookies), len(posted.cookies["sertifikat_kode"].value)),
                (entered.status_code, same(entered).replace(address.encode(), b"")),
                (wrong.status_code, same(wrong).replace(address.encode(), b"")),
            ]
        )
    assert answers[0] == answers[1] == answers[2]


def test_codes_by_link_are_limited_for_known_and_unknown_alike(client):
    _certificate, path = link_of(make_dose())
    for address in (path, f"/sertifikat/{'B' * 32}/"):
        statuses = [client.post(address).status_code for _ in range(6)]
        assert statuses == [302] * 5 + [429]


def test_link_of_a_corrected_dose_opens_its_replacement_only_for_the_same_person(client):
    dose = make_dose()
    _certificate, path = link_of(dose)
    stranger = make_dose(make_citizen(make_account(), full_name="Orang Lain"))
    Immunization.objects.filter(pk=dose.pk).update(status="entered-in-error")
    Immunization.objects.filter(pk=stranger.pk).update(replaces=dose)
    services.on_corrected({"immunization_id": dose.pk, "replacement_id": stranger.pk})
    sign_in_citizen(client, dose.citizen.account)
    response = client.get(path)
    assert response.status_code == 410
    assert "Orang Lain" not in response.content.decode()


@pytest.mark.parametrize("address", ["/sertifikat/x/", "/sertifikat/" + "a" * 3000 + "/", "/sertifikat/a/kode/"])
def test_odd_links_are_no_error(client, address):
    assert client.get(address).status_code in (200, 302)


# --- desk ----------------------------------------------------------------------------------------------------------


def test_desk_prints_for_a_person_without_a_phone_and_the_person_sees_it_logged(client):
    dose = make_dose(make_citizen())
    nurse = make_staff("vaksinator", facility=dose.facility)
    sign_in_staff(client, nurse)
    Visit.objects.create(
        citizen=dose.citizen, facility=dose.facility, programme=dose.programme, checked_in_by=nurse, step="observed"
    )
    address = reverse("desk-certificate", args=[dose.uuid])
    response = client.get(address)
    assert response.content.startswith(b"%PDF")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert ReadLog.objects.get(citizen_id=dose.citizen_id).purpose == "certificate"
    assert SignatureLog.objects.first().actor == "desk"
    Immunization.objects.filter(pk=dose.pk).update(is_primary_source=False)
    assert client.get(address).status_code == 410


def test_desk_of_another_place_does_not_find_the_dose(client):
    dose = make_dose(make_citizen())
    other = Facility.objects.create(
        code="puskesmas-lain", name="Puskesmas Lain", kind="puskesmas", kecamatan=dose.facility.kecamatan
    )
    sign_in_staff(client, make_staff("vaksinator", facility=other))
    assert client.get(reverse("desk-certificate", args=[dose.uuid])).status_code == 404
    assert not ReadLog.objects.exists()


# --- verifier ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kept_fresh")
def test_verifier_page_sets_no_cookie_and_asks_nothing_of_the_database(client, django_assert_num_queries):
    client.get("/verifikasi/")
    with django_assert_num_queries(0):
        response = client.get("/verifikasi/")
    assert response.status_code == 200
    assert not response.cookies


def check(client, text, path="/verifikasi/"):
    return client.post(path, {"code": text})


def test_verifier_shows_facts_of_a_valid_code_and_who_issued_it(client):
    certificate = services.issue(make_dose().pk)
    for text in (certificate.hc1, shc.qr_text(certificate.shc)):
        body = check(client, text).content.decode()
        assert "Sah" in body
        assert "Dinas Kesehatan Kota Semarang" in body
        assert "Suparti Uji" in body


def test_verifier_tells_revoked_apart_from_forged_and_shows_no_facts(client):
    certificate = services.issue(make_dose().pk)
    forged = certificate.hc1[:-20] + "0" * 20
    services.revoke(certificate.immunization_id)
    revoked = check(client, certificate.hc1).content.decode()
    assert "Dicabut" in revoked
    assert "Suparti Uji" not in revoked
    assert "Suparti Uji" not in check(client, forged).content.decode()


def test_verifier_stores_and_logs_nothing(client, caplog, django_assert_num_queries):
    certificate = services.issue(make_dose().pk)
    before = Message.objects.count(), Certificate.objects.count()
    caplog.clear()
    with caplog.at_level("DEBUG"):
        response = check(client, certificate.hc1)
    assert not response.cookies
    assert (Message.objects.count(), Certificate.objects.count()) == before
    assert certificate.hc1[:40] not in caplog.text
    assert "Suparti" not in caplog.text
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("text", ["", "halo", "HC1:", "HC1:\x00", "shc:/1", "eyJ", "A" * 50_000, "{}", "[[[["])
def test_verifier_answers_nonsense_in_words(client, text):
    response = check(client, text)
    assert response.status_code in (200, 422)
    assert b"<h1>" in response.content


def test_code_broken_over_lines_by_a_mail_program_still_verifies(client):
    text = services.issue(make_dose().pk).hc1
    wrapped = "\r\n".join(text[place : place + 60] for place in range(0, len(text), 60))
    # A blank at the end of a line is data in base45 and must survive.
    assert "Sah" in check(client, wrapped).content.decode()


def test_verifier_in_english(client):
    certificate = services.issue(make_dose().pk)
    assert b'lang="en"' in check(client, certificate.hc1, "/en/verifikasi/").content


def test_api_gives_the_same_verdict(client):
    certificate = services.issue(make_dose().pk)
    answer = client.post("/api/v1/certificates/verify/", {"code": certificate.hc1}, content_type="application/json")
    assert answer.json()["verdict"] == "valid"
    assert answer.json()["facts"]["name"] == "Suparti Uji"
    for body in ("{}", "[]", '{"code": 5}', '{"code": "\\u0000"}', "x", '{"code": null}'):
        assert client.post("/api/v1/certificates/verify/", body, content_type="application/json").status_code in (
            200,
            400,
        )


# --- published lists -----------------------------------------------------------------------------------------------


def test_published_keys_let_anybody_verify_a_card_offline(client):
    certificate = services.issue(make_dose().pk)
    response = client.get("/.well-known/jwks.json")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Content-Type"] == "application/json"
    assert "max-age" in response.headers["Cache-Control"]
    assert not response.cookies
    assert not any("d" in key for key in response.json()["keys"])
    ring = KeyRing(shc.read_jwks(response.json()))
    assert verifying_shc.verify(certificate.shc, ring, now=timezone.now()).verdict == "valid"


def test_published_signers_let_anybody_verify_hc1_offline(client):
    import base64

    from certificates.trust import read_certificate
    from certificates.verifying import hcert

    certificate = services.issue(make_dose().pk)
    listed = client.get("/.well-known/dsc.json").json()["certificates"]
    ring = KeyRing([read_certificate(base64.b64decode(one["rawData"])) for one in listed if one["purpose"] == "dcc"])
    assert hcert.verify(certificate.hc1, ring, now=timezone.now()).verdict == "valid"
    assert client.get("/.well-known/dsc.pem").content.count(b"BEGIN CERTIFICATE") >= 2


def test_revocation_lists_name_the_code_and_no_person(client):
    import base64

    from certificates import hcert

    certificate = services.issue(make_dose().pk)
    services.revoke(certificate.immunization_id)
    head, body, _signature = client.get("/.well-known/revocations.jws").content.decode().split(".")
    entries = json.loads(shc.unb64url(body))["entries"]
    named = base64.b64encode(hcert.revocation_hash(certificate.uvci.encode())).decode()
    assert named in entries["UCI"]
    assert len(entries["SIGNATURE"]) == 2
    card = client.get(f"/.well-known/crl/{certificate.shc_key_id}.json").json()
    assert card["rids"] == [shc.revocation_id(certificate.uvci)]
    assert json.loads(shc.unb64url(head))["kid"] == certificate.shc_key_id
    for kid in ("none", "%00", "x" * 45):
        assert client.get(f"/.well-known/crl/{kid}.json").status_code == 404
