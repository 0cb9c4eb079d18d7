"""Who may open a staff page: second factor done, capability held; everything else by Territory filters."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts import second_factor
from accounts.models import User

View = Callable[..., HttpResponse]


class StaffRequest(HttpRequest):
    """A request that `staff_required` let through: its user is a member of staff."""

    user: User


def staff_required(*capabilities: str, fresh: bool = False) -> Callable[[View], View]:
    """Let in staff with a second factor who hold any of `capabilities` (none named: any staff).

    Signed out: the sign-in page. Without the right: 403. `fresh`: the password or a code must have been given within
    the last minutes (sensitive actions), else it is asked again.
    """

    def decorate(view: View) -> View:
        guarded = reauthentication_required(view, allow_get=True) if fresh else view

        @wraps(view)
        def wrapped(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = request.user
            if not user.is_authenticated:
                return redirect_to_login(second_factor.way_back(request))
            first = second_factor.demand(request)
            if first:
                return first
            territory = user.territory()
            if capabilities and not any(territory.can(name) for name in capabilities):
                raise PermissionDenied("Akun Anda tidak memiliki hak untuk halaman ini.")
            if not capabilities and not territory.capabilities:
                raise PermissionDenied("Penugasan akun Anda sudah berakhir. Hubungi admin Dinas Kesehatan.")
            return guarded(request, *args, **kwargs)

        vars(wrapped)["capabilities"] = capabilities  # read by the test that walks every address
        return wrapped

    return decorate
