"""Signing in by a one-time code. Known and unknown phones take the same path, byte for byte."""

import json
import math
import uuid

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core import throttle
from core.net import client_address
from registration import codes, session
from registration.forms import CodeForm, PhoneForm
from registration.models import CitizenAccount, OneTimeCode
from registration.services import phone_index
from registration.session import CitizenRequest

COOKIE = "masuk"
SALT = "registration.sign_in"
COOKIE_AGE = 1800


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: CitizenRequest) -> HttpResponse:
    """Ask for the phone; post: send a code and go on to the page that asks for it."""
    if request.method != "POST" and request.citizen_account:
        return HttpResponseRedirect(session.safe_next(request))
    form = PhoneForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        refused = _too_often(request, form.cleaned_data["phone"])
        if refused:
            return refused
        pending = _pending(request)
        browser = pending[1] if pending else codes.new_browser_secret()
        return _send_code(request, form.cleaned_data["phone"], browser)
    return render(request, "registration/sign_in.html", {"form": form, "next": _next(request)})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def enter_code(request: CitizenRequest) -> HttpResponse:
    """Ask for the code; post: check it and sign in."""
    code, browser = _code_of(request)
    if code is None:
        return _start_over(request)
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        wait = throttle.hit("try_code", client_address(request), settings.LIMIT_TRY_PER_ADDRESS)
        if wait:
            return too_many(request, wait)
        try:
            used = codes.verify(code.pk, browser=browser, typed=form.cleaned_data["code"])
        except codes.CodeWrong as wrong:
            form.add_error("code", _wrong_text(wrong.tries_left))
            status = 422
        except codes.CodeOver:
            form.add_error("code", _("Kode ini tidak berlaku lagi. Minta kode baru di bawah."))
            status = 422
        else:
            return _welcome(request, used)
    wait_seconds = math.ceil((codes.resend_at(code) - timezone.now()).total_seconds())
    context = {"form": form, "code": code, "next": _next(request), "wait_seconds": max(0, wait_seconds)}
    return render(request, "registration/enter_code.html", context, status=status)


@require_POST
def resend_code(request: CitizenRequest) -> HttpResponse:
    """Send another code to the same phone, not sooner than the wait time."""
    code, browser = _code_of(request)
    if code is None:
        return _start_over(request)
    if codes.resend_at(code) > timezone.now():
        messages.info(request, _("Kode baru saja dikirim. Mohon tunggu sebentar sebelum meminta lagi."))
        return HttpResponseRedirect(_here("enter_code", request))
    refused = _too_often(request, code.phone)
    if refused:
        return refused
    messages.success(request, _("Kode baru dikirim. Kode sebelumnya tidak berlaku lagi."))
    return _send_code(request, code.phone, browser)


@require_POST
def sign_out(request: CitizenRequest) -> HttpResponse:
    """Forget this browser, or with `everywhere` every browser of the account."""
    if request.POST.get("everywhere") and request.citizen_account:
        session.sign_out_everywhere(request.citizen_account)
    response = HttpResponseRedirect(reverse("registration:sign_in"))
    session.sign_out(response)
    messages.success(request, _("Anda sudah keluar."))
    return response


def too_many(request: CitizenRequest, wait_seconds: int) -> HttpResponse:
    """429 with the time to wait."""
    minutes = max(1, math.ceil(wait_seconds / 60))
    response = render(request, "429.html", {"retry_minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(wait_seconds)
    return response


def _too_often(request: CitizenRequest, phone: str) -> HttpResponse | None:
    wait = throttle.hit("code_address", client_address(request), settings.LIMIT_CODE_PER_ADDRESS)
    wait = wait or throttle.hit("code_phone", phone, settings.LIMIT_CODE_PER_PHONE)
    return too_many(request, wait) if wait else None


def _send_code(request: CitizenRequest, phone: str, browser: str) -> HttpResponse:
    code = codes.issue(phone=phone, browser=browser, language=get_language() or "id")
    response = HttpResponseRedirect(_here("enter_code", request))
    response.set_cookie(
        COOKIE,
        signing.dumps([str(code.pk), browser], salt=SALT),
        max_age=COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _welcome(request: CitizenRequest, code: OneTimeCode) -> HttpResponse:
    with transaction.atomic():
        account, _created = CitizenAccount.objects.get_or_create(
            phone_index=phone_index(code.phone),
            defaults={"phone": code.phone, "verified_at": timezone.now(), "language": get_language() or "id"},
        )
    if account.verified_at is None:
        account.verified_at = timezone.now()
        account.save(update_fields=["verified_at"])
    response = HttpResponseRedirect(session.safe_next(request))
    session.sign_in(response, account)
    response.delete_cookie(COOKIE, samesite="Lax")
    return response


def _pending(request: CitizenRequest) -> tuple[uuid.UUID, str] | None:
    try:
        code_id, browser = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_AGE)
        return uuid.UUID(code_id), str(browser)
    except (signing.BadSignature, TypeError, ValueError, json.JSONDecodeError):
        return None


def _code_of(request: CitizenRequest) -> tuple[OneTimeCode | None, str]:
    pending = _pending(request)
    if not pending:
        return None, ""
    return codes.find(pending[0], browser=pending[1]), pending[1]


def _start_over(request: CitizenRequest) -> HttpResponse:
    if request.citizen_account:  # the back button after signing in
        return HttpResponseRedirect(session.safe_next(request))
    messages.info(request, _("Masukkan nomor telepon untuk menerima kode."))
    return HttpResponseRedirect(_here("sign_in", request))


def _next(request: CitizenRequest) -> str:
    """The page to return to, or an empty text: then the family page follows."""
    return session.safe_next(request, fallback="")


def _here(name: str, request: CitizenRequest) -> str:
    target = _next(request)
    query = f"?{urlencode({'next': target})}" if target else ""
    return reverse(f"registration:{name}") + query


def _wrong_text(tries_left: int) -> str:
    return ngettext(
        "Kode belum sesuai. Periksa pesan terbaru; tersisa %(count)d kali percobaan.",
        "Kode belum sesuai. Periksa pesan terbaru; tersisa %(count)d kali percobaan.",
        tries_left,
    ) % {"count": tries_left}
