"""Ways to a phone or mailbox; each adapter is one function that returns the provider's reference."""

from collections.abc import Callable

from messaging.adapters import email, sms, whatsapp
from messaging.adapters.errors import Refused, TryLater, Unreachable
from messaging.models import Message

__all__ = ["Refused", "TryLater", "Unreachable", "deliver"]


def console(message: Message) -> str:
    """Demo: the message is read on /demo/pesan/."""
    return "layar"


ADAPTERS: dict[str, Callable[[Message], str]] = {
    Message.Channel.CONSOLE: console,
    Message.Channel.EMAIL: email.deliver,
    Message.Channel.SMS: sms.deliver,
    Message.Channel.WHATSAPP: whatsapp.deliver,
}


def deliver(message: Message) -> str:
    """Hand `message` to its channel; raises Unreachable, TryLater or Refused."""
    return ADAPTERS[message.channel](message)
