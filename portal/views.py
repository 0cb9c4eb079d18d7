"""The home page."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from core.snapshot import Snapshot, snapshot_response
from portal import queries


def _build_home(request: HttpRequest) -> bytes:
    # Rendered without the request: the same bytes go to everybody.
    return render_to_string("portal/home.html", {"home": queries.home(), "page_path": request.path}).encode()


HOME = Snapshot("home", _build_home)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What is open now, how many places are left, stock, hours, coverage and news; no cookie, no query while fresh."""
    return snapshot_response(request, HOME)
