"""Model fields that keep identifying values encrypted at rest."""

from typing import Any

from django.db import models

from core import crypto


class EncryptedTextField(models.BinaryField):
    """Text in Python, AES-256-GCM-SIV bytes in Postgres; bound to its own model and column.

    Not searchable: keep a `BlindIndexField` beside it. An empty text is stored as NULL-free empty bytes.
    """

    description = "Encrypted text"
    _pyi_private_get_type: Any  # what django-stubs reads: a text on the model, not bytes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    @property
    def context(self) -> str:
        # Abstract parents and event copies of a row share the column of the model that declared the field.
        return f"{self.model._meta.app_label}.{self.name}"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, str):
            value = crypto.encrypt(value, self.context) if value else b""
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        if value is None:
            return None
        return crypto.decrypt(bytes(value), self.context) if len(value) else ""

    def to_python(self, value: Any) -> Any:
        return value

    def get_default(self) -> Any:
        return None if self.null else ""

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **kwargs)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj) or "")


class BlindIndexField(models.BinaryField):
    """32-byte HMAC of a normalised value (core.crypto.blind_index): equality look-up of an encrypted column."""

    description = "Keyed index"
    _pyi_private_get_type: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 32)
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        return None if value is None else bytes(value)
