"""The language follows the address alone, and is what Django's own middleware would choose."""

import pytest
from django.http import HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.test import RequestFactory
from django.utils import translation

from core.middleware import LanguageMiddleware

ADDRESSES = ["/", "/jadwal/", "/en/", "/en/jadwal/3/", "/en", "/english/", "/id/jadwal/", "/petugas/en/", "/xx/jadwal/"]


def _answer(middleware, address, **headers):
    def view(request):
        return HttpResponse(f"{translation.get_language()} {request.LANGUAGE_CODE}")

    with translation.override(None):
        return middleware(view)(RequestFactory().get(address, headers=headers))


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("headers", [{}, {"Accept-Language": "en"}, {"Cookie": "django_language=en"}])
def test_the_language_is_the_one_django_would_choose(address, headers):
    ours, theirs = (_answer(middleware, address, **headers) for middleware in (LanguageMiddleware, LocaleMiddleware))
    assert ours.content == theirs.content
    assert ours.headers["Content-Language"] == theirs.headers["Content-Language"]


def test_no_cache_is_told_that_a_page_differs_by_the_browsers_language():
    assert "Vary" not in _answer(LanguageMiddleware, "/jadwal/", **{"Accept-Language": "en"}).headers


def test_a_missing_slash_behind_the_prefix_is_put_there(client):
    answer = client.get("/en")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/en/")
