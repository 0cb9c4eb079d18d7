"""Error pages say what happened and what to do, in the reader's language, and never fail themselves."""

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.translation import override

from portal import errors


def _fail(request):
    raise {"403": PermissionDenied, "400": BadRequest, "500": RuntimeError}[request.GET["with"]]("rahasia")


urlpatterns = [path("gagal/", _fail)]
handler400, handler403, handler404, handler500 = (
    errors.bad_request,
    errors.forbidden,
    errors.not_found,
    errors.server_error,
)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/gagal/?with=400", 400, "Permintaan tidak dapat dibaca"),
        ("/gagal/?with=403", 403, "Halaman ini bukan untuk akun Anda"),
        ("/tidak-ada/", 404, "Halaman tidak ditemukan"),
        ("/gagal/?with=500", 500, "Ada gangguan di pihak kami"),
    ],
)
def test_each_failure_has_a_page_that_keeps_its_cause_to_itself(client, address, status, words):
    client.raise_request_exception = False
    response = client.get(address)
    assert response.status_code == status
    assert words in response.text and "rahasia" not in response.text
    assert not response.cookies


def test_too_many_tries_names_the_minutes_to_wait():
    page = render_to_string("429.html", {"retry_minutes": 7})
    assert "7 menit" in page and "Terlalu banyak percobaan" in page


def test_an_error_under_the_english_address_is_english():
    with override("en"):
        page = errors.not_found(RequestFactory().get("/en/nowhere/")).content.decode()
    assert 'lang="en"' in page


@pytest.mark.urls(__name__)
def test_a_form_without_its_token_is_answered_with_words_and_changes_nothing():
    response = Client(enforce_csrf_checks=True).post("/gagal/?with=500", {})
    assert response.status_code == 403
    assert "Formulir sudah kedaluwarsa" in response.text
