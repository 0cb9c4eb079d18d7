"""The poll: one signed cookie, one HMGET, a few hundred bytes; runs before all middleware where that is possible."""

import json
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from admission import board, clock, tokens, words

ADDRESS = "/antrean/keadaan.json"


def answer(request: HttpRequest, language: str) -> HttpResponse:
    """Where this browser's turn stands, as JSON; 403 when it carries none. Reads no session."""
    token = tokens.read_turn(request)
    seen = board.look(token.room, token.turn, token.number) if token else None
    if token is None or seen is None or not seen.known:
        return _json({"phase": "unknown"}, 403)
    clock.nudge(token.room)
    with translation.override(language):
        response = _json(words.tell(seen, slow=token.slow).as_json(), 200)
    remember(response, token, seen)
    return response


def remember(response: HttpResponse, token: tokens.TurnToken, seen: board.Seen) -> None:
    """Once after the shuffle: put the number into the browser's token, so that later polls need no look-up."""
    if token.number is None and seen.number is not None:
        tokens.give_turn(response, replace(token, number=seen.number))


def express(request: HttpRequest) -> HttpResponse | None:
    """The same for a request that has been through no middleware; None sends it the whole way."""
    if request.method != "GET":
        return None
    return answer(request, "en" if request.path_info.startswith("/en/") else settings.LANGUAGE_CODE)


def _json(content: dict[str, object], status: int) -> HttpResponse:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    response = HttpResponse(body, status=status, content_type="application/json")
    response.headers["Content-Length"] = str(len(body))
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
