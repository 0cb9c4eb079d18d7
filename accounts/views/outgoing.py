"""/dinkes/pesan/: what was sent to citizens, never its text, and another try for what failed."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import StaffRequest, staff_required
from messaging import services
from messaging.models import Message

PAGE_SIZE = 50


@require_safe
@staff_required("messages.view")
def message_list(request: StaffRequest) -> HttpResponse:
    """Messages, newest first, by state."""
    state = request.GET.get("keadaan", "")
    rows = Message.objects.order_by("-created_at").defer("body", "parameters")
    if state in dict(Message.STATES):
        rows = rows.filter(state=state)
    counts = dict(Message.objects.values_list("state").annotate(Count("pk")))
    context = {
        "page_obj": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": [(value, label, counts.get(value, 0)) for value, label in Message.STATES],
        "state": state,
    }
    return render(request, "messaging/list.html", context)


@require_POST
@staff_required("messages.view")
def retry(request: StaffRequest, message_id: uuid.UUID) -> HttpResponse:
    """Send a failed message again."""
    if services.retry(message_id):
        messages.success(request, "Pesan dikirim ulang.")
    else:
        messages.info(request, "Pesan ini tidak dapat dikirim ulang: sudah terkirim, atau isinya sudah tidak berguna.")
    return redirect("outgoing_messages")
