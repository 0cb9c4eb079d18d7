"""Certificate pages in a real browser, phone and desktop: readable, accessible, under the strict content policy."""

import re

import pytest

from certificates import services
from messaging.models import Message
from registration import session
from tests.certificates.doses import make_dose
from tests.journeys.visitor import DESKTOP, PHONE, Visitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visitor(browser, live_server, redis_client):
    contexts = []

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
    assert family.heading == "Sertifikat vaksinasi"
    assert family.page.locator(".qr svg").count() == 2
    code = family.page.locator("textarea").first.input_value()
    stranger.visit("/verifikasi/")
    stranger.fill(code=code)
    stranger.press("Periksa", exact=True)
    assert "Sah" in stranger.text
    assert dose.citizen.full_name in stranger.text
    services.revoke(dose.pk)
    stranger.visit("/verifikasi/")
    stranger.fill(code=code)
    stranger.press("Periksa", exact=True)
    assert "Dicabut" in stranger.text
    assert dose.citizen.full_name not in stranger.text


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
