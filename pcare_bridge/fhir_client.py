"""One call to SATUSEHAT: token, headers, timeouts, redacted log (SATUSEHAT.md sections 1 and 5).

Knows nothing of doses, rows or retries. Never logs tokens, secrets, payloads, queries or numbers of persons.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from pcare_bridge import conf
from pcare_bridge.client import (
    NOT_SENT,
    WHO_ASKS,
    Call,
    Options,
    Unreachable,
    clock_difference,
    exchange,
    json_bytes,
    open_pool,
    retry_after,
)
from pcare_bridge.envelope import FieldMessage, Reply, redact

ISSUES = "accesstoken"
EARLY_SECONDS = 60  # a token about to run out is not used any more

# One token for all threads of a process, and one thread at a time that fetches it.
_fetching = threading.Lock()
_tokens: dict[str, tuple[str, float]] = {}


@dataclass(frozen=True)
class FhirCredentials:
    """The client pair of one organisation; hidden from reprs."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


class FhirClient:
    """Calls for one organisation; not shared between threads, unlike the pool it may be given as `http`."""

    def __init__(
        self,
        base_url: str,
        oauth_url: str,
        credentials: FhirCredentials,
        *,
        token: str = "",
        token_expires: float = 0.0,
        options: Options | None = None,
        clock: Callable[[], float] = time.time,
        before_request: Callable[[], None] = lambda: None,
        http: httpx.HTTPTransport | None = None,
    ) -> None:
        self.base_url, self.oauth_url, self.credentials = base_url.rstrip("/"), oauth_url.rstrip("/"), credentials
        self.options = options or Options()
        self.calls: list[Call] = []
        self.new_token: tuple[str, float] = ("", 0.0)
        self._stored = (token, token_expires)
        self._clock = clock
        self._before_request = before_request
        self._http = http or open_pool(self.options)
        self._key = f"{self.oauth_url} {credentials.client_id} {hash(credentials.client_secret)}"

    def search(self, kind: str, **parameters: str) -> Reply:
        """GET a Bundle of `kind`; raises Unreachable."""
        return self._authorised("GET", f"{kind}?{'&'.join(parameters)}", kind, parameters=parameters)

    def create(self, kind: str, resource: dict[str, Any]) -> Reply:
        """POST a new resource; raises Unreachable."""
        return self._authorised("POST", kind, kind, body=resource)

    def read(self, kind: str, number: str) -> Reply:
        """GET one resource; raises Unreachable."""
        return self._authorised("GET", f"{kind}/{{id}}", f"{kind}/{number}")

    def replace(self, kind: str, number: str, resource: dict[str, Any]) -> Reply:
        """PUT a resource in the place of an older version; raises Unreachable."""
        return self._authorised("PUT", f"{kind}/{{id}}", f"{kind}/{number}", body=resource)

    def renew_token(self) -> Reply:
        """Fetch a fresh token whatever is stored; raises Unreachable."""
        with _fetching:
            return self._fetch_token()

    def _authorised(
        self,
        method: str,
        template: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Reply:
        """One request with a token; a refused token is renewed once, then the refusal stands."""
        token, refusal = self._token("")
        for again in (False, True):
            if refusal is not None:
                return refusal
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            content = None
            if body is not None:
                headers["Content-Type"] = "application/json"
                content = json_bytes(body)
            reply = self._request(method, template, f"{self.base_url}/{path}", headers, content, parameters)
            if reply.code != 401 or again:
                return reply
            token, refusal = self._token(token)
        raise AssertionError("the second try always returns")

    def _token(self, refused: str) -> tuple[str, Reply | None]:
        """A token other than `refused`, or the reply that says why there is none."""
        for token, expires in (_tokens.get(self._key, ("", 0.0)), self._stored):
            if token and token != refused and expires - EARLY_SECONDS > self._clock():
                return token, None
        with _fetching:
            token, expires = _tokens.get(self._key, ("", 0.0))
            if token and token != refused and expires - EARLY_SECONDS > self._clock():
                return token, None  # another thread was quicker
            reply = self._fetch_token()
        return (self.new_token[0], None) if reply.ok else ("", reply)

    def _fetch_token(self) -> Reply:
        # The grant type stands in the query and the two secrets in the body, unlike in RFC 6749.
        content = httpx.QueryParams(
            {"client_id": self.credentials.client_id, "client_secret": self.credentials.client_secret}
        )
        reply = self._request(
            "POST",
            ISSUES,
            f"{self.oauth_url}/{ISSUES}",
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            str(content).encode(),
            {"grant_type": "client_credentials"},
        )
        token = reply.payload.get("access_token") if reply.ok and isinstance(reply.payload, dict) else None
        if not isinstance(token, str) or not token:
            return Reply(401, "token tidak diberikan", http_status=reply.http_status) if reply.ok else reply
        self.new_token = (token, self._clock() + _seconds(reply.payload.get("expires_in")))
        _tokens[self._key] = self.new_token
        return reply

    def _request(
        self,
        method: str,
        template: str,
        url: str,
        headers: dict[str, str],
        content: bytes | None,
        parameters: dict[str, str] | None,
    ) -> Reply:
        self._before_request()
        started = time.monotonic()
        try:
            response, text = exchange(self._http, self.options, method, url, headers | WHO_ASKS, content, parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind = type(error).__name__
            self._note(Call(method, template, None, None, kind, _since(started)))
            raise Unreachable(kind, not isinstance(error, NOT_SENT)) from None
        reply = _read(response, text)
        difference = clock_difference(response.headers.get("Date"), self._clock())
        status = response.status_code
        self._note(Call(method, template, status, status, redact(reply.text), _since(started), difference))
        return reply

    def _note(self, call: Call) -> None:
        self.calls.append(call)


def _read(response: httpx.Response, text: str) -> Reply:
    status = response.status_code
    pause = retry_after(response)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        reason = "empty" if not text.strip() else "envelope"
        return Reply(status, f"HTTP {status}", http_status=status, unreadable=reason, retry_after=pause)
    if 200 <= status < 300:
        return Reply(status, "", document, status, retry_after=pause)
    return Reply(status, f"HTTP {status}", document, status, retry_after=pause, errors=_issues(document))


def _issues(document: dict[str, Any]) -> list[FieldMessage]:
    """The remarks of an OperationOutcome: where, and what with its RuleNumber."""
    found = []
    issues = document.get("issue")
    for issue in issues if isinstance(issues, list) else []:
        if not isinstance(issue, dict):
            continue
        details = issue.get("details")
        text = details.get("text") if isinstance(details, dict) else None
        expression = issue.get("expression")
        where = expression[0] if isinstance(expression, list) and expression else ""
        found.append(FieldMessage(str(where), str(text or issue.get("diagnostics") or issue.get("code") or "")))
    return found


def _seconds(value: Any) -> float:
    """`expires_in`, which may be text; 50 minutes when it says nothing usable."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return conf.TOKEN_SECONDS
    return seconds if 0 < seconds < 10**7 else conf.TOKEN_SECONDS


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
