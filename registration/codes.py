"""One-time codes to a phone: six digits, kept as a keyed hash, bound to the browser that asked, five tries, once.

Used for signing in and for every other proof that somebody holds a phone (for example opening a certificate by link).
"""

import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core.crypto import blind_index
from messaging.services import send
from registration.models import OneTimeCode


class CodeOver(Exception):
    """Expired, used, or out of tries: a new code is needed."""


@dataclass
class CodeWrong(Exception):
    """Not this code; `tries_left` more are allowed."""

    tries_left: int


def new_browser_secret() -> str:
    """What the browser keeps in its cookie; without it a code is worth nothing."""
    return secrets.token_urlsafe(32)


@transaction.atomic
def issue(*, phone: str, browser: str, purpose: str = "sign_in", language: str = "id") -> OneTimeCode:
    """Write a new code for `phone` (E.164) and the message that carries it.

    Earlier codes of this browser and purpose end now. Codes of other browsers stay: a stranger who asks for codes to
    a phone must not be able to void the owner's.
    """
    now = timezone.now()
    browser_hash = _hash(browser, "browser")
    OneTimeCode.objects.filter(
        phone_index=blind_index(phone, "phone"), purpose=purpose, browser_hash=browser_hash, used_at__isnull=True
    ).update(expires_at=now)
    digits = f"{secrets.randbelow(1_000_000):06d}"
    code = OneTimeCode(
        purpose=purpose,
        phone=phone,
        phone_index=blind_index(phone, "phone"),
        browser_hash=browser_hash,
        attempts_left=settings.CODE_TRIES,
        expires_at=now + timedelta(minutes=settings.CODE_MINUTES),
    )
    code.code_hash = _hash_code(code.pk, digits)
    code.save(force_insert=True)
    with translation.override(language):
        text = _(
            "Kode Vaksinasi Kota Semarang: %(code)s. Berlaku %(minutes)d menit. "
            "Jangan berikan kode ini kepada siapa pun, termasuk petugas."
        ) % {"code": digits, "minutes": settings.CODE_MINUTES}
    send(
        kind=f"{purpose}_code",
        to=phone,
        text=text,
        language=language,
        parameters=[digits],
        expires_at=code.expires_at,
        urgent=True,
    )
    return code


def verify(code_id: uuid.UUID, *, browser: str, typed: str, purpose: str = "sign_in") -> OneTimeCode:
    """Use up one try and return the code when `typed` is right; raises CodeWrong or CodeOver.

    Both steps are single guarded statements, so any number of parallel tries use up exactly the tries there are, and
    a right code is accepted once.
    """
    now = timezone.now()
    usable = OneTimeCode.objects.filter(
        pk=code_id,
        purpose=purpose,
        browser_hash=_hash(browser, "browser"),
        used_at__isnull=True,
        expires_at__gt=now,
    )
    if not usable.filter(attempts_left__gt=0).update(attempts_left=F("attempts_left") - 1):
        raise CodeOver
    code = OneTimeCode.objects.get(pk=code_id)
    digits = "".join(sign for sign in typed if sign in "0123456789")
    if not hmac.compare_digest(bytes(code.code_hash), _hash_code(code.pk, digits)):
        if code.attempts_left <= 0:
            raise CodeOver
        raise CodeWrong(code.attempts_left)
    if not usable.update(used_at=now):
        raise CodeOver
    return code


def find(code_id: uuid.UUID, *, browser: str, purpose: str = "sign_in") -> OneTimeCode | None:
    """The code this browser asked for, whatever became of it; None for any other browser."""
    return OneTimeCode.objects.filter(pk=code_id, purpose=purpose, browser_hash=_hash(browser, "browser")).first()


def resend_at(code: OneTimeCode) -> datetime:
    """When this browser may ask for another code."""
    return code.created_at + timedelta(seconds=settings.CODE_RESEND_SECONDS)


def forget_old() -> int:
    """Delete codes a day past their end: they hold a phone and prove nothing any more."""
    return OneTimeCode.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1)).delete()[0]


def _hash(secret: str, context: str) -> bytes:
    return blind_index(secret, f"one_time_code.{context}")


def _hash_code(code_id: uuid.UUID, digits: str) -> bytes:
    return _hash(f"{code_id}:{digits}", "code")
