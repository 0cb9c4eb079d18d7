"""One POST to a provider, with its failures sorted into the three kinds that matter."""

import logging
from typing import Any

import httpx

from messaging.adapters.errors import TryLater, Unreachable

TIMEOUT = httpx.Timeout(8.0, connect=3.0)
# httpx notes every address it calls; a gateway may want its key in there.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


def post(url: str, *, headers: dict[str, str], **content: Any) -> httpx.Response:
    """POST and return any answer below 500 except 401, 403 and 429; raises Unreachable or TryLater for the rest."""
    try:
        response = httpx.post(url, headers=headers, timeout=TIMEOUT, follow_redirects=False, **content)
    except httpx.HTTPError as error:
        # The class only: the text of the error can hold the address with its credentials.
        raise Unreachable(type(error).__name__) from None
    if response.status_code >= 500:
        raise Unreachable(f"HTTP {response.status_code}")
    if response.status_code == 429:
        raise TryLater("HTTP 429")
    if response.status_code in (401, 403):
        # Our token, not the message: an operator mends it and the waiting messages leave.
        raise TryLater(f"HTTP {response.status_code}: periksa kredensial penyedia")
    return response


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of the answer, or an empty one."""
    try:
        data = response.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
