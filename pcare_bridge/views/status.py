"""`/status/`: how the portal and the services it reports to are doing, for everybody, from one snapshot."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.snapshot import Snapshot, snapshot_response
from pcare_bridge import outlook


def _build(request: HttpRequest) -> bytes:
    context = {
        "states": outlook.service_states(),
        "incidents": outlook.incidents(),
        "now": timezone.now(),
        "page_path": request.path,
    }
    return render_to_string("pcare_bridge/status.html", context).encode()


PAGE = Snapshot("status", _build, max_age=2.0)


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Up or down since when, how many doses wait, last success, forecast, outages of 90 days."""
    return snapshot_response(request, PAGE)
