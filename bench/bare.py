"""The limit for pages: Django with nothing but one view, on the same gunicorn settings. `/` small, `/N` N bytes."""

import functools
import secrets

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY=secrets.token_hex(), MIDDLEWARE=[])


@functools.cache
def _body(size: int) -> bytes:
    return b"x" * size


def view(_request: HttpRequest, size: int = 100) -> HttpResponse:
    """So many bytes."""
    return HttpResponse(_body(size))


urlpatterns = [path("", view), path("<int:size>", view)]
application = get_wsgi_application()
