"""Certificate pages in a real browser, phone and desktop: readable, accessible, under the strict content policy."""

import json
import re

import pytest
import segno

from certificates import authority, services, shc, verify_views, wellknown
from certificates.verifying import verify_text
from messaging.models import Message
from registration import session
from tests.certificates.doses import make_dose
from tests.journeys.visitor import DESKTOP, PHONE, Visitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visitor(browser, live_server, redis_client):
    contexts = []
    verify_views.page.clear()
    verify_views.verifier_data.clear()
    for document in wellknown.PAGES.values():
        document.clear()

    def make(screen=PHONE, scripts=True):
        context = browser.new_context(viewport=screen, java_script_enabled=scripts, locale="id-ID")
        contexts.append(context)
        return Visitor(context, live_server.url, scripts=scripts)

    yield make
    for context in contexts:
        context.close()


def sign_in(visitor, account):
    from django.http import HttpResponse

    response = HttpResponse()
    session.sign_in(response, account)
    visitor.context.add_cookies([{"name": "warga", "value": response.cookies["warga"].value, "url": visitor.url}])


@pytest.mark.parametrize(("screen", "scripts"), [(PHONE, True), (PHONE, False), (DESKTOP, True)])
def test_family_opens_its_certificate_and_the_code_verifies(visitor, screen, scripts):
    dose = make_dose()
    family, stranger = visitor(screen, scripts), visitor(screen, scripts)
    sign_in(family, dose.citizen.account)
    family.visit("/sertifikat/")
    family.follow("Pfizer-BioNTech")
    family.arrives("Sertifikat vaksinasi")
    assert family.page.locator(".qr svg").count() == 2
    code = family.page.locator("textarea").first.input_value()
    assert "Tanda tangan digital sah" in checked(stranger, code)
    assert dose.citizen.full_name in stranger.text
    services.revoke(dose.pk)
    wellknown.PAGES["revocations"].clear()
    assert "sudah dicabut penerbitnya" in checked(stranger, code)
    assert dose.citizen.full_name not in stranger.text


def checked(person, code):
    person.visit("/verifikasi/")
    if person.scripts:
        person.page.locator("#verify-form[data-ready]").wait_for()
    person.fill(code=code)
    person.press("Periksa", exact=True)
    if person.scripts:
        person.page.locator("#verdict[data-verdict]").wait_for()
        person.look()
    return person.text


def test_link_from_the_message_opens_with_the_code(visitor):
    dose = make_dose()
    services.issue(dose.pk)
    path = re.search(r"https?://[^/]+(/sertifikat/\S+)", Message.objects.get().body)[1]
    person = visitor()
    person.visit(path)
    person.press("Kirim kode")
    message = Message.objects.get(kind="certificate_code")
    person.fill(code=re.search(r"\b(\d{6})\b", message.body)[1])
    person.press("Buka sertifikat")
    assert dose.citizen.full_name in person.text


def test_wrong_code_is_told_in_words(visitor):
    services.issue(make_dose().pk)
    path = re.search(r"https?://[^/]+(/sertifikat/\S+)", Message.objects.get().body)[1]
    person = visitor()
    person.visit(path)
    person.press("Kirim kode")
    person.fill(code="000000")
    person.press("Buka sertifikat")
    assert "Kode salah atau sudah tidak berlaku" in person.text


@pytest.fixture
def verifier(visitor):
    """A verifier's phone with the page open and the network off."""
    authority.ensure()
    person = visitor()
    person.visit("/verifikasi/")
    person.page.locator("#verify-form[data-ready]").wait_for()
    requests = []
    person.page.on("request", lambda request: requests.append(request.url))
    person.context.set_offline(True)

    def check(text):
        person.page.fill("textarea", text)
        person.page.evaluate("document.getElementById('verdict').removeAttribute('data-verdict')")
        person.page.get_by_role("button", name="Periksa", exact=True).click()
        person.page.locator("#verdict[data-verdict]").wait_for()
        assert requests == []
        return person.page.locator("#verdict").get_attribute("data-verdict"), person.page.locator(
            "#verdict"
        ).inner_text()

    check.person = person
    return check


