"""One authenticated call to PCare: headers, timeouts, decoding, redacted log (PROTOCOL sections 2 to 6).

Knows nothing of doses, rows or retries. Never logs secrets, payloads or numbers of persons.
"""

import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import httpx

from pcare_bridge import wire
from pcare_bridge.envelope import Envelope, FieldMessage, Reply, field_messages, read_envelope, redact

logger = logging.getLogger(__name__)

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# A gateway may turn away who does not say what it is.
WHO_ASKS = {"User-Agent": f"python-httpx/{httpx.__version__}", "Accept-Encoding": "gzip, deflate"}
MAX_BODY_BYTES = 16 * 1024 * 1024
NOT_SENT = (
    httpx.InvalidURL,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)


@dataclass(frozen=True)
class Credentials:
    """What one facility signs with; hidden from reprs so that it cannot reach a log by accident."""

    cons_id: str
    secret: str = field(repr=False)
    user_key: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    application_code: str = "095"


@dataclass(frozen=True)
class Options:
    """Timeouts in seconds and the declared body types, which differ between facilities (PROTOCOL 4.4)."""

    connect_timeout: float = 5.0
    read_timeout: float = 20.0
    post_content_type: str = "text/plain"
    put_content_type: str = "application/x-www-form-urlencoded"
    proxy: str | None = None
    ca_file: str | None = None


LEASE_OVER = "LeaseOver"  # what `Unreachable.kind` says when the caller's own time was over before the request left


class Unreachable(Exception):
    """No answer. `sent` tells whether the request may have reached the service: then a write's outcome is unknown."""

    def __init__(self, kind: str, sent: bool) -> None:
        super().__init__(kind)
        self.kind = kind
        self.sent = sent


@dataclass(frozen=True)
class Call:
    """What one attempt looked like, safe to store and log."""

    method: str
    path_template: str
    code: int | None
    http_status: int | None
    message: str
    duration_ms: int
    clock_difference: int | None = None


def open_pool(options: Options) -> httpx.HTTPTransport:
    """A pool of kept connections; may be shared by threads and by clients.

    The part of httpx that sends: its client above adds what is not wanted here (redirects, cookies, defaults merged
    into every request), at half the cost of a call.
    """
    # Proxies and certificates are settings, not whatever the environment of a worker happens to say.
    return httpx.HTTPTransport(
        trust_env=False,
        proxy=options.proxy or None,
        verify=ssl.create_default_context(cafile=options.ca_file) if options.ca_file else True,
        limits=httpx.Limits(keepalive_expiry=4.0),
    )


