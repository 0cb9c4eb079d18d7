"""What every profile does alike: one write, one look before a write, and an outcome from a failed answer."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pcare_bridge.client import Unreachable
from pcare_bridge.envelope import Reply, redact
from pcare_bridge.errors import CERTAINLY_NOT_WRITTEN, ERROR_CLASSES, ErrorClass, classify
from pcare_bridge.outcome import Outcome

DECODE_LAYERS = frozenset({"base64", "aes", "lzstring", "json"})
# The services speak in the time of Jakarta, whatever zone this portal shows.
WIB = ZoneInfo("Asia/Jakarta")
# In `Job.references`: a person saw that we wrote this dose twice, and all of ours but one are to go.
TWINS = "kembar"


@dataclass(frozen=True)
class Standing:
    """One record upstream that stands for a dose, and what it says in the fields we compare."""

    number: str
    values: dict[str, str]
    is_marked: bool = False
    """It carries our own mark, so nobody but us wrote it."""


class Stop(Exception):
    """This try ends here, with an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def attempt(call: Callable[[], Reply], number: str = "") -> Reply:
    """Run a write; without an answer its outcome is unknown, unless the request never left. Raises Stop."""
    try:
        return call()
    except Unreachable as error:
        raise Stop(unanswered(error, number, in_doubt=error.sent)) from None


def look(
    call: Callable[[], Reply],
    *,
    in_doubt: bool = True,
    classes: Callable[[Reply], ErrorClass | None] = classify,
) -> Reply:
    """Run a read; raises Stop unless it answered or said "not found". `in_doubt`: what stands upstream is not known."""
    try:
        reply = call()
    except Unreachable as error:
        raise Stop(unanswered(error, in_doubt=in_doubt)) from None
    error_class = classes(reply)
    if error_class is not None and not reply.not_found:
        raise Stop(failure(error_class, reply, in_doubt=in_doubt))
    return reply


def unanswered(error: Unreachable, number: str = "", *, in_doubt: bool) -> Outcome:
    """The outcome of a request without an answer."""
    failed = ERROR_CLASSES["unreachable"]
    return Outcome(failed, number, in_doubt=in_doubt, message=f"{failed.sentence} ({error.kind})")


def failure(error: ErrorClass, reply: Reply, *, number: str = "", in_doubt: bool | None = None) -> Outcome:
    """The outcome of a refused or failed request; in doubt unless the class rules a write out."""
    remarks = [item for item in reply.errors if item.field]
    return Outcome(
        error,
        number,
        in_doubt=error.key not in CERTAINLY_NOT_WRITTEN if in_doubt is None else in_doubt,
        error_field=redact(remarks[0].field)[:60] if remarks else "",
        message=words(reply) or error.sentence,
        retry_after=reply.retry_after,
        undecodable=reply.unreadable in DECODE_LAYERS,
    )


def words(reply: Reply) -> str:
    """What the service said in words; bare status names such as NO_CONTENT tell a person nothing."""
    return "" if re.fullmatch(r"[A-Z0-9_ ]*", reply.text) else reply.text


def day(value: Any) -> str:
    """A date as PCare writes it, dd-MM-yyyy."""
    return f"{value:%d-%m-%Y}"
