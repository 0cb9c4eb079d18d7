"""Rules that hold for whole groups of pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