def test_browser_checks_codes_without_the_network_and_agrees_with_the_server(visitor, request):
    revoked, valid = services.issue(make_dose().pk), services.issue(make_dose().pk)
    services.revoke(revoked.immunization_id)
    check = request.getfixturevalue("verifier")
    jws = valid.shc
    texts = {
        "HC1": valid.hc1,
        "card": shc.qr_text(jws),
        "revoked": revoked.hc1,
        "revoked card": shc.qr_text(revoked.shc),
        "other signature": valid.hc1[:-30] + revoked.hc1[-30:],
        "cut": valid.hc1[:200],
        "bad letter": valid.hc1.replace("A", "a"),
        "not a code": "halo",
        "odd digits": shc.qr_text(jws) + "1",
        "no slash": "shc:" + shc.qr_digits(jws),
        "forged card": jws[:-4] + ("AAAA" if jws[-4:] != "AAAA" else "BBBB"),
        "empty HC1": "HC1:",
    }
    for name, text in texts.items():
        assert (name, check(text)[0]) == (name, verify_text(text).verdict)
    verdict, words = check(valid.hc1)
    assert verdict == "valid"
    assert valid.facts["name"] in words
    assert "Comirnaty" in words and "BioNTech" in words
    assert revoked.facts["name"] not in check(revoked.hc1)[1]
    assert check.person.page.input_value("textarea") == ""


def test_browser_survives_hostile_codes(verifier):
    import random
    import zlib

    import base45

    bomb = base45.b45encode(zlib.compress(b"\x00" * 30_000_000)).decode()
    assert verifier(f"HC1:{bomb}")[0].startswith("bad-")
    deep = base45.b45encode(zlib.compress(b"\x81" * 60_000 + b"\x00")).decode()
    assert verifier(f"HC1:{deep}")[0] == "bad-cose"
    huge = base45.b45encode(zlib.compress(b"\x9b\x7f" + b"\xff" * 7)).decode()
    assert verifier(f"HC1:{huge}")[0] == "bad-cose"
    chance = random.Random(7)
    for _ in range(20):
        noise = base45.b45encode(zlib.compress(chance.randbytes(chance.randrange(1, 300)))).decode()
        assert verifier(f"HC1:{noise}")[0].startswith(("bad-", "unknown-"))


def test_opened_once_the_page_opens_and_checks_without_a_network(verifier):
    code = services.issue(make_dose().pk)
    person = verifier.person
    person.context.set_offline(False)
    person.visit("/verifikasi/")
    person.page.locator("#verify-form[data-offline]").wait_for()
    assert "dapat dipakai tanpa internet" in person.page.locator("[data-offline-state]").inner_text()
    person.context.set_offline(True)
    person.page.reload()
    person.page.locator("#verify-form[data-ready]").wait_for()
    person.page.fill("textarea", code.hc1)
    person.page.get_by_role("button", name="Periksa", exact=True).click()
    person.page.locator("#verdict[data-verdict=valid]").wait_for()
    kept = person.page.evaluate(
        "caches.keys().then(async (names) => (await (await caches.open(names[0])).keys()).map(r => r.url))"
    )
    assert len(kept) > 15
    assert not any("HC1" in url or "code" in url.rpartition("/")[2] for url in kept)


def test_code_is_read_from_a_picture_and_from_a_file(visitor, tmp_path):
    issued = services.issue(make_dose().pk)
    picture, card = tmp_path / "kode.png", tmp_path / "vaksinasi.smart-health-card"
    segno.make(issued.hc1, error="q", mode="alphanumeric").save(picture, scale=4)
    card.write_text(json.dumps({"verifiableCredential": [issued.shc]}))
    person = visitor()
    person.visit("/verifikasi/")
    for file, kind in ((picture, "HC1"), (card, "card")):
        person.page.locator("#verify-form[data-ready][data-scanner]").wait_for()
        person.page.evaluate("document.getElementById('verdict').removeAttribute('data-verdict')")
        person.page.set_input_files("#scan-file", file)
        person.page.locator("#verdict[data-verdict]").wait_for()
        assert (kind, person.page.locator("#verdict").get_attribute("data-verdict")) == (kind, "valid")
    person.look()


def test_code_that_needs_the_server_stays_in_the_box_without_a_network(visitor):
    authority.ensure()
    person = visitor()
    person.page.add_init_script("delete window.DecompressionStream")
    person.visit("/verifikasi/")
    person.context.set_offline(True)
    person.page.fill("textarea", "HC1:UJI")
    person.page.get_by_role("button", name="Periksa", exact=True).click()
    assert "lewat internet" in person.page.locator("[data-scan-status]").inner_text()
    assert person.page.input_value("textarea") == "HC1:UJI"
    person.context.set_offline(False)
    person.press("Periksa", exact=True)
    person.arrives("Hasil pemeriksaan")


def test_the_page_of_a_certificate_prints_on_one_sheet(visitor):
    dose = make_dose()
    family = visitor()
    sign_in(family, dose.citizen.account)
    family.visit(f"/sertifikat/dosis/{dose.uuid}/")
    sheet = family.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", sheet)) == 1
