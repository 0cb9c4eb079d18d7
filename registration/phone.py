"""Phone numbers as people type them, and as we keep them: E.164 (RULES X-4)."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOBILE = re.compile(r"\+628[0-9]{8,11}")
SEMARANG_LANDLINE = re.compile(r"\+6224[0-9]{7,8}")


class PhoneInvalid(ValidationError):
    """Not a phone number we can reach."""

    def __init__(self) -> None:
        super().__init__(_("Nomor telepon belum sesuai. Tulis seperti 0812 3456 7890."), code="phone_invalid")


def normalise(text: str, *, landline: bool = False) -> str:
    """Return E.164 for `08…`, `628…`, `+62 8…`; with `landline` also `(024) 7xxxxxx`. Raises PhoneInvalid."""
    compact = re.sub(r"[\s.\-()/]", "", text or "")
    if not re.fullmatch(r"\+?[0-9]+", compact):
        raise PhoneInvalid
    number = compact.removeprefix("+")
    if number.startswith("0"):
        number = "62" + number[1:]
    elif number.startswith("620"):  # +62 (0)812…
        number = "62" + number[3:]
    elif number.startswith("8") and not compact.startswith("+"):
        number = "62" + number
    number = f"+{number}"
    if MOBILE.fullmatch(number) or (landline and SEMARANG_LANDLINE.fullmatch(number)):
        return number
    raise PhoneInvalid
