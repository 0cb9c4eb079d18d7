"""One line per answered request, and its id on every line written meanwhile."""

from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from core import logs


class RequestLogMiddleware(RequestMiddleware):
    """django-structlog's, without what cost a booking as much as its place: a line for the start, which nobody reads,
    the account of people who have none, and signals without receivers. Failed requests are the library's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self.lines = logs.direct(__name__)

    def prepare(self, request: HttpRequest) -> None:
        """Give the request its id; the account of staff is added where it is known (core.lanes)."""
        structlog.contextvars.bind_contextvars(request_id=str(uuid4()))

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Write the line; no query of the address, which may name somebody."""
        if response.streaming or hasattr(request, "_raised_exception"):
            super().handle_response(request, response)
            return
        level = self._log_level_for_status_code(response.status_code)
        with suppress(OSError, ValueError):  # a full disk or a closed pipe must not cost anybody a booking
            self.lines.log(
                level, "request_finished", code=response.status_code, request=f"{request.method} {request.path}"
            )
        structlog.contextvars.clear_contextvars()
