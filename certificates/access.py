"""Ways into one certificate: the family's account, a link with a code to the phone, and short-lived downloads.

A link alone opens nothing, and whoever tries links learns nothing: known and unknown ones get the same answers.
"""

from __future__ import annotations

import re
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from certificates.models import Certificate
from certificates.services import link_index
from registration.models import CitizenAccount

DOWNLOAD_SECONDS = 15 * 60
GRANT_COOKIE = "sertifikat"
GRANT_SALT = "certificates.grant"
DOWNLOAD_SALT = "certificates.download"
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{32}$")


def by_token(token: str) -> Certificate | None:
    """The certificate a link was made for, whatever became of it."""
    if not _TOKEN.match(token):
        return None
    return (
        Certificate.objects.select_related("immunization__citizen__account", "revocation")
        .filter(link_index=link_index(token))
        .first()
    )


def grant(response: HttpResponse, certificate: Certificate) -> None:
    """Let this browser see this one certificate for a quarter of an hour."""
    response.set_cookie(
        GRANT_COOKIE,
        signing.dumps(str(certificate.public_id), salt=GRANT_SALT),
        max_age=DOWNLOAD_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def is_granted(request: HttpRequest, certificate: Certificate) -> bool:
    """True when this browser gave the code for this certificate, or the family is signed in."""
    try:
        granted = signing.loads(request.COOKIES.get(GRANT_COOKIE, ""), salt=GRANT_SALT, max_age=DOWNLOAD_SECONDS)
    except signing.BadSignature:
        granted = None
    if granted == str(certificate.public_id):
        return True
    account = account_of(request)
    return account is not None and certificate.immunization.citizen.account_id == account.pk


def account_of(request: HttpRequest) -> CitizenAccount | None:
    """The signed-in account, fetched now; None for everybody else."""
    return getattr(request, "citizen_account", None) or None


def download_key(certificate: Certificate) -> str:
    """The part of a download address that carries the right to it."""
    return signing.dumps(str(certificate.public_id), salt=DOWNLOAD_SALT)


def by_download_key(key: str) -> Certificate | None:
    """The certificate of a download address; None when it is forged or older than a quarter of an hour."""
    try:
        public_id = UUID(signing.loads(key, salt=DOWNLOAD_SALT, max_age=DOWNLOAD_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Certificate.objects.filter(public_id=public_id, status=Certificate.Status.VALID).first()
