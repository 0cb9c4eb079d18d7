"""The door before /janji/baru/: with a room on, booking needs a pass; with none on it costs one look into memory.

Who already holds a place in the very session they are in may finish: a room that opens by load throws nobody out.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from admission import clock, limits, load, rooms, tokens, turns
from admission.models import Room
from programmes.models import Programme
from registration import session
from registration.models import Citizen
from scheduling.booking import hold_key
from scheduling.models import Place

logger = logging.getLogger(__name__)

MEASURED, GUARDED = "/janji/", "/janji/baru/"
# Moving takes a new place too: else a place booked anywhere beforehand would lead past everybody at the release.
MOVING = re.compile(r"^/janji/[0-9a-f-]{36}/(keluarga/)?pindah/$")
PERSON = re.compile(r"^/janji/baru/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
SESSION = re.compile(r"^/janji/baru/.*sesi/(\d{1,18})/")
USED_EVERY = 1.0  # seconds between writes of finished passes
QUEUED = "HTTP_X_REQUEST_START"  # "t=1700000000.123", set by the proxy when the request arrived there


class AdmissionMiddleware:
    """Measures booking, and lets in whose turn it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info.removeprefix("/en")
        if not path.startswith(MEASURED):
            return self.get_response(request)
        began = time.time()
        load.meter.begin()
        try:
            return self._guarded(request, path)
        finally:
            now = time.time()
            load.meter.end(now - _arrived(request, began), now)
            _watch(now)

    def _guarded(self, request: HttpRequest, path: str) -> HttpResponse:
        if not path.startswith(GUARDED) and not MOVING.match(path):
            return self.get_response(request)
        on = rooms.active()
        if not on:
            return self.get_response(request)
        account = session.account_id(request)
        if account is None:
            return self.get_response(request)  # asked to sign in; comes back here
        refused = _refuse(request, path, on, account)
        if refused:
            return refused
        response = self.get_response(request)
        if response.status_code == 302 and "baru=" in response.headers.get("Location", ""):
            _booked(request)
        return response


def _refuse(request: HttpRequest, path: str, on: tuple[Room, ...], account: int) -> HttpResponse | None:
    clock.nudge(on[0].pk)
    if request.method == "POST":
        person = PERSON.match(path)
        wait = limits.booking(account, UUID(person[1]) if person else None)
        if wait:
            return too_many(request, wait)
    allowed = tokens.read_pass(request)
    if allowed and allowed.account == account and any(room.pk == allowed.room for room in on):
        return None
    if all(_gathers(room) for room in on) and (path != GUARDED or "sesi" in request.GET):
        return None  # before the release what is open already stays open; only the front door shows the way
    if _holds_a_place(path, account):
        return None
    # What was asked for comes back after the turn; a form that was sent leads to its page.
    target = request.get_full_path() if request.method in ("GET", "HEAD") else request.path
    language = "/en" if request.path_info != path else ""
    return HttpResponseRedirect(f"{language}/antrean/{on[0].pk}/?{urlencode({'next': target})}")


def _gathers(room: Room) -> bool:
    """Before the release, by the clock: in the second until the shuffle is done nobody slips past it."""
    return room.state == Room.State.WAITING and room.release_at is not None and room.release_at > timezone.now()


def too_many(request: HttpRequest, wait: int) -> HttpResponse:
    """The polite "too often", with when to come back."""
    response = render(request, "429.html", {"retry_minutes": max(1, round(wait / 60))}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


def _holds_a_place(path: str, account: int) -> bool:
    found = SESSION.match(path)
    if not found:
        return False
    people = Citizen.objects.active().filter(account=account)
    programmes = list(Programme.objects.values_list("pk", flat=True))
    keys = [hold_key(person, programme) for person in people for programme in programmes]
    held = Place.objects.filter(slot=int(found[1]), state=Place.HELD, held_by__in=keys, held_until__gt=timezone.now())
    return held.exists()


def _arrived(request: HttpRequest, began: float) -> float:
    """When the request reached the proxy: time in its queue is waiting too."""
    text = request.META.get(QUEUED, "") if settings.BEHIND_PROXY else ""
    try:
        moment = float(text.removeprefix("t="))
    except ValueError:
        return began
    return moment if began - 60 < moment <= began else began


_done: set[str] = set()
_done_lock = threading.Lock()
_done_at = 0.0
_watched_at = 0.0


def _booked(request: HttpRequest) -> None:
    """Note a finished pass; written together with others, after the answer's work, and lost without harm."""
    global _done_at
    passed = tokens.read_pass(request)
    if passed is None:
        return
    with _done_lock:
        _done.add(passed.turn)
        if time.monotonic() - _done_at < USED_EVERY:
            return
        ready, _done_at = list(_done), time.monotonic()
        _done.clear()
    try:
        turns.used(ready)
    except DatabaseError:
        logger.warning("finished passes not noted")  # the booking stands; the pass ends by its time


def _watch(now: float) -> None:
    """Once a second per process: is booking in trouble?"""
    global _watched_at
    if now - _watched_at < 1.0:
        return
    _watched_at = now
    try:
        if not rooms.active():
            clock.watch()
    except DatabaseError:
        logger.warning("load not looked at: the database does not answer")
