"""Metrics and one log line for each request: address, profile, path template, code, duration; never anything personal.

What leaves here is what `Call` holds: no secret, no payload, no number of a person, no query.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache

from prometheus_client import Counter, Histogram

from pcare_bridge import conf
from pcare_bridge.client import Call
from pcare_bridge.errors import ErrorClass, alerts_operators
from pcare_bridge.models import Delivery

logger = logging.getLogger(__name__)

_WHERE = ["service", "address", "profile"]
CALLS = Counter(
    "pcare_calls", "Requests by service, address, profile, path and code", [*_WHERE, "method", "path", "code"]
)
SECONDS = Histogram("pcare_call_seconds", "Duration of requests in seconds", [*_WHERE, "method", "path"])
OUTCOMES = Counter("pcare_deliveries", "What became of tries to deliver", [*_WHERE, "outcome"])

ALERTS = Counter("pcare_alerts", "Outcomes that operators must hear of", [*_WHERE, "error"])

# Outside HTTP's range only what the protocol knows; a service must not be able to make series without end.
_ODD_CODES = frozenset({5000, 50000})


def tell_attempt(delivery: Delivery, calls: Sequence[Call], error: ErrorClass | None) -> None:
    """One try to deliver: its requests, and what became of it."""
    verdict = error.key if error else "sent"
    known = {"delivery_id": str(delivery.pk), "attempt": delivery.attempts, "operation": delivery.operation}
    _tell(delivery.service, delivery.profile, calls, known | {"outcome": verdict})
    if error is not None and alerts_operators(error, calls[-1].message if calls else ""):
        where = (delivery.service, conf.base_url(delivery.service), delivery.profile)
        ALERTS.labels(*where, error.key).inc()
        # An error line, so that whatever watches the log wakes somebody; the queue says what to do.
        logger.error("pcare needs an operator", extra={"service": delivery.service, "error_class": error.key, **known})


def tell_sent(tries: Sequence[tuple[Delivery, Sequence[Call]]]) -> None:
    """Many tries that arrived."""
    for delivery, calls in tries:
        tell_attempt(delivery, calls, None)
        tell_outcome(delivery, None)


def tell_outcome(delivery: Delivery, error: ErrorClass | None) -> None:
    """Count the outcome of a try, with or without a request."""
    where = (delivery.service, conf.base_url(delivery.service), delivery.profile)
    _outcomes(*where, error.key if error else "sent").inc()


def tell_read(service: str, profile: str, calls: Sequence[Call], purpose: str) -> None:
    """Requests that belong to no try: a probe, a comparison."""
    _tell(service, profile, calls, {"purpose": purpose})


def _tell(service: str, profile: str, calls: Sequence[Call], known: dict[str, object]) -> None:
    where = (service, conf.base_url(service), profile)
    for call in calls:
        _calls(*where, call.method, call.path_template, code_label(call.code)).inc()
        _seconds(*where, call.method, call.path_template).observe(call.duration_ms / 1000)
        logger.info(
            "pcare attempt",
            extra={
                "service": service,
                "address": where[1],
                "profile": profile,
                "method": call.method,
                "path_template": call.path_template,
                "code": call.code,
                "http_status": call.http_status,
                "duration_ms": call.duration_ms,
                **known,
            },
        )


# Finding a series by its labels costs more than counting in it; there are some dozens.
@lru_cache(512)
def _calls(*labels: str) -> Counter:
    return CALLS.labels(*labels)


@lru_cache(512)
def _seconds(*labels: str) -> Histogram:
    return SECONDS.labels(*labels)


@lru_cache(512)
def _outcomes(*labels: str) -> Counter:
    return OUTCOMES.labels(*labels)


def code_label(code: int | None) -> str:
    """The code as a label: "none" without an answer, "other" for a number nobody documented."""
    if code is None:
        return "none"
    return str(code) if 100 <= code < 600 or code in _ODD_CODES else "other"
