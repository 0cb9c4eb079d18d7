"""What can go wrong on the way out; texts name the provider's code, never the person or the message."""


class Refused(Exception):
    """The provider will never take this message; trying again changes nothing."""


class TryLater(Exception):
    """The provider answered, but not now (or not with our credentials)."""


class Unreachable(TryLater):
    """No usable answer: the provider is down or slow; its other messages should not wait for it either."""
