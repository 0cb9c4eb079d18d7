"""The home page."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from core.snapshot import Snapshot, snapshot_response
from portal import queries
from reporting.queries import coverage_summary


def _build_home(request: HttpRequest) -> bytes:
    # Rendered without the request: the same bytes go to everybody.
    context = {"home": queries.home(), "coverage": coverage_summary(), "page_path": request.path}
    return render_to_string("portal/home.html", context).encode()


HOME = Snapshot("home", _build_home)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What is open now, how many places are left, stock, hours, coverage and news; no cookie, no query while fresh."""
    return snapshot_response(request, HOME)
