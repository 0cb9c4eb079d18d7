"""The short lane: what serves only the sign-in of staff is not run for pages on which citizens book.

Of a booking's six requests none has a session row, an account of staff or a message for the next page; the middleware
that keeps these ready took 23 µs of each. In settings.MIDDLEWARE it stands between the two classes here. Where it was
left out `request.user` and `request.session` do not exist, so a page of staff that came to stand in the lane by mistake
would fail and never open (tests/core/test_lanes.py walks every address).
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

Handler = Callable[[HttpRequest], HttpResponse]

SHORT = ("/janji/", "/en/janji/")
# Who has signed in as staff, and a page that has something to tell from the one before, go the whole way.
WHOLE_WAY_COOKIES = (f"{settings.SESSION_COOKIE_NAME}=", "messages=")

_ends: list[Handler] = []  # Django builds the chain from its last middleware, so the end is known before the beginning


def is_short(request: HttpRequest) -> bool:
    """Whether this request needs nothing of what stands in between."""
    if not request.path_info.startswith(SHORT):
        return False
    cookies = request.META.get("HTTP_COOKIE", "")
    return not any(name in cookies for name in WHOLE_WAY_COOKIES)


class StaffMiddlewareBegins:
    """From here on for everybody but the short lane."""

    def __init__(self, get_response: Handler) -> None:
        if not _ends:
            raise ImproperlyConfigured("core.lanes.StaffMiddlewareEnds is missing behind StaffMiddlewareBegins.")
        self.whole_way, self.short_way = get_response, _ends.pop()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.short_way(request) if is_short(request) else self.whole_way(request)


class StaffMiddlewareEnds:
    """To here; whoever has a session of staff is named in every line that is written from now on."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        _ends.append(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            RequestMiddleware.bind_user_id(request)
        return self.get_response(request)
