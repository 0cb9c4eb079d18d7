"""What the decorators of these views guarantee, as types."""

from django.http import HttpRequest

from registration.models import CitizenAccount
from registration.session import CitizenRequest

__all__ = ["CitizenRequest", "VisitorRequest"]


class VisitorRequest(HttpRequest):
    """Anybody; signed in or not."""

    citizen_account: CitizenAccount | None
