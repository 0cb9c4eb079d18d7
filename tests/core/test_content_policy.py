"""The content policy is made once, and is the library's word for word."""

import pytest
from csp.constants import HEADER
from csp.decorators import csp_update
from csp.middleware import CSPMiddleware
from django.http import HttpResponse
from django.test import RequestFactory

from core.middleware import ContentPolicyMiddleware


def plain(_request):
    return HttpResponse("a")


def with_nonce(request):
    return HttpResponse(f"<script nonce={request.csp_nonce}></script>")


@csp_update({"img-src": "https://peta.example.go.id"})
def with_own_rule(_request):
    return HttpResponse("a")


def _rules(middleware, view):
    response = middleware(view)(RequestFactory().get("/"))
    rules = response.headers[HEADER].replace(response.content.decode().removeprefix("<script nonce=")[:24], "N")
    return {rule.strip() for rule in rules.split(";")}


@pytest.mark.parametrize("view", [plain, with_nonce, with_own_rule])
def test_every_answer_has_the_rules_of_the_library(view):
    assert _rules(ContentPolicyMiddleware, view) == _rules(CSPMiddleware, view)


def test_a_nonce_is_allowed_and_differs_each_time():
    middleware = ContentPolicyMiddleware(with_nonce)
    headers = {middleware(RequestFactory().get("/")).headers[HEADER] for _ in range(3)}
    assert len(headers) == 3
    assert all("'nonce-" in header for header in headers)


def test_a_policy_the_view_has_set_stays():
    def view(_request):
        return HttpResponse(headers={HEADER: "default-src 'none'"})

    assert ContentPolicyMiddleware(view)(RequestFactory().get("/")).headers[HEADER] == "default-src 'none'"
