"""Error pages in plain words; each says what happened, whether anything was lost, and what to do now.

They are rendered without the request: an error page must not fail on the database, the session or a cookie.
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def _page(template: str, status: int, request: HttpRequest, **context: object) -> HttpResponse:
    body = render_to_string(template, {"page_path": request.path, "status": status, **context})
    response = HttpResponse(body, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the browser sent something we cannot read."""
    return _page("400.html", 400, request)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: signed in, but without the right."""
    return _page("403.html", 403, request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was open too long, or cookies are off."""
    return _page("403_csrf.html", 403, request)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: no such page, or not yours; both look the same on purpose."""
    return _page("404.html", 404, request)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault."""
    return _page("500.html", 500, request)
