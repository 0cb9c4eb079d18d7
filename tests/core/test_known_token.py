"""The cookie of forms is given once, and forms go on being guarded by it."""

import re

import pytest
from django.http import HttpResponse
from django.middleware.csrf import get_token, rotate_token
from django.test import Client
from django.urls import path


def form(request):
    return HttpResponse(f"token={get_token(request)};")


def anew(request):
    rotate_token(request)
    return HttpResponse()


def sent(request):
    return HttpResponse(request.method)


urlpatterns = [path("formulir/", form), path("baru/", anew), path("kirim/", sent)]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("db")]


@pytest.fixture
def phone():
    return Client(enforce_csrf_checks=True)


def _token(answer):
    return re.search("token=(.*);", answer.content.decode()).group(1)


def test_the_cookie_is_sent_with_the_first_form_only_and_every_form_works(phone):
    first, second = phone.get("/formulir/"), phone.get("/formulir/")
    assert first.cookies["csrftoken"]["max-age"] and not second.cookies
    assert "Cookie" in first.headers["Vary"] and "Cookie" in second.headers["Vary"]
    assert _token(first) != _token(second)  # masked anew for each page
    for answer in (first, second):
        assert phone.post("/kirim/", {"csrfmiddlewaretoken": _token(answer)}).status_code == 200
    assert phone.post("/kirim/", {"csrfmiddlewaretoken": _token(Client().get("/formulir/"))}).status_code == 403


def test_a_new_token_is_sent_to_a_browser_that_has_an_old_one(phone):
    old = phone.get("/formulir/").cookies["csrftoken"].value
    assert phone.get("/baru/").cookies["csrftoken"].value != old


def test_a_cookie_nobody_gave_is_replaced(phone):
    phone.cookies["csrftoken"] = "x"
    assert len(phone.get("/formulir/").cookies["csrftoken"].value) == 32
