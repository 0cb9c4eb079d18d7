"""I6 and I9 on the live installation: no plain NIK or phone outside the encrypted columns; reads only by staff on duty.

A run of digits counts as a leak when its keyed index is one of ours: ticket numbers and barcodes are no false alarm.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from psycopg2 import sql

from core import audit
from registration import services
from registration.models import Citizen, CitizenAccount
from registration.phone import PhoneInvalid, normalise

NIK = re.compile(r"(?<![0-9])[0-9]{16}(?![0-9])")
PHONE = re.compile(r"(?<![0-9])(?:\+?62|0)8[0-9]{8,11}(?![0-9])")
# The same two shapes for Postgres, which has the same look-around.
CANDIDATE = r"(?<![0-9])(?:[0-9]{16}|(?:\+?62|0)8[0-9]{8,11})(?![0-9])"
CHUNK = 1 << 20
OVERLAP = 64  # a number may lie across two chunks
CHECKED_AT_ONCE = 5000


def register() -> None:
    """Called from RegistrationConfig.ready()."""
    audit.register("I6", "Tidak ada NIK atau telepon terbuka di basis data", leaks_in_database)
    audit.register("I6", "Tidak ada NIK atau telepon terbuka di Redis", leaks_in_redis)
    audit.register("I6", "Tidak ada NIK atau telepon terbuka di berkas log", leaks_in_logs)
    audit.register("I9", "Data warga hanya dibuka petugas yang sedang bertugas", reads_off_duty)
    audit.register("I9", "Data di luar wilayah kader atau kecamatan tidak dibuka", reads_outside_residence)


def leaks_in_database() -> int:
    """Known numbers in any text or JSON column of any table, and in the data of running sessions."""
    found: set[str] = set()
    for table, columns in _text_columns().items():
        text = sql.SQL("concat_ws(' ', {})").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
        )
        query = sql.SQL("SELECT DISTINCT (regexp_matches({}, %s, 'g'))[1] FROM {}").format(text, sql.Identifier(table))
        with connection.cursor() as cursor:
            cursor.execute(query, [f"({CANDIDATE})"])
            found |= {row[0] for row in cursor.fetchall()}
    for session in Session.objects.iterator():
        found |= candidates(str(session.get_decoded()))
    return count_known(found)


def leaks_in_redis() -> int:
    """Known numbers in any key or value; a dead Redis holds nothing."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
    found: set[str] = set()
    try:
        for key in client.scan_iter(count=1000):
            found |= candidates(key.decode(errors="replace"))
            for value in _values(client, key):
                found |= candidates(value.decode(errors="replace"))
    except redis.RedisError:
        return 0
    finally:
        client.close()
    return count_known(found)


def leaks_in_logs() -> int:
    """Known numbers in the log files below STATE_DIR."""
    found: set[str] = set()
    for path in _log_files(Path(settings.STATE_DIR)):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                tail = ""
                while chunk := file.read(CHUNK):
                    found |= candidates(tail + chunk)
                    tail = chunk[-OVERLAP:]
        except OSError:  # rotated away while we looked
            continue
    return count_known(found)


def reads_off_duty() -> int:
    """Readings on a day on which the reader held no assignment; the day after its end is allowed for."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM core_readlog r WHERE NOT EXISTS (
                 SELECT 1 FROM accounts_membership m WHERE m.user_id = r.user_id
                 AND m.valid_from <= (r.at AT TIME ZONE %s)::date
                 AND (m.valid_until IS NULL OR m.valid_until >= (r.at AT TIME ZONE %s)::date - 1))""",
            [settings.TIME_ZONE, settings.TIME_ZONE],
        )
        return cursor.fetchone()[0]


def reads_outside_residence() -> int:
    """Readings by people who hold nothing but kelurahan or kecamatan, of a person who lives elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM core_readlog r
               JOIN registration_citizen c ON c.id = r.citizen_id
               LEFT JOIN regions_kelurahan k ON k.code = coalesce(c.domicile_kelurahan_id, c.kelurahan_id)
               WHERE NOT EXISTS (SELECT 1 FROM accounts_membership m WHERE m.user_id = r.user_id
                                 AND m.scope IN ('city', 'facility'))
               AND NOT EXISTS (SELECT 1 FROM accounts_membership m WHERE m.user_id = r.user_id
                               AND (m.kelurahan_id = k.code OR m.kecamatan_id = k.kecamatan_id))"""
        )
        return cursor.fetchone()[0]


def candidates(text: str) -> set[str]:
    """Everything in `text` with the shape of a NIK or a mobile number."""
    return set(NIK.findall(text)) | set(PHONE.findall(text))


def count_known(found: Iterable[str]) -> int:
    """How many of these numbers belong to somebody in the register."""
    total = 0
    numbers = sorted(found)
    for start in range(0, len(numbers), CHECKED_AT_ONCE):
        part = numbers[start : start + CHECKED_AT_ONCE]
        niks = [services.nik_index(one) for one in part if NIK.fullmatch(one)]
        phones = [services.phone_index(number) for one in part if (number := _phone(one))]
        known = set(Citizen.objects.filter(nik_index__in=niks).values_list("nik_index", flat=True))
        known |= set(
            Citizen.objects.filter(contact_phone_index__in=phones).values_list("contact_phone_index", flat=True)
        )
        known |= set(CitizenAccount.objects.filter(phone_index__in=phones).values_list("phone_index", flat=True))
        total += len(known)
    return total


def _phone(text: str) -> str | None:
    try:
        return normalise(text)
    except PhoneInvalid:
        return None


def _text_columns() -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.table_name, c.column_name FROM information_schema.columns c
               JOIN information_schema.tables t USING (table_schema, table_name)
               WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
               AND (c.data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY'))
               ORDER BY 1, 2"""
        )
        tables: dict[str, list[str]] = {}
        for table, column in cursor.fetchall():
            tables.setdefault(table, []).append(column)
    return tables


def _values(client: Any, key: bytes) -> Iterator[bytes]:
    match client.type(key):
        case b"string":
            yield client.get(key) or b""
        case b"list":
            yield from client.lrange(key, 0, -1)
        case b"set":
            yield from client.sscan_iter(key)
        case b"zset":
            yield from (member for member, _score in client.zscan_iter(key))
        case b"hash":
            for name, value in client.hscan_iter(key):
                yield name
                yield value


def _log_files(folder: Path) -> Iterator[Path]:
    """Files named *.log or *.log.1 below `folder`, without the data files of Postgres."""
    if not folder.is_dir() or (folder / "PG_VERSION").exists():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _log_files(entry)
        elif ".log" in entry.suffixes:
            yield entry
