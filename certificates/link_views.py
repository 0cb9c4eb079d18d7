"""A certificate by its random link: the link asks for a code to the phone, the code opens the certificate.

Every answer is the same for a link that exists, one that does not, and one whose person has no phone.
"""

from __future__ import annotations

import json
import uuid

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from certificates import access
from certificates.models import Certificate
from certificates.views import certificate_page, dose_page
from core import throttle
from core.net import client_address
from registration import codes
from registration.forms import CodeForm
from registration.queries import notification_language, notification_phone

PURPOSE = "certificate"
COOKIE = "sertifikat_kode"
SALT = "certificates.link_code"
COOKIE_SECONDS = 1800
PER_LINK = "5/hour;10/day"
PER_ADDRESS = "30/hour"
PER_PHONE = "10/hour;20/day"
TRIES_PER_ADDRESS = "60/hour"


@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Open the certificate for a browser that proved itself; for every other one offer the code."""
    certificate = access.by_token(token)
    if certificate and access.is_granted(request, certificate):
        return _open(request, certificate)
    if request.method != "POST":
        return render(request, "certificates/link.html")
    wait = throttle.hit("certificate_link_address", client_address(request), PER_ADDRESS)
    wait = wait or throttle.hit("certificate_link", token, PER_LINK)
    if wait:
        return _too_many(request, wait)
    browser = codes.new_browser_secret()
    code_id = _send_code(certificate, browser) if certificate else uuid.uuid4()
    response = HttpResponseRedirect(reverse("certificates:code", args=[token]))
    response.set_cookie(
        COOKIE,
        signing.dumps(json.dumps([str(code_id), browser]), salt=SALT),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _send_code(certificate: Certificate, browser: str) -> uuid.UUID:
    citizen = certificate.immunization.citizen
    phone = notification_phone(citizen)
    # Over the limit nothing is sent and nothing is said: a refusal would tell that the link is a real one.
    if phone is None or throttle.hit("certificate_link_phone", phone, PER_PHONE):
        return uuid.uuid4()
    return codes.issue(phone=phone, browser=browser, purpose=PURPOSE, language=notification_language(citizen)).pk


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the code; post: check it and let this browser in."""
    pending = _pending(request)
    if pending is None:
        return HttpResponseRedirect(reverse("certificates:link", args=[token]))
    form = CodeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "certificates/code.html", {"form": form, "token": token}, status=status)
    if wait := throttle.hit("certificate_code", client_address(request), TRIES_PER_ADDRESS):
        return _too_many(request, wait)
    certificate = access.by_token(token)
    if certificate is None or not _is_right(certificate, pending, form.cleaned_data["code"]):
        # One sentence for every cause, without a count of tries: a count exists only for real links.
        form.add_error("code", _("Kode salah atau sudah tidak berlaku. Periksa pesan terakhir, atau minta kode baru."))
        return render(request, "certificates/code.html", {"form": form, "token": token}, status=422)
    response = HttpResponseRedirect(reverse("certificates:link", args=[token]))
    response.delete_cookie(COOKIE, samesite="Lax")
    access.grant(response, certificate)
    return response


def _is_right(certificate: Certificate, pending: tuple[uuid.UUID, str], typed: str) -> bool:
    code_id, browser = pending
    try:
        used = codes.verify(code_id, browser=browser, typed=typed, purpose=PURPOSE)
    except (codes.CodeWrong, codes.CodeOver):
        return False
    # A code asked for with one's own link must not open somebody else's.
    return used.phone == notification_phone(certificate.immunization.citizen)


def _open(request: HttpRequest, certificate: Certificate) -> HttpResponse:
    """The certificate, or the one that took its place, or why there is none any more."""
    if certificate.status == Certificate.Status.VALID:
        return certificate_page(request, certificate)
    immunization = certificate.immunization
    replacement = getattr(immunization, "replaced_by", None)
    # A correction may have moved the dose to another person, to whom this link gives no right.
    if replacement and replacement.citizen_id == immunization.citizen_id:
        immunization = replacement
    return dose_page(request, immunization, actor="citizen link")


def _pending(request: HttpRequest) -> tuple[uuid.UUID, str] | None:
    try:
        raw = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)
        code_id, browser = json.loads(raw)
        return uuid.UUID(code_id), str(browser)
    except (signing.BadSignature, ValueError, TypeError):
        return None


def _too_many(request: HttpRequest, wait_seconds: int) -> HttpResponse:
    response = render(request, "429.html", {"retry_minutes": max(1, -(-wait_seconds // 60))}, status=429)
    response.headers["Retry-After"] = str(wait_seconds)
    return response
