"""/dinkes/antrean/: the health office sees the rush and steers it."""

import math
import time
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import StaffRequest, staff_required
from accounts.models import User
from admission import board, clock, load, rooms, turns
from admission.models import Room, RoomEvent

HISTORY = 20
STEP = 1.25  # one press of "faster" or "slower"


@require_safe
@staff_required("schedule.view")
def overview(request: StaffRequest) -> HttpResponse:
    """Rooms that are on or announced with live figures, load of booking, and the last rooms."""
    now = timezone.now()
    open_rooms = list(Room.objects.exclude(state=Room.State.CLOSED).defer("seed").order_by("opens_at", "pk"))
    for room in open_rooms:
        if room.opens_at <= now:
            clock.nudge(room.pk)
    measured = load.recent(time.time())
    context = {
        "rooms": [_live(room) for room in Room.objects.filter(pk__in=[room.pk for room in open_rooms]).defer("seed")],
        "load": measured,
        "past": _past(),
        "may_manage": request.user.territory().can("schedule.manage"),
        "admitting": any(room.state == Room.State.ADMITTING and room.opens_at <= now for room in open_rooms),
        "writing": request.GET.get("tulis", ""),
        "refresh": 5 if open_rooms and "tulis" not in request.GET else 0,  # never under somebody's fingers
    }
    response = render(request, "admission/staff.html", context)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _live(room: Room) -> dict[str, Any]:
    now = timezone.now()
    return {
        "room": room,
        "waiting": rooms.waiting_count(room),
        "inside": turns.inside(room.pk, now),
        "announced": room.opens_at > now,
        "events": RoomEvent.objects.filter(room=room).select_related("by")[:6],
        "minutes": math.ceil(room.waiting / room.rate),
    }


def _past() -> list[Room]:
    rows = Room.objects.filter(state=Room.State.CLOSED).defer("seed").order_by("-closed_at", "-pk")
    done = Count("turns", filter=Q(turns__used_at__isnull=False))
    return list(rows.annotate(people=Count("turns"), booked=done)[:HISTORY])


@require_POST
@staff_required("schedule.manage")
def switch_on(request: StaffRequest) -> HttpResponse:
    """Open a room by hand, in order of arrival, until somebody switches it off."""
    if any(room.state == Room.State.ADMITTING for room in rooms.on_now(timezone.now())):
        messages.info(request, "Sudah ada ruang tunggu yang melayani.")
    else:
        rooms.create(reason=Room.Reason.ADMIN, by=request.user)
        messages.success(request, "Ruang tunggu menyala. Warga yang memesan kini mengambil nomor lebih dulu.")
    return HttpResponseRedirect(reverse("admission_staff:overview"))


@require_POST
@staff_required("schedule.manage")
def steer(request: StaffRequest, room_id: int, action: str) -> HttpResponse:
    """One press: off, faster, slower, pause, resume, or a message to all who wait. Locks the room's row."""
    get_object_or_404(Room, pk=room_id)
    if action == "mati":
        rooms.close(room_id, "oleh petugas.", request.user)
    else:
        done = _change(room_id, action, request.POST.get("pesan", "").strip()[:200], request.user)
        board.publish(done)
    return HttpResponseRedirect(reverse("admission_staff:overview"))


@transaction.atomic
def _change(room_id: int, action: str, text: str, by: User) -> Room:
    room = Room.objects.select_for_update(no_key=True).defer("seed").get(pk=room_id)
    match action:
        case "cepat" | "lambat":
            rate = room.rate * STEP if action == "cepat" else room.rate / STEP
            limits = clock.bounds()
            room.rate = max(limits.least, min(limits.most, round(rate)))
            room.adjusted_at = timezone.now()
            said = f"Laju diubah menjadi {room.rate} orang per menit."
        case "jeda" | "lanjut":
            room.paused = action == "jeda"
            said = "Dijeda." if room.paused else "Dilanjutkan."
        case "pesan":
            room.message = text
            said = f"Pesan untuk yang menunggu: {text}" if text else "Pesan dihapus."
        case _:
            raise Http404
    room.save(update_fields=["rate", "adjusted_at", "paused", "message"])
    rooms.log(room, said, by)
    return room
