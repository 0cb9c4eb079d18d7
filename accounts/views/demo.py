"""Demo only: the accounts and their second factor. Not routed outside demo mode."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import demo


@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """Names, the password, and the code of this half minute."""
    if not settings.DEMO:  # the address does not exist either; a second lock on known passwords
        raise Http404
    context = {
        "accounts": demo.ACCOUNTS,
        "password": demo.PASSWORD,
        "code": demo.current_code(),
        "seconds_left": demo.seconds_left(),
        "secret": demo.TOTP_SECRET,
    }
    response = render(request, "accounts/demo_accounts.html", context)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Refresh"] = str(demo.seconds_left() + 1)
    return response
