"""Who is signed in, kept in a signed cookie: no session row and no Redis on the way to a booking (DESIGN section 5).

The cookie names the account and its session version; raising the version ends every cookie of that account at once.
"""

import time
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from core.prepared import Prepared
from registration import alongside
from registration.models import Citizen, CitizenAccount

COOKIE = "warga"
SALT = "registration.session"
MAX_AGE = 7 * 24 * 3600
RENEW_AFTER = 24 * 3600  # sliding: a cookie older than a day is written anew while it is being used

View = Callable[..., HttpResponse]


class CitizenRequest(HttpRequest):
    """A request that has passed CitizenAccountMiddleware; behind `citizen_required` the account is there."""

    citizen_account: CitizenAccount


class VisitorRequest(HttpRequest):
    """A request that has passed CitizenAccountMiddleware, of anybody: signed in or not."""

    citizen_account: CitizenAccount | None


class CitizenAccountMiddleware:
    """Sets `request.citizen_account`: None, or the account fetched on first use; test it for truth, not `is None`."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: CitizenRequest) -> HttpResponse:
        claims = _claims(request)
        # A proxy of the account or of None, typed as what views behind `citizen_required` see.
        lazy: Any = SimpleLazyObject(lambda: _account(claims)) if claims else None
        request.citizen_account = lazy
        return self.get_response(request)


def sign_in(response: HttpResponse, account: CitizenAccount) -> None:
    """Put the identity of `account` on the response."""
    value = signing.dumps([account.pk, account.session_version], salt=SALT)
    response.set_cookie(
        COOKIE, value, max_age=MAX_AGE, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def sign_out(response: HttpResponse) -> None:
    """Forget the identity in this browser."""
    response.delete_cookie(COOKIE, samesite="Lax")


def sign_out_everywhere(account: CitizenAccount) -> None:
    """End every signed cookie of `account`, in every browser."""
    CitizenAccount.objects.filter(pk=account.pk).update(session_version=F("session_version") + 1)


def safe_next(request: HttpRequest, fallback: str | None = None) -> str:
    """The local address in `next`, else `fallback` (the family page): never another host."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, allowed_hosts=None, require_https=request.is_secure()):
        return target
    return fallback if fallback is not None else reverse("registration:family")


