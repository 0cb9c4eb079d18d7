"""Whether this session has shown a second factor; no staff page opens without (DESIGN section 8)."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User

if TYPE_CHECKING:
    from accounts.access import StaffRequest


def passed(request: HttpRequest) -> bool:
    """True when a one-time or recovery code was accepted in this very session."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def way_back(request: HttpRequest) -> str:
    """Where to go on after signing in: this page; after a form, whose own address may take nothing else, its page."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    with suppress(ValueError):  # a header may say anything
        page = urlsplit(request.headers.get("Referer", ""))
        if page.netloc == request.get_host():
            return page._replace(scheme="", netloc="").geturl()
    return "/petugas/"


def demand(request: "StaffRequest") -> HttpResponse | None:
    """Where to go first, or None when this session may open staff pages: enrol, show the code, change the password."""
    target = urlencode({"next": way_back(request)})
    if not is_mfa_enabled(request.user, [Authenticator.Type.TOTP]):
        return HttpResponseRedirect(f"{reverse('mfa_activate_totp')}?{target}")
    if not passed(request):
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{target}")
    if request.user.must_change_password:
        return HttpResponseRedirect(reverse("account_change_password"))
    return None


def count_enrolment(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Whoever has just set up the app has shown a code of it."""
    if authenticator.type == Authenticator.Type.TOTP:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


def password_was_changed(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """The one-time password of the invitation has served."""
    if user.must_change_password:
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
