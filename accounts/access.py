"""Who may open a staff page: second factor done, capability held; everything else by Territory filters."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def staff_required(*capabilities: str) -> Callable[[View], View]:
    """Let in staff who hold any of `capabilities` (none named: any staff); 403 otherwise, sign-in page when signed out."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = request.user
            if not user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            territory = user.territory()
            if capabilities and not any(territory.can(name) for name in capabilities):
                raise PermissionDenied("Akun Anda tidak memiliki hak untuk halaman ini.")
            if not capabilities and not territory.capabilities:
                raise PermissionDenied("Penugasan akun Anda sudah berakhir. Hubungi admin Dinas Kesehatan.")
            return view(request, *args, **kwargs)

        setattr(wrapped, "capabilities", capabilities)  # read by the test that walks every address
        return wrapped

    return decorate
