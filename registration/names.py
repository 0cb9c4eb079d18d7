"""A full name in one field, as printed on the KTP (RULES X-5)."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

ALLOWED = set(" '.-,")
APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "ʼ": "'"})


class NameInvalid(ValidationError):
    """Empty, too long, or with signs no identity card carries."""


def clean(text: str) -> str:
    """Return the name with single spaces; a single word is normal. Raises NameInvalid."""
    name = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text or "").translate(APOSTROPHES)).strip()
    if not name:
        raise NameInvalid(_("Nama lengkap belum diisi. Tulis seperti pada KTP."), code="name_empty")
    if len(name) > 100:
        raise NameInvalid(_("Nama lengkap paling panjang 100 huruf."), code="name_long")
    # Combining marks belong to letters of some scripts; digits and symbols belong to none.
    if not all(sign in ALLOWED or unicodedata.category(sign)[0] in "LM" for sign in name):
        raise NameInvalid(
            _("Nama hanya boleh memuat huruf, spasi, tanda petik, titik, koma, dan tanda hubung."), code="name_signs"
        )
    if not any(sign.isalpha() for sign in name):
        raise NameInvalid(_("Nama lengkap belum diisi. Tulis seperti pada KTP."), code="name_empty")
    return name


def same(one: str, other: str) -> bool:
    """Whether two names agree when case, points and spacing are ignored."""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name).casefold() if sign.isalnum())
