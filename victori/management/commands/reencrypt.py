"""`manage.py reencrypt`: bring every encrypted value to the newest field key; safe to interrupt and repeat."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from psycopg2 import sql

from core.crypto import decrypt, encrypt
from core.fields import EncryptedTextField

BATCH = 500


def reencrypt_column(table: str, key: str, column: str, context: str) -> int:
    """Seal anew what an older key sealed; locks 500 rows at a time. Returns how many values changed."""
    names = {"table": sql.Identifier(table), "key": sql.Identifier(key), "column": sql.Identifier(column)}
    # The first byte of a value is the version of its key.
    select = sql.SQL(
        "SELECT {key}, {column} FROM {table} "
        "WHERE length({column}) > 0 AND substring({column} FROM 1 FOR 1) <> %s LIMIT %s FOR UPDATE"
    ).format(**names)
    update = sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s").format(**names)
    newest = bytes([settings.FIELD_KEY_VERSION])
    changed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(select, [newest, BATCH])
            rows = cursor.fetchall()
            for primary_key, sealed in rows:
                cursor.execute(update, [encrypt(decrypt(sealed, context), context), primary_key])
        changed += len(rows)
        if len(rows) < BATCH:
            return changed


class Command(BaseCommand):
    help = "Menyandi ulang semua nilai rahasia dengan kunci terbaru (FIELD_KEY_2)."

    def handle(self, *args: Any, **options: Any) -> None:
        for model in apps.get_models():
            for field in model._meta.local_concrete_fields:
                if isinstance(field, EncryptedTextField):
                    table, key = model._meta.db_table, str(model._meta.pk.column)
                    changed = reencrypt_column(table, key, str(field.column), field.context)
                    self.stdout.write(f"{model._meta.label}.{field.name}: {changed}")
