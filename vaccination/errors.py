"""Refusals of the desk; every message is a sentence that says what to do."""

from django.core.exceptions import ValidationError


class VaccinationError(ValidationError):
    """The step is not possible now."""


class RuleRefused(VaccinationError):
    """The dose rules do not allow this dose; no reason helps."""


class NeedsOverride(VaccinationError):
    """The dose rules allow this dose only with a reason by the vaccinator."""
