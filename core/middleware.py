"""Rules that hold for whole groups of pages."""

from collections.abc import Callable
from functools import cache

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

PRIVATE_PREFIXES = ("/petugas/", "/dinkes/", "/admin/", "/keluarga/", "/janji/", "/sertifikat/", "/masuk/")


class PrivatePagesMiddleware:
    """Keeps pages of persons out of every cache; public pages set their own headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        path = request.path.removeprefix("/en")
        if path.startswith(PRIVATE_PREFIXES) or request.method == "POST":
            response.headers["Cache-Control"] = "private, no-store"
        return response


class LanguageMiddleware:
    """The language is that of the address: English under `/en/`, Indonesian everywhere else.

    Django's LocaleMiddleware comes to the same after asking cookie and browser, whose answer the address overrules, and
    then tells caches that pages differ by `Accept-Language`, which ours do not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.languages = dict(settings.LANGUAGES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        first = request.path_info[1:].partition("/")[0]
        language = first if first in self.languages else settings.LANGUAGE_CODE
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


class KnownTokenMiddleware:
    """A browser that has the cookie of its forms is not sent it again.

    Django sends it with every page that has a form, to begin its year anew. Ours lasts a year from the first form; for
    each page of a booking that is 26 µs and 150 bytes less. Stands behind CsrfViewMiddleware, which writes the cookie.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        known = request.COOKIES.get(settings.CSRF_COOKIE_NAME)
        if request.META.get("CSRF_COOKIE_NEEDS_UPDATE") and request.META["CSRF_COOKIE"] == known:
            request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
            patch_vary_headers(response, ("Cookie",))  # the form carries the token all the same
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp, which puts the policy together for every answer; here once for all that have nothing of their own."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Set the header; a nonce or a decorated view is the library's to do."""
        if getattr(request, "csp_nonce", None) or any(name.startswith("_csp") for name in response.__dict__):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, _usual_policy())
        return response


@cache
def _usual_policy() -> str:
    return build_policy()
