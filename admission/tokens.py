"""What a browser carries: its turn, and while it may enter, its pass. Both signed, neither names a person.

The turn's token outlives refresh, a lost connection, a locked phone and restarts of web and Redis: it names a row.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse

TURN_COOKIE, PASS_COOKIE = "giliran", "lewat"
TURN_AGE = 24 * 3600
NO_NUMBER = "-"


@dataclass(frozen=True)
class TurnToken:
    """A turn of `account` in `room`; `slow` when its address block asks more than its share of polls.

    `number` once it is known: a poll then needs nothing but the room's line. Who gets a new number gets a new token; an
    old copy on another phone is set right at the door.
    """

    room: int
    turn: str
    account: int
    slow: bool = False
    number: int | None = None


@dataclass(frozen=True)
class Pass:
    """Leave to book until `until` (seconds since 1970)."""

    room: int
    turn: str
    account: int
    until: int


def read_turn(request: HttpRequest) -> TurnToken | None:
    """The browser's turn, or None when it carries none that we signed."""
    parts = _open(request.COOKIES.get(TURN_COOKIE), "turn", 5)
    if not parts:
        return None
    number = None if parts[4] == NO_NUMBER else int(parts[4])
    return TurnToken(int(parts[0]), parts[1], int(parts[2]), parts[3] == "1", number)


def read_pass(request: HttpRequest) -> Pass | None:
    """The browser's pass, or None when there is none or its time is over."""
    parts = _open(request.COOKIES.get(PASS_COOKIE), "pass", 4)
    if not parts or int(parts[3]) <= time.time():
        return None
    return Pass(int(parts[0]), parts[1], int(parts[2]), int(parts[3]))


def seal_turn(token: TurnToken) -> str:
    """The token as a cookie carries it."""
    number = NO_NUMBER if token.number is None else token.number
    return _signer("turn").sign(f"{token.room}.{token.turn}.{token.account}.{int(token.slow)}.{number}")


def give_turn(response: HttpResponse, token: TurnToken) -> None:
    """Put the turn on the response."""
    _set(response, TURN_COOKIE, seal_turn(token), TURN_AGE)


def forget_turn(response: HttpResponse) -> None:
    """Take the turn out of the browser."""
    response.delete_cookie(TURN_COOKIE, samesite="Lax")


def give_pass(response: HttpResponse, *, room: int, turn: UUID, account: int, until: float) -> None:
    """Put the pass on the response."""
    value = _signer("pass").sign(f"{room}.{turn.hex}.{account}.{int(until)}")
    _set(response, PASS_COOKIE, value, max(1, int(until - time.time())))


def _signer(kind: str) -> Signer:
    return Signer(salt=f"admission.{kind}")


@lru_cache(maxsize=32_768)  # the same browser asks again and again with the same word
def _open(value: str | None, kind: str, count: int) -> list[str] | None:
    if not value:
        return None
    try:
        parts = _signer(kind).unsign(value).split(".")
    except BadSignature:
        return None
    return parts if len(parts) == count else None


def _set(response: HttpResponse, name: str, value: str, age: int) -> None:
    response.set_cookie(name, value, max_age=age, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
