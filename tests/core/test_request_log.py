"""The one line that each request leaves, and what every line written meanwhile carries."""

import io
import json
import logging
from types import SimpleNamespace

import pytest
import structlog
from django.conf import settings
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from accounts.models import User
from core import lanes, logs
from core.request_log import RequestLogMiddleware


@pytest.fixture
def stream(monkeypatch):
    """What would go to standard error, in production's words."""
    written, direct = io.BytesIO(), logs.direct
    monkeypatch.setattr(logs, "_renderer", structlog.processors.JSONRenderer())
    monkeypatch.setattr(logs, "direct", lambda name: direct(name, written))
    return written


@pytest.fixture
def lines(stream, caplog):
    """The events of the requests themselves, then those that structlog handed to logging, as dictionaries."""
    caplog.set_level(logging.INFO)

    def read():
        own = [json.loads(line) for line in stream.getvalue().splitlines()]
        return own + [record.msg for record in caplog.records if isinstance(record.msg, dict)]

    return read


def _answer(view, path="/jadwal/", **cookies):
    request = RequestFactory().get(path)
    request.COOKIES.update(cookies)
    return RequestLogMiddleware(view)(request)


def test_a_request_leaves_one_line_without_its_query(lines):
    _answer(lambda _request: HttpResponse(status=204), "/masuk/?nomor=081234567890")
    (line,) = lines()
    assert (line["event"], line["code"], line["request"]) == ("request_finished", 204, "GET /masuk/")
    assert line["level"] == "info"
    assert "user_id" not in line


def test_the_line_has_what_every_other_line_has_and_is_masked(lines, stream):
    _answer(lambda _request: HttpResponse(), "/warga/9974011234569001/a8Jh2kLmN0pQrStUvWxYz/")
    (line,) = lines()
    assert set(line) == {"event", "code", "request", "request_id", "level", "logger", "timestamp"}
    assert line["request"] == "GET /warga/••••••••••••••01/…/"
    assert (line["logger"], line["timestamp"][-1], stream.getvalue()[-1:]) == ("core.request_log", "Z", b"\n")


@pytest.mark.parametrize("problem", [OSError("no space left on device"), ValueError("closed file")])
def test_a_line_that_cannot_be_written_costs_nobody_the_answer(monkeypatch, problem):
    def refuse(*_arguments, **_named):
        raise problem

    middleware = RequestLogMiddleware(lambda _request: HttpResponse(b"isi"))
    monkeypatch.setattr(middleware, "lines", SimpleNamespace(log=refuse))
    assert middleware(RequestFactory().get("/jadwal/")).content == b"isi"
    assert not structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(("status", "level"), [(200, "info"), (302, "info"), (404, "warning"), (503, "error")])
def test_the_level_follows_the_answer(lines, status, level):
    _answer(lambda _request: HttpResponse(status=status))
    assert [line["level"] for line in lines()] == [level]


def test_lines_of_one_request_share_an_id_that_ends_with_it(lines):
    def view(_request):
        structlog.get_logger("test").info("di tengah")
        return HttpResponse()

    _answer(view)
    _answer(view)
    first, second, *meanwhile = [line["request_id"] for line in lines()]
    assert [first, second] == meanwhile and first != second
    assert not structlog.contextvars.get_contextvars()


def test_a_session_of_staff_names_the_account(lines, monkeypatch):
    monkeypatch.setattr(lanes, "_ends", [])

    def view(_request):
        structlog.get_logger("test").info("di tengah")
        return HttpResponse()

    request = RequestFactory().get("/petugas/")
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
    request.user = User(pk=7)
    RequestLogMiddleware(lanes.StaffMiddlewareEnds(view))(request)
    assert [line["user_id"] for line in lines()] == [7, 7]


def test_a_streamed_file_leaves_its_line_too(lines):
    response = _answer(lambda _request: StreamingHttpResponse([b"a", b"b"]))
    assert response.getvalue() == b"ab"
    assert "request_finished" in [line["event"] for line in lines()]


def test_a_view_that_fails_is_told_with_its_traceback_and_only_once(client, lines, settings):
    def view(_request):
        raise ZeroDivisionError

    middleware = RequestLogMiddleware(view)
    request = RequestFactory().get("/jadwal/")
    try:
        view(request)
    except ZeroDivisionError:
        middleware.process_got_request_exception(None, request)
    middleware.get_response = lambda _request: HttpResponse(status=500)
    middleware(request)
    assert [line["event"] for line in lines()] == ["request_failed"]


def test_a_missing_page_is_no_failure(lines):
    middleware = RequestLogMiddleware(lambda _request: HttpResponse(status=404))
    request = RequestFactory().get("/tidak-ada/")
    try:
        raise Http404
    except Http404:
        middleware.process_got_request_exception(None, request)
    middleware(request)
    assert [line["event"] for line in lines()] == ["request_finished"]
