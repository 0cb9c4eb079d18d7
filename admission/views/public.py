"""/antrean/: what the waiting room is, for everybody; /antrean/<room>/: one's own turn."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from admission import board, clock, limits, poll, tokens, turns, words
from admission.guard import too_many
from admission.models import Room, Turn
from core.snapshot import Snapshot, snapshot_response
from registration import session
from registration.session import CitizenRequest, citizen_form
from scheduling import queries

ROOMS_SHOWN = 10


def _build(request: HttpRequest) -> bytes:
    rooms = Room.objects.filter(created_at__lte=timezone.now()).order_by("-opens_at", "-pk")
    rows = list(rooms[:ROOMS_SHOWN])
    context = {
        "current": [room for room in rows if room.state != Room.State.CLOSED],
        "past": [room for room in rows if room.seed_revealed_at and room.shuffled_count],
        "next_release": queries.next_release(queries.overview()),
        "page_path": request.path,
        "pass_minutes": settings.ADMISSION_MINUTES,
    }
    return render_to_string("admission/about.html", context).encode()


ABOUT = Snapshot("waiting-room", _build)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """The waiting room explained, rooms that are on or announced with their sealed seeds, past shuffles to check."""
    return snapshot_response(request, ABOUT)


@require_safe
def own_turn(request: CitizenRequest, room_id: int) -> HttpResponse:
    """One's own place in a room: number, who is being served, how long; reloads itself where JavaScript is off.

    One Redis read with the cookie of the turn. Without it the account is looked up: another phone, the same turn. So it
    is with the cookie of somebody else who used this phone before.
    """
    token = tokens.read_turn(request)
    if token is None or token.room != room_id or session.account_id(request) not in (None, token.account):
        return _without_token(request, room_id)
    seen = board.look(room_id, token.turn, token.number)
    if seen is None:
        raise Http404
    if not seen.known:
        return _without_token(request, room_id)
    clock.nudge(room_id)
    response = _page(request, room_id, words.tell(seen, slow=token.slow))
    poll.remember(response, token, seen)
    return response


def _page(request: HttpRequest, room_id: int, told: words.Told | None, **more: Any) -> HttpResponse:
    context = {
        "told": told,
        "room_id": room_id,
        "next": _next(request),
        "moving": told and told.phase != words.OVER,
        "late": "late" in request.GET,
        "waitlist": reverse("scheduling:join_waitlist"),
    }
    return _private(render(request, "admission/turn.html", context | more))


def _without_token(request: CitizenRequest, room_id: int) -> HttpResponse:
    room = get_object_or_404(Room.objects.defer("seed"), pk=room_id)
    if room.state == Room.State.CLOSED:
        return _page(request, room_id, words.tell(board.Seen(board.Status.of(room), None, True, True)))
    turn = turns.of_account(room_id, request.citizen_account) if request.citizen_account else None
    if turn is None:
        return _page(request, room_id, None, room=room, signed_in=bool(request.citizen_account))
    seen = board.Seen(board.Status.of(room), turn.number, True, True)
    response = _page(request, room_id, words.tell(seen))
    tokens.give_turn(
        response, tokens.TurnToken(room_id, turn.public_id.hex, request.citizen_account.pk, number=turn.number)
    )
    return response


@citizen_form(lambda room_id: reverse("admission:turn", args=[room_id]))
def join(request: CitizenRequest, room_id: int) -> HttpResponse:
    """Take a turn; asking again, from anywhere, finds the same one.

    Limits: per account, phone and NIK a short wait; per address block only slower polls.
    """
    room = get_object_or_404(Room.objects.defer("seed"), pk=room_id)
    account = request.citizen_account
    if wait := limits.turn(account):
        return _private(too_many(request, wait))
    if room.opens_at > timezone.now():
        return HttpResponseRedirect(reverse("admission:about"))
    slow = limits.crowded_block(request)
    try:
        turn = turns.join(room_id, *turns.person_keys(room_id, account))
    except turns.NobodyToBook as error:
        messages.info(request, " ".join(error.messages))
        back = urlencode({"next": _own(request, room_id)})
        return HttpResponseRedirect(f"{reverse('registration:add_member')}?{back}")
    except turns.RoomClosed:
        return HttpResponseRedirect(_own(request, room_id))
    response = HttpResponseRedirect(_own(request, room_id))
    tokens.give_turn(response, tokens.TurnToken(room_id, turn.public_id.hex, account.pk, slow, turn.number))
    return response


@citizen_form(lambda room_id: reverse("admission:turn", args=[room_id]))
def enter(request: CitizenRequest, room_id: int) -> HttpResponse:
    """Through the door with a pass, or back to the page that says why not yet."""
    token = tokens.read_turn(request)
    if token is None or token.room != room_id or token.account != request.citizen_account.pk:
        return HttpResponseRedirect(_own(request, room_id))
    turn = turns.of_account(room_id, request.citizen_account)
    if turn is None or turn.public_id.hex != token.turn:
        # Whose turn this was belongs to another account by now; its page shows the one that is left, or takes one.
        response = HttpResponseRedirect(_own(request, room_id))
        tokens.forget_turn(response)
        return response
    try:
        entry = turns.enter(room_id, UUID(hex=token.turn))
    except turns.RoomClosed:
        return HttpResponseRedirect(_next(request))
    except (Turn.DoesNotExist, Room.DoesNotExist):
        return HttpResponseRedirect(reverse("admission:about"))
    if entry.until is None:
        back = HttpResponseRedirect(_own(request, room_id, late=1 if entry.turn.claimed_at else None))
        tokens.give_turn(back, replace(token, number=entry.turn.number))
        return back
    response = HttpResponseRedirect(_next(request))
    tokens.give_pass(
        response, room=room_id, turn=entry.turn.public_id, account=token.account, until=entry.until.timestamp()
    )
    return response


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The poll, when the express lane has not answered it already."""
    return poll.answer(request, get_language() or settings.LANGUAGE_CODE)


@require_safe
def drawn_list(request: HttpRequest, room_id: int) -> StreamingHttpResponse:
    """The shuffle as CSV: random turn ids and their numbers, nobody's data; what a replay starts from."""
    room = get_object_or_404(Room, pk=room_id, seed_revealed_at__isnull=False)
    response = StreamingHttpResponse(_csv(room), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="urutan-{room_id}.csv"'
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _csv(room: Room) -> Iterator[str]:
    drawn = room.turns.filter(drawn_number__isnull=False).order_by("drawn_number")
    rows = drawn.values_list("drawn_number", "public_id")
    yield "nomor,giliran\r\n"
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows.iterator(chunk_size=2000):
        writer.writerow(row)
        if out.tell() > 16_000:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _next(request: HttpRequest) -> str:
    """Where the person was going: only pages of booking."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    front = reverse("scheduling:new")
    prefix = front.removesuffix("baru/")
    return wanted if wanted.startswith(prefix) and "\\" not in wanted else front


def _own(request: HttpRequest, room_id: int, **more: Any) -> str:
    query = {"next": _next(request)} | {name: value for name, value in more.items() if value}
    return f"{reverse('admission:turn', args=[room_id])}?{urlencode(query)}"


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "private, no-store"
    return response
