"""The envelope around every PCare answer, in all the shapes seen in the field (PROTOCOL 5.1, 5.3)."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SUCCESS_CODES = frozenset({200, 201})
NOT_FOUND_CODE = 204

_CODE = re.compile(r"[0-9]{1,6}")
# NIK has 16 digits, a JKN card 13, a phone 10 to 13: no such run of digits goes into a log or a message.
_LONG_NUMBER = re.compile(r"\d(?:[ .-]?\d){8,}")
MAX_MESSAGE = 300


class FieldMessage(NamedTuple):
    """One remark of the service about one field; the field may be empty."""

    field: str
    message: str


@dataclass(frozen=True)
class Reply:
    """One answer of the service, already decoded. `unreadable` names why no envelope or payload could be read."""

    code: int
    message: str = ""
    payload: Any = None
    http_status: int = 200
    unreadable: str = ""
    retry_after: int | None = None
    errors: list[FieldMessage] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Done or created, payload readable."""
        return self.code in SUCCESS_CODES and not self.unreadable

    @property
    def not_found(self) -> bool:
        return self.code == NOT_FOUND_CODE

    @property
    def text(self) -> str:
        """Everything the service said, for people: field remarks first, else the message; already redacted."""
        remarks = [f"{item.field}: {item.message}" if item.field else item.message for item in self.errors]
        return redact("; ".join(remarks) or self.message)


@dataclass(frozen=True)
class Envelope:
    """`response` as it came, and the two parts of the metadata."""

    response: Any
    message: str
    code: int


def read_envelope(body: str) -> Envelope | None:
    """Return the envelope of `body`, or None when it has none (HTML, empty, not JSON, no usable code)."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    meta = document.get("metaData", document.get("metadata"))
    if not isinstance(meta, dict):
        return None
    code = _whole_number(meta.get("code"))
    if code is None:
        return None
    message = meta.get("message")
    return Envelope(document.get("response"), "" if message is None else str(message), code)


def _whole_number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return None


def field_messages(response: Any) -> list[FieldMessage]:
    """Turn the object, array, text or null of a refusal or of a created answer into a list of remarks."""
    if response is None or response == "":
        return []
    if isinstance(response, dict):
        return [FieldMessage(_text(response.get("field")), _text(response.get("message")))]
    if isinstance(response, list):
        return [remark for item in response for remark in field_messages(item)]
    return [FieldMessage("", _text(response))]


def rows(payload: Any) -> list[dict[str, Any]]:
    """The items of a list read: `{count, list}`, a bare array, or nothing."""
    items = payload.get("list") if isinstance(payload, dict) else payload
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def created_number(payload: Any, name: str) -> str:
    """The number a created answer carries under field `name`, or an empty text."""
    for remark in field_messages(payload):
        if remark.field.lower() == name.lower():
            return remark.message
    return ""


def redact(text: str) -> str:
    """Make upstream text storable: no long numbers, no NUL or half characters, bounded length."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return _LONG_NUMBER.sub("[nomor]", " ".join(clean.split()))[:MAX_MESSAGE]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
