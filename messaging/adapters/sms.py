"""Any SMS gateway that takes one HTTP POST: address, field names and extra fields come from the settings."""

from django.conf import settings

from messaging.adapters import http
from messaging.adapters.errors import Refused
from messaging.models import Message


def deliver(message: Message) -> str:
    """Send and return the gateway's reference; raises Refused, TryLater or Unreachable."""
    number = message.recipient if settings.SMS_NUMBER_WITH_PLUS else message.recipient.removeprefix("+")
    fields = {
        **settings.SMS_EXTRA_FIELDS,
        settings.SMS_NUMBER_FIELD: number,
        settings.SMS_TEXT_FIELD: message.body,
        # The gateway may know the message already when our first try timed out.
        settings.SMS_REFERENCE_FIELD: str(message.pk),
    }
    headers = {"Authorization": settings.SMS_AUTHORIZATION} if settings.SMS_AUTHORIZATION else {}
    if settings.SMS_AS_JSON:
        response = http.post(settings.SMS_URL, headers=headers, json=fields)
    else:
        response = http.post(settings.SMS_URL, headers=headers, data=fields)
    if response.status_code >= 300:
        raise Refused(f"HTTP {response.status_code}")
    return str(http.json_of(response).get(settings.SMS_ANSWER_FIELD, ""))
