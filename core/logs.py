"""Logs: one JSON object per line in production, readable lines in a trial; identities never get in.

The mask is the last step before a line is written, whoever wrote it: a number that looks like a NIK, a family card or a
phone, the query of an address, and random links (invariant I6).
"""

import json as standard_json
import logging
import re
import sys
from typing import Any, BinaryIO

import structlog
from structlog.typing import EventDict, Processor

NUMBER = re.compile(r"(?<![\w.:-])(\+?\d{10,16})(?![\w:-])")
LINK = re.compile(r"/(?![0-9a-f]{8}-[0-9a-f]{4}-)[A-Za-z0-9_-]{20,}(?=/|$|\s)")
SHORTEST = 10  # characters, below which neither can be found
# Times and identifiers of our own; the mask would make them useless.
KEPT = {"timestamp", "request_id", "task_id", "level", "logger", "parent_task_id"}


def masked(value: Any) -> Any:
    """`value` with every digit string of 10 to 16 digits reduced to its last two, and random links cut."""
    if isinstance(value, str):
        if len(value) < SHORTEST:
            return value
        return LINK.sub("/…", NUMBER.sub(lambda found: "•" * (len(found[1]) - 2) + found[1][-2:], value))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10**9:
        return masked(str(value))
    if isinstance(value, dict):
        return {key: masked(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(part) for part in value]
    if isinstance(value, (float, int, bool)) or value is None:
        return value
    return masked(str(value))


def mask_identities(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The structlog step that masks a whole event."""
    request = event.get("request")
    if request is not None:
        event["request"] = str(request).partition("?")[0]
    return {key: value if key in KEPT or key.startswith("_") else masked(value) for key, value in event.items()}


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_encoder = standard_json.JSONEncoder(ensure_ascii=False, default=str)  # json.dumps would make one for every line


def _json(event: EventDict, **_options: Any) -> str:
    return _encoder.encode(event)


_renderer: Processor = structlog.processors.JSONRenderer(serializer=_json)


def direct(name: str, stream: BinaryIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines are those of all others but go past Python's logging, at little more than half the price.

    For the line that every request leaves. It has no handlers to choose and no level but INFO; it raises what `stream`
    (standard error) raises: OSError, or ValueError once that is closed.
    """
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(stream or sys.stderr.buffer, name=name),
        processors=[*SHARED, mask_identities, _renderer, _as_bytes],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return logger


def _as_bytes(_logger: Any, _method: str, line: Any) -> bytes:
    return str(line).encode(errors="backslashreplace")


def configure(*, json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING."""
    global _renderer
    # Of each line Python would note thread and process as well; nothing here prints them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    _renderer = (
        structlog.processors.JSONRenderer(serializer=_json)
        if json
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_identities, _renderer],
        "foreign_pre_chain": [*SHARED, structlog.stdlib.ExtraAdder()],
    }
    quiet = {"handlers": ["console"], "level": "WARNING", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # The sweep runs every few seconds; what it did is in the rows, what failed is a warning.
            "celery": quiet,
            "kombu": quiet,
            "django_structlog.celery": quiet,
            "fontTools": quiet,
            "httpx": quiet,
            "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
