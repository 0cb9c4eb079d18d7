"""/verifikasi/: anybody may check a code. Nothing is stored, nothing is logged, no cookie is set."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from certificates import browser, words
from certificates.forms import VerifyForm
from certificates.verifying import verify_text
from certificates.verifying.verdicts import Outcome
from core import throttle
from core.net import client_address
from core.snapshot import Snapshot, snapshot_response

LIMIT = "60/minute"


def _empty_page(request: HttpRequest) -> bytes:
    return render_to_string("certificates/verify.html", _form_context(request, VerifyForm())).encode()


def _form_context(request: HttpRequest, form: VerifyForm) -> dict[str, object]:
    return {"form": form, "page_path": request.path, "verify_data": browser.page_data()}


def _data(_request: HttpRequest) -> bytes:
    return json.dumps(browser.verifier_data(), separators=(",", ":"), sort_keys=True).encode()


def _worker(_request: HttpRequest) -> bytes:
    return render_to_string("certificates/sw.js", {"static_url": settings.STATIC_URL}).encode()


page = Snapshot("verifikasi", _empty_page, max_age=1)
# Lists hold thousands of keys; a key made by a rotation is in the data before anybody carries a code of it around.
verifier_data = Snapshot("verifikasi-kunci", _data, max_age=30, content_type="application/json")
worker_script = Snapshot("verifikasi-sw", _worker, max_age=300, content_type="text/javascript; charset=utf-8")


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """Public keys and code tables for the verifier in the browser."""
    return snapshot_response(request, verifier_data)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker; it lives below the page because its address is the limit of what it may answer for."""
    return snapshot_response(request, worker_script)


# Without a session there is nothing a forged request could misuse, and a token would put a cookie on a public page.
@csrf_exempt
def verify(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: the verdict on one code; the code is not kept anywhere."""
    if request.method not in ("POST",):
        return snapshot_response(request, page)
    if wait := throttle.hit("verify_page", client_address(request), LIMIT):
        return render(request, "429.html", {"retry_minutes": max(1, wait // 60)}, status=429)
    form = VerifyForm(request.POST)
    if not form.is_valid():
        return render(request, "certificates/verify.html", _form_context(request, form), status=422)
    result = verify_text(form.cleaned_data["code"])
    return render(request, "certificates/verdict.html", verdict_context(result))


def verdict_context(result: Outcome) -> dict[str, object]:
    """The verdict in plain words with the facts of a code whose signature held."""
    kind, title, text = words.of(result)
    return {
        "result": result,
        "kind": kind,
        "title": title,
        "text": text,
        "facts": words.readable_facts(result.facts),
        "trust": words.trust_of(result),
        "notes": words.notes_of(result),
    }
