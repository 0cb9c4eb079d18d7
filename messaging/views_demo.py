"""Demo only: what a phone would have received. Not routed outside demo mode."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from messaging.models import Message

SHOWN = 30
CODE = re.compile(r"\b[0-9]{6}\b")


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest messages with their text, and the code in large digits."""
    if not settings.DEMO:  # the address does not exist either; a second lock on codes in the open
        raise Http404
    rows = Message.objects.filter(emptied_at__isnull=True).order_by("-created_at")[:SHOWN]
    shown = []
    for message in rows:
        code = CODE.search(message.body) if message.kind.endswith("_code") else None
        shown.append({"message": message, "code": code.group() if code else ""})
    response = render(request, "messaging/demo_inbox.html", {"rows": shown})
    response.headers["Cache-Control"] = "no-store"
    response.headers["Refresh"] = "5"
    return response
