"""What the decorators of these views guarantee, as types."""

from django.http import HttpRequest

from registration.models import CitizenAccount


class VisitorRequest(HttpRequest):
    """Anybody; signed in or not."""

    citizen_account: CitizenAccount | None


class CitizenRequest(HttpRequest):
    """A signed-in citizen (`citizen_required`)."""

    citizen_account: CitizenAccount