def citizen_required(view: View) -> View:
    """Let in a signed-in citizen; others sign in first and come back to where they were."""

    @wraps(view)
    def wrapped(request: CitizenRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.citizen_account:
            # A form sent after the cookie ended leads back to its page, not into a POST.
            target = request.get_full_path() if request.method in ("GET", "HEAD") else request.path
            return HttpResponseRedirect(f"{reverse('registration:sign_in')}?{urlencode({'next': target})}")
        response = view(request, *args, **kwargs)
        if _is_old(request) and COOKIE not in response.cookies:
            sign_in(response, request.citizen_account)
        return response

    vars(wrapped)["citizen_required"] = True  # read by the test that walks every address
    return wrapped


def citizen_form(page: Callable[..., str]) -> Callable[[View], View]:
    """Like `citizen_required`, for an address that only takes a form: `page` (arguments of the address) has its button.

    Who comes by GET, from signing in on the way or by the language link, is led there instead of being refused.
    """

    def decorate(view: View) -> View:
        guarded = citizen_required(view)

        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(guarded)
        def wrapped(request: CitizenRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseRedirect(page(*args, **kwargs))
            return guarded(request, *args, **kwargs)

        return wrapped

    return decorate


def member_required(view: View) -> View:
    """Like `citizen_required`, for a page of one person of the family: the view gets `citizen` in place of its id.

    Account, person and what apps above read along come with one query; 404 for a person of somebody else.
    """

    @citizen_required
    @wraps(view)
    def for_member(request: CitizenRequest, citizen: Citizen | None, **kwargs: Any) -> HttpResponse:
        if citizen is None:
            raise Http404
        return view(request, citizen, **kwargs)

    @wraps(for_member)  # with its mark
    def wrapped(request: CitizenRequest, citizen_id: UUID, **kwargs: Any) -> HttpResponse:
        return for_member(request, citizen=_member(request, citizen_id), **kwargs)

    return wrapped


def account_id(request: HttpRequest) -> int | None:
    """The account this browser's signed cookie names; without a query, so a cookie ended elsewhere still names one."""
    claims = _claims(request)
    return claims[0] if claims else None


def _claims(request: HttpRequest) -> tuple[int, int] | None:
    return _cookie(request).claims


class _Cookie(NamedTuple):
    """What a signed cookie says: account and session version, and whether it is to be written anew."""

    raw: str
    claims: tuple[int, int] | None = None
    old: bool = False


def _cookie(request: HttpRequest) -> _Cookie:
    """Read once per request; the signature is asked for by several."""
    raw = request.COOKIES.get(COOKIE, "")
    known: _Cookie | None = request.__dict__.get("_citizen_cookie")
    if known is None or known.raw != raw:
        known = request.__dict__["_citizen_cookie"] = _read(raw)
    return known


def _read(raw: str) -> _Cookie:
    try:
        account, version, signed_at = _opened(raw)
    except (signing.BadSignature, TypeError, ValueError):
        return _Cookie(raw)
    age = time.time() - signed_at
    return _Cookie(raw) if age > MAX_AGE else _Cookie(raw, (account, version), old=age > RENEW_AFTER)


@lru_cache(maxsize=8192)  # about 4 MB in each process; a forged word raises, so it is never kept
def _opened(raw: str) -> tuple[int, int, int]:
    """Account, session version and moment of signing (seconds since 1970); one signature for all pages of a booking.

    Raises BadSignature, or TypeError or ValueError for something else that our key has signed.
    """
    account, version = signing.loads(raw, salt=SALT)
    return int(account), int(version), signing.b62_decode(raw.rsplit(":", 2)[1])


# The first question of every step of a booking; what is not read here is fetched when somebody asks for it.
MEMBER = """
    SELECT account.id, account.language, account.session_version,
        citizen.id, citizen.public_id, citizen.account_id, citizen.relation, citizen.full_name, citizen.birth_date,
        citizen.sex, citizen.kelurahan_id, citizen.domicile_kelurahan_id, citizen.merged_into_id
        {alongside}
    FROM registration_citizenaccount account JOIN registration_citizen citizen ON citizen.account_id = account.id
    WHERE account.id = %(account)s AND account.session_version = %(version)s
      AND citizen.public_id = %(member)s AND citizen.merged_into_id IS NULL"""
ACCOUNT_FIELDS = ("id", "language", "session_version")
MEMBER_FIELDS = (
    "id", "public_id", "account_id", "relation", "full_name", "birth_date", "sex", "kelurahan_id",
    "domicile_kelurahan_id", "merged_into_id",
)  # fmt: skip


@cache
def _member_statement() -> Prepared:
    # Not before the apps are ready, for they say what is read along.
    return Prepared("signed_in_member", MEMBER.format(alongside=alongside.columns()))


def _member(request: CitizenRequest, citizen_id: UUID) -> Citizen | None:
    """The person of the signed-in family, whose account is then known as well; None when there is no such person."""
    claims = _claims(request)
    if claims is None:
        return None
    rows = _member_statement().rows(account=claims[0], version=claims[1], member=citizen_id)
    if not rows:
        return None
    cut, end = len(ACCOUNT_FIELDS), len(ACCOUNT_FIELDS) + len(MEMBER_FIELDS)
    request.citizen_account = CitizenAccount.from_db("default", ACCOUNT_FIELDS, rows[0][:cut])
    citizen = Citizen.from_db("default", MEMBER_FIELDS, rows[0][cut:end])
    citizen.account = request.citizen_account
    citizen.alongside = dict(zip(alongside.names(), rows[0][end:], strict=True))
    return citizen


def _account(claims: tuple[int, int]) -> CitizenAccount | None:
    return CitizenAccount.objects.filter(pk=claims[0], session_version=claims[1]).first()


def _is_old(request: HttpRequest) -> bool:
    return _cookie(request).old
