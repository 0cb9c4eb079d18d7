"""Tokens of partner facilities for /api/v1/: shown once, stored as a keyed index, scoped, expiring, rate-limited."""

import secrets
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from accounts.models import Membership, PartnerToken, User
from core import throttle
from core.crypto import blind_index
from regions.models import Facility

PREFIX = "vmt_"
SCOPES = {"doses.write": "mencatat dosis", "doses.read": "membaca dosis yang dicatat sendiri"}
LONGEST_DAYS = 400
USED_EVERY = timedelta(minutes=1)  # last_used_at is for people; not worth a write per call


@transaction.atomic
def create(
    *, name: str, facility: Facility, user: User, scopes: list[str], days: int = 180, rate_per_minute: int = 60
) -> tuple[PartnerToken, str]:
    """Write a token for `user` at `facility` and return it with its text, which is never shown again.

    Raises ValidationError for an unknown scope, a period over LONGEST_DAYS, or a user who is no partner there.
    """
    if not scopes or set(scopes) - set(SCOPES):
        raise ValidationError({"scopes": "Pilih hak yang tersedia."})
    if not 1 <= days <= LONGEST_DAYS:
        raise ValidationError({"days": f"Masa berlaku 1 sampai {LONGEST_DAYS} hari."})
    memberships = Membership.objects.valid_on(timezone.localdate())
    if not memberships.filter(user=user, facility=facility, role=Membership.Role.PARTNER).exists():
        raise ValidationError({"user": "Akun ini belum ditugaskan sebagai mitra di fasilitas tersebut."})
    text = PREFIX + secrets.token_urlsafe(32)
    token = PartnerToken.objects.create(
        name=name,
        user=user,
        facility=facility,
        token_index=_index(text),
        prefix=text[:8],
        scopes=sorted(set(scopes)),
        rate_per_minute=rate_per_minute,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, text


def revoke(token: PartnerToken) -> None:
    """End a token now; again changes nothing."""
    PartnerToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def verify(text: str) -> PartnerToken | None:
    """The living token with this text, else None."""
    if not text.startswith(PREFIX) or len(text) > 100:
        return None
    now = timezone.now()
    return (
        PartnerToken.objects.filter(
            token_index=_index(text), revoked_at__isnull=True, expires_at__gt=now, user__is_active=True
        )
        .select_related("user", "facility")
        .first()
    )


class PartnerTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer vmt_…`; request.user is the partner account, request.auth the token.

    401 for a token that is unknown, expired or revoked; 429 past its rate.
    """

    def authenticate(self, request: Request) -> tuple[User, PartnerToken] | None:
        header = authentication.get_authorization_header(request).split()
        if not header or header[0].lower() != b"bearer":
            return None
        try:
            (text,) = (part.decode("ascii") for part in header[1:])
        except (ValueError, UnicodeDecodeError):
            raise exceptions.AuthenticationFailed("Token tidak terbaca.") from None
        token = verify(text)
        if token is None:
            raise exceptions.AuthenticationFailed("Token tidak dikenal, dicabut, atau kedaluwarsa.")
        wait = throttle.hit("partner", str(token.pk), f"{token.rate_per_minute}/minute")
        if wait:
            raise exceptions.Throttled(wait)
        _note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def has_scope(scope: str) -> type[permissions.BasePermission]:
    """Permission class: the call carries a token with `scope`, at a facility where its account is still a partner."""
    assert scope in SCOPES

    class HasScope(permissions.BasePermission):
        message = f"Token ini tidak memiliki hak {scope}."

        def has_permission(self, request: Request, view: Any) -> bool:
            token = request.auth
            if not isinstance(token, PartnerToken) or scope not in token.scopes:
                return False
            territory = token.user.territory()
            return territory.can("api.record_dose") and token.facility_id in territory.facility_ids

    return HasScope


def _index(text: str) -> bytes:
    return blind_index(text, "partner_token")


def _note_use(token: PartnerToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USED_EVERY:
        PartnerToken.objects.filter(pk=token.pk).update(last_used_at=now)
