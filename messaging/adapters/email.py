"""E-mail through Django's mail layer (SMTP, or a provider of django-anymail)."""

import smtplib

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.core.mail import EmailMessage

from messaging.adapters.errors import Refused, TryLater, Unreachable
from messaging.models import Message


def deliver(message: Message) -> str:
    """Send and return the Message-ID; raises Refused, TryLater or Unreachable."""
    message_id = f"<{message.pk}@victori>"
    mail = EmailMessage(
        subject=message.subject or "Vaksinasi Kota Semarang",
        body=message.body,
        to=[message.recipient],
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except (smtplib.SMTPRecipientsRefused, AnymailRecipientsRefused) as error:
        raise Refused(type(error).__name__) from None
    except smtplib.SMTPResponseException as error:
        raise TryLater(f"SMTP {error.smtp_code}") from None
    except AnymailAPIError as error:
        code = error.status_code or 0
        if 400 <= code < 500 and code not in (401, 403, 408, 429):
            raise Refused(f"HTTP {code}") from None
        raise TryLater(f"HTTP {code}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable(type(error).__name__) from None
    return message_id