class PCareClient:
    """Calls for one facility account; not shared between threads, unlike the pool it may be given as `http`."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        options: Options | None = None,
        *,
        clock: Callable[[], float] = time.time,
        before_request: Callable[[], None] = lambda: None,
        http: httpx.HTTPTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self.options = options or Options()
        self.calls: list[Call] = []
        self._clock = clock
        self._before_request = before_request
        self._http = http or open_pool(self.options)
        self._owns_pool = http is None

    def __enter__(self) -> "PCareClient":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._owns_pool:
            self._http.close()

    def headers(self, timestamp: str) -> dict[str, str]:
        """The five headers of PROTOCOL 4.1; `user_key` keeps its underscore."""
        mine = self.credentials
        return {
            "X-cons-id": mine.cons_id,
            "X-timestamp": timestamp,
            "X-signature": wire.signature(mine.cons_id, mine.secret, timestamp),
            "X-authorization": wire.authorization(mine.username, mine.password, mine.application_code),
            "user_key": mine.user_key,
            "Accept": "application/json",
            **WHO_ASKS,
        }

    def get(self, path_template: str, **parts: Any) -> Reply:
        """Read `path_template`, its {parts} filled in percent-encoded; raises Unreachable."""
        return self._request("GET", path_template, parts, None)

    def post(self, path_template: str, body: dict[str, Any], **parts: Any) -> Reply:
        """Write a new record; raises Unreachable."""
        return self._request("POST", path_template, parts, body)

    def put(self, path_template: str, body: dict[str, Any], **parts: Any) -> Reply:
        """Change a record; raises Unreachable."""
        return self._request("PUT", path_template, parts, body)

    def delete(self, path_template: str, **parts: Any) -> Reply:
        """Withdraw a record; raises Unreachable."""
        return self._request("DELETE", path_template, parts, None)

    def _content_type(self, method: str) -> str:
        if method == "POST":
            return self.options.post_content_type
        if method in {"PUT", "DELETE"}:
            return self.options.put_content_type
        return "application/json; charset=utf-8"

    def _request(self, method: str, path_template: str, parts: dict[str, Any], body: dict[str, Any] | None) -> Reply:
        path = path_template.format(**{name: quote(str(value), safe="") for name, value in parts.items()})
        self._before_request()
        # One timestamp per attempt: it signs, it travels, and it opens the answer.
        timestamp = str(int(self._clock()))
        headers = self.headers(timestamp) | {"Content-Type": self._content_type(method)}
        content = None if body is None else json_bytes(body)
        started = time.monotonic()
        url = f"{self.base_url}/{path}"
        try:
            address = url if parts else _parsed(url)
            response, text = exchange(self._http, self.options, method, address, headers, content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            sent = not isinstance(error, NOT_SENT)
            self._note(method, path_template, started, None, None, type(error).__name__)
            raise Unreachable(type(error).__name__, sent) from None
        reply = self._read(response, text, timestamp)
        difference = clock_difference(response.headers.get("Date"), self._clock())
        self._note(method, path_template, started, reply.code, response.status_code, reply.text, difference)
        return reply

    def _read(self, response: httpx.Response, text: str, timestamp: str) -> Reply:
        status = response.status_code
        envelope = read_envelope(text)
        if envelope is None:
            # No envelope: the HTTP status decides, and a 2xx without one is no success.
            return Reply(
                code=status,
                message=f"HTTP {status}",
                http_status=status,
                unreadable="empty" if not text.strip() else "envelope",
                retry_after=retry_after(response),
            )
        payload, unreadable = self._open(envelope, timestamp)
        refused = not 200 <= envelope.code < 300
        return Reply(
            code=envelope.code,
            message=envelope.message,
            payload=payload,
            http_status=status,
            unreadable=unreadable,
            retry_after=retry_after(response),
            errors=field_messages(payload) if refused else [],
        )

    def _open(self, envelope: Envelope, timestamp: str) -> tuple[Any, str]:
        """Decode a textual `response`; a refusal that cannot be decoded is a plain message."""
        if not isinstance(envelope.response, str) or not envelope.response:
            return envelope.response or None, ""
        mine = self.credentials
        try:
            decoded = wire.decode_response(
                envelope.response, cons_id=mine.cons_id, secret=mine.secret, timestamp=timestamp
            )
        except wire.DecodeError as error:
            if 200 <= envelope.code < 300:
                return None, error.layer
            return [FieldMessage("", envelope.response)._asdict()], ""
        return decoded, ""

    def _note(
        self,
        method: str,
        path_template: str,
        started: float,
        code: int | None,
        http_status: int | None,
        message: str,
        clock_difference: int | None = None,
    ) -> None:
        duration = round((time.monotonic() - started) * 1000)
        call = Call(method, path_template, code, http_status, redact(message), duration, clock_difference)
        self.calls.append(call)
        logger.debug(
            "pcare call",
            extra={
                "pcare_method": method,
                "pcare_path": path_template,
                "pcare_code": code,
                "pcare_http_status": http_status,
                "duration_ms": duration,
            },
        )


def exchange(
    http: httpx.HTTPTransport,
    options: Options,
    method: str,
    url: str | httpx.URL,
    headers: dict[str, str],
    content: bytes | None,
    parameters: dict[str, str] | None = None,
) -> tuple[httpx.Response, str]:
    """Send one request and read its whole answer, bounded in size and time; raises HTTPError, InvalidURL of httpx."""
    # A read timeout counts single packets; this one bounds an answer that drips.
    deadline = time.monotonic() + options.connect_timeout + options.read_timeout
    waits = dict.fromkeys(("read", "write", "pool"), options.read_timeout) | {"connect": options.connect_timeout}
    request = httpx.Request(
        method, url, headers=headers, content=content, params=parameters, extensions={"timeout": waits}
    )
    response = http.handle_request(request)
    try:
        chunks = []
        size = 0
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES or time.monotonic() > deadline:
                raise httpx.ReadError("answer too large or too slow")
    finally:
        response.close()
    return response, b"".join(chunks).decode("utf-8", "replace")


@lru_cache(64)
def _parsed(address: str) -> httpx.URL:
    """For addresses that name nobody; the others are not kept."""
    return httpx.URL(address)


def json_bytes(body: dict[str, Any]) -> bytes:
    """Compact UTF-8; half characters become question marks."""
    return _JSON.encode(body).encode("utf-8", "replace")


def retry_after(response: httpx.Response) -> int | None:
    """Seconds the service asks to wait, at most a day."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value), 24 * 3600)
    return None


def clock_difference(date: str | None, now: float) -> int | None:
    """Seconds by which the service's clock runs ahead of ours, or None."""
    try:
        return round(parsedate_to_datetime(date).timestamp() - now) if date else None
    except (TypeError, ValueError):
        return None
