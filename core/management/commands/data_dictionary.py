"""manage.py data_dictionary: docs/data-dictionary.md, written from the models and checked to be current."""

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, models
from django.utils import translation

HEAD = """# Data dictionary

Generated from the models by `manage.py data_dictionary`; do not edit. Labels are the Indonesian words of the screens.
Times are stored in UTC and shown in WIB. "Encrypted" columns hold AES-256-GCM-SIV bytes, "index" columns a keyed HMAC.
"""


class Command(BaseCommand):
    help = "Tulis docs/data-dictionary.md dari model; --check hanya memeriksa."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="keluar dengan kode 1 bila berkas tidak mutakhir")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Path(settings.BASE_DIR) / "docs" / "data-dictionary.md"
        with translation.override("id"):
            text = HEAD + "".join(_app_section(label) for label in settings.LOCAL_APPS)
        if options["check"]:
            if not target.exists() or target.read_text() != text:
                raise CommandError("docs/data-dictionary.md tidak mutakhir: jalankan manage.py data_dictionary.")
            return
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        self.stdout.write(f"{target.name} ditulis")


def _app_section(label: str) -> str:
    own = [model for model in apps.get_app_config(label).get_models() if not hasattr(model, "pgh_tracked_model")]
    if not own:
        return ""
    return f"\n## {label}\n" + "".join(_model_section(model) for model in own)


def _model_section(model: type[models.Model]) -> str:
    purpose = " ".join((model.__doc__ or "").split())
    lines = [f"\n### {model.__name__} (`{model._meta.db_table}`)\n", f"{purpose}\n"]
    lines += ["| column | type | label | meaning |", "| --- | --- | --- | --- |"]
    lines += [_field_row(field) for field in model._meta.local_concrete_fields]
    rules = [f"`{rule.name}`" for rule in model._meta.constraints]
    if rules:
        lines += ["", "Held by the database: " + ", ".join(rules) + "."]
    return "\n".join(lines) + "\n"


def _field_row(field: "models.Field[Any, Any]") -> str:
    kind = {"EncryptedTextField": "encrypted text", "BlindIndexField": "index"}.get(
        type(field).__name__, field.db_type(connection) or ""
    )
    null = ", may be NULL" if field.null else ""
    notes = [field.db_comment or ""]
    if field.remote_field:
        notes.append(f"→ {field.remote_field.model._meta.label}")
    if field.choices:
        notes.append("one of " + ", ".join(f"`{value}` ({text})" for value, text in field.flatchoices))
    meaning = " ".join(note for note in notes if note).replace("|", "\\|")
    return f"| {field.column} | {kind}{null} | {field.verbose_name} | {meaning} |"
