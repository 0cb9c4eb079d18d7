"""WhatsApp Cloud API (Meta Graph): POST {base}/{version}/{phone_number_id}/messages.

A business may start a conversation only with an approved template, so each kind of message may name one
(WHATSAPP_TEMPLATES); kinds without a template go out as text, which reaches people who wrote to us within 24 hours.
"""

import json
from typing import Any

from django.conf import settings

from messaging.adapters import http
from messaging.adapters.errors import Refused, TryLater
from messaging.models import Message

# Error codes of the Cloud API that pass by themselves: temporary faults, rate limits, and our own credentials.
PASSING_CODES = {1, 2, 4, 190, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 133004}


def deliver(message: Message) -> str:
    """Send and return the wamid; raises Refused, TryLater or Unreachable."""
    url = (
        f"{settings.WHATSAPP_BASE_URL.rstrip('/')}/{settings.WHATSAPP_API_VERSION}"
        f"/{settings.WHATSAPP_PHONE_NUMBER_ID}/messages"
    )
    headers = {"Authorization": f"Bearer {settings.WHATSAPP_TOKEN}"}
    response = http.post(url, headers=headers, json=payload(message))
    data = http.json_of(response)
    if response.status_code >= 400 or "error" in data:
        code = data.get("error", {}).get("code", 0) if isinstance(data.get("error"), dict) else 0
        error = f"HTTP {response.status_code} kode {code}"
        raise TryLater(error) if code in PASSING_CODES else Refused(error)
    sent = data.get("messages") or [{}]
    return str(sent[0].get("id", ""))


def payload(message: Message) -> dict[str, Any]:
    """The request body for one message."""
    number = message.recipient.removeprefix("+")
    common: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": number}
    template = settings.WHATSAPP_TEMPLATES.get(message.kind)
    if not template:
        return common | {"type": "text", "text": {"preview_url": False, "body": message.body}}
    values = [{"type": "text", "text": value} for value in json.loads(message.parameters or "[]")]
    components: list[dict[str, Any]] = [{"type": "body", "parameters": values}] if values else []
    if message.kind in settings.WHATSAPP_CODE_KINDS and values:
        # Authentication templates carry a copy-code button that needs the code once more.
        components.append({"type": "button", "sub_type": "url", "index": "0", "parameters": values[:1]})
    body = {"name": template, "language": {"code": message.language}, "components": components}
    return common | {"type": "template", "template": body}
