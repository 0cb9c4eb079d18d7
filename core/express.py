"""The express lane: answers that need nothing of the other middleware are given before they run.

Three kinds: a public snapshot that is still fresh, an address that registered a light handler (the poll of the waiting
room), and, when more requests wait for a thread than can be served soon, a short page that says so. A page has the
headers of the whole chain, since the first visitor of each snapshot went through it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.utils import translation

from core.snapshot import Page, accepted_encoding

Handler = Callable[[HttpRequest], HttpResponse | None]

ANSWERS_KEPT = 512
# One visitor goes the whole way and renews the page; the others get the previous one for at most this long (seconds).
RENEWAL_SECONDS = 2.0
# A page may differ for somebody signed in (nearest first), so who carries such a cookie goes the whole way.
PERSONAL_COOKIES = ("warga=", "petugas=")
# Never turned away: the desk goes on giving doses, and the launcher asks whether we live.
NEVER_SHED = ("/petugas/", "/dinkes/", "/admin/", "/healthz", "/static/")
RETRY_AFTER_SECONDS = 5

_handlers: dict[str, Handler] = {}


@dataclass
class _Answer:
    """The finished answer of one address and the snapshot it was made of."""

    page: Page
    headers: dict[str, str]
    renewing_until: float = 0.0


def _nobody_waits() -> int:
    return 0


# How many requests wait for a thread of this process; the web server replaces it at its start (victori.web_worker).
queue_length: Callable[[], int] = _nobody_waits


def register(path: str, handler: Handler) -> None:
    """Let `handler` answer `path` (exact) and its English twin; None sends the request the whole way.

    It runs without sessions, language, CSRF and sign-in: only for reads that need none of them. Called from
    AppConfig.ready().
    """
    _handlers[path] = handler
    _handlers[f"/en{path}"] = handler


class ExpressMiddleware:
    """Stands first; see the module."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.answers: dict[str, _Answer] = {}
        self.guard = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if handler := _handlers.get(path):
            answer = handler(request)
            if answer is not None:
                return answer
        if request.method != "GET":
            return _turned_away(request, path) or self.get_response(request)
        address = f"{path}?{request.META.get('QUERY_STRING', '')}"
        kept = None if _is_personal(request) else self.answers.get(address)
        if kept:
            if self._may_serve(kept):
                return _served(request, kept)
        elif busy := _turned_away(request, path):
            return busy
        response = self.get_response(request)
        page: Page | None = getattr(response, "snapshot_page", None)
        if page is not None and _is_public(response) and not _is_personal(request):
            self._keep(address, page, response)
        return response

    def _may_serve(self, kept: _Answer) -> bool:
        """Whether this visitor gets the kept answer; the first one after it went stale does not, and renews it."""
        now = time.monotonic()
        if now < kept.page.fresh_until or (now < kept.renewing_until and kept.page.is_recent):
            return True
        kept.renewing_until = now + RENEWAL_SECONDS  # two threads at the same instant both renew: no harm
        return False

    def _keep(self, address: str, page: Page, response: HttpResponse) -> None:
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("Content-Encoding", "Content-Length", "Content-Type")
        }
        with self.guard:
            if len(self.answers) >= ANSWERS_KEPT and address not in self.answers:
                self.answers.clear()  # a crawler of odd queries must not fill the memory
            self.answers[address] = _Answer(page, headers)


def _is_personal(request: HttpRequest) -> bool:
    cookies = request.META.get("HTTP_COOKIE", "")
    return bool(cookies) and any(name in cookies for name in PERSONAL_COOKIES)


def _turned_away(request: HttpRequest, path: str) -> HttpResponse | None:
    """A short page instead of a long wait; a form already filled is let in much longer than a look."""
    limit = settings.QUEUE_LIMIT if request.method in ("GET", "HEAD") else settings.QUEUE_LIMIT * 4
    if queue_length() <= limit or path.startswith(NEVER_SHED):
        return None
    return busy_page(request)


def _served(request: HttpRequest, kept: _Answer) -> HttpResponse:
    page = kept.page
    response: HttpResponse
    if request.META.get("HTTP_IF_NONE_MATCH", "").removeprefix("W/") == page.etag:
        response = HttpResponseNotModified()
    else:
        encoding = accepted_encoding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        body = page.bodies[encoding]
        response = HttpResponse(body, content_type=page.content_type)
        response.headers["Content-Length"] = str(len(body))
        if encoding:
            response.headers["Content-Encoding"] = encoding
    for name, value in kept.headers.items():
        response.headers[name] = value
    return response


def _is_public(response: HttpResponse) -> bool:
    return (
        response.status_code in (200, 304)
        and not response.cookies
        and response.headers.get("Cache-Control", "").startswith("public")
        and "nonce-" not in response.headers.get("Content-Security-Policy", "")
    )


def busy_page(request: HttpRequest) -> HttpResponse:
    """The page for a moment when too many come at once: 503, tries again by itself, under 3 kB, no query."""
    language = "en" if request.path_info.startswith("/en/") else "id"
    response = HttpResponse(_busy_text(language, request.method not in ("GET", "HEAD")), status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    return response


@cache
def _busy_text(language: str, sent: bool) -> str:
    with translation.override(language):
        return render_to_string("core/busy.html", {"seconds": RETRY_AFTER_SECONDS, "sent": sent, "language": language})
