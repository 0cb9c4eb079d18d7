"""What the ledger refuses."""

from django.core.exceptions import ValidationError


class StockError(ValidationError):
    """The stock does not allow this; the message says why and what to do."""
