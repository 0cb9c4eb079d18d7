"""The shapes in which this service answers (PROTOCOL 5.1 and 5.3)."""

import json
from dataclasses import dataclass
from typing import Any

from pcare_bridge.simulator import codec
from pcare_bridge.simulator.weather import Settings

MESSAGES = {
    200: "OK",
    201: "CREATED",
    204: "NO_CONTENT",
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    412: "PRECONDITION_FAILED",
    424: "FAILED_DEPENDENCY",
    429: "TOO_MANY_REQUESTS",
}


@dataclass(frozen=True)
class Answer:
    """A code with its payload, before the envelope."""

    code: int
    response: Any = None
    message: str = ""


NO_CONTENT = Answer(204)
NOT_FOUND = Answer(404, None, "Alamat tidak dikenal")
WRONG_METHOD = Answer(405, None, "Metode tidak didukung")


class Refused(Exception):
    """A business refusal; becomes a 412."""

    def __init__(self, *remarks: tuple[str, str]) -> None:
        super().__init__()
        self.remarks = [{"field": name, "message": text} for name, text in remarks]


def page(rows: list[Any], start: int, limit: int, settings: Settings) -> Answer:
    """One page of a list read; an empty one is 204 or an empty list, by the settings."""
    found = rows[start : start + limit]
    if not found and settings.empty_as_204:
        return NO_CONTENT
    return Answer(200, {"count": len(rows), "list": found})


def envelope(answer: Answer, settings: Settings, *, cons_id: str, secret: str, timestamp: str) -> tuple[int, bytes]:
    """HTTP status and body: 200 and 201 are encrypted with the timestamp of the request, refusals stay plain."""
    response = answer.response
    if settings.encrypted and answer.code in (200, 201) and response is not None:
        document = json.dumps(response, ensure_ascii=False)
        response = codec.encrypt(document, cons_id, secret, timestamp)
    code: int | str = str(answer.code) if settings.code_as_text else answer.code
    message = answer.message or MESSAGES.get(answer.code, "ERROR")
    body = json.dumps({"response": response, "metaData": {"message": message, "code": code}}, ensure_ascii=False)
    # A 204 has no body in HTTP, and codes above 599 are no HTTP status.
    mirrored = settings.mirror_status and answer.code != 204 and 200 <= answer.code <= 599
    return (answer.code if mirrored else 200), body.encode("utf-8", "replace")
