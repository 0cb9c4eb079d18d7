"""Invented people, sessions and places in bulk: what would take the portal minutes is written in seconds.

Phones and NIK are sealed by the portal's own code, because a request opens them; rows that are only there to be many
are made inside PostgreSQL. Region 9974 does not exist (RULES N-11).
"""

import io
import itertools
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

PROGRAMME, VACCINE, DOSE = "covid19", "COV_AZ", "primary1"
SLOTS_A_DAY = 12
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account of their own."""

    pk: int
    public_id: uuid.UUID
    account: int
    number: int


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table; bytes become bytea, None NULL."""

    def text(value: Any) -> str:
        if value is None:
            return "\\N"
        return "\\\\x" + value.hex() if isinstance(value, bytes) else str(value)

    lines = io.StringIO("".join("\t".join(map(text, row)) + "\n" for row in rows))
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", lines)


def query(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def reserve(table: str, count: int) -> list[int]:
    rows = query(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {count})")
    return sorted(row[0] for row in rows)


def make_people(count: int) -> list[Person]:
    """So many adults, each with a verified account."""
    from core.crypto import blind_index, encrypt
    from registration.models import Citizen, CitizenAccount

    phone_context = CitizenAccount._meta.get_field("phone").context
    nik_context = Citizen._meta.get_field("nik").context
    now = timezone.now()
    accounts, citizens = reserve("registration_citizenaccount", count), reserve("registration_citizen", count)
    people, account_rows, citizen_rows = [], [], []
    for account, citizen in zip(accounts, citizens, strict=True):
        number = next(_serial)
        phone = f"+628990{number:08d}"
        birth = date(1940, 1, 1) + timedelta(days=number // 9000)
        nik = f"997401{birth.day + 40:02d}{birth:%m%y}{number % 9000 + 1:04d}"
        person = Person(citizen, uuid.uuid4(), account, number)
        people.append(person)
        sealed = encrypt(phone, phone_context)
        account_rows.append((account, sealed, blind_index(phone, "phone"), "id", now, 1, now))
        citizen_rows.append(
            (
                *(citizen, person.public_id, account, "diri", encrypt(nik, nik_context)),
                *(blind_index(nik, "nik"), "", f"Suparti Uji {number}", birth, "P", 1, "[]", now),
            )
        )
    copy_rows(
        "registration_citizenaccount",
        ("id", "phone", "phone_index", "language", "verified_at", "session_version", "created_at"),
        account_rows,
    )
    copy_rows(
        "registration_citizen",
        (
            *("id", "public_id", "account_id", "relation", "nik", "nik_index", "no_nik_reason", "full_name"),
            *("birth_date", "sex", "birth_order", "nik_warnings", "created_at"),
        ),
        citizen_rows,
    )
    return people


def make_many_citizens(count: int) -> int:
    """So many citizens without an account, made by the database; returns the first id, the others follow it."""
    first = query("SELECT coalesce(max(id), 0) + 1 FROM registration_citizen")[0][0]
    query(
        """INSERT INTO registration_citizen (id, public_id, relation, no_nik_reason, full_name, birth_date, sex,
               birth_order, nik_warnings, created_at)
           SELECT n, gen_random_uuid(), 'diri', 'lain', 'Warga Uji ' || n, date '1950-01-01', 'L', 1, '[]', now()
           FROM generate_series(%s, %s) AS n""",
        [first, first + count - 1],
    )
    query("SELECT setval(pg_get_serial_sequence('registration_citizen', 'id'), %s)", [first + count])
    return int(first)


def stock_up() -> None:
    """Doses for everybody at every facility: places that the stock does not bear are not open."""
    from accounts.models import User
    from regions.models import Facility
    from stock import services

    actor, _created = User.objects.get_or_create(username="bench", defaults={"full_name": "Bench", "is_active": False})
    good_until = timezone.localdate() + timedelta(days=900)
    for facility in Facility.objects.order_by("pk"):
        services.receive(
            facility_id=facility.pk, vaccine_code=VACCINE, lot_number="BENCH1", expiration_date=good_until,
            doses=1_000_000, actor=actor,
        )  # fmt: skip


def _schedules(days: int, first_day: int) -> list[int]:
    """One open schedule per facility and day, from `first_day` days after today (negative: before); their ids."""
    from regions.models import Facility
    from scheduling.models import Schedule

    today = timezone.localdate()
    rows = Schedule.objects.bulk_create(
        Schedule(
            facility=facility, programme_id=PROGRAMME, vaccine_id=VACCINE, dose_codes=[DOSE],
            date=today + timedelta(days=first_day + day), open_time=time(8), close_time=time(14), state="open",
            walk_in_percent=0,
        )
        for facility in Facility.objects.order_by("pk")
        for day in range(days)
    )  # fmt: skip
    return [row.pk for row in rows]


def make_slots(count: int, places: int, *, first_day: int = 1) -> list[int]:
    """Ids of `count` open sessions with `places` online places each, spread over the city and days from `first_day`."""
    facilities = query("SELECT count(*) FROM regions_facility")[0][0]
    schedules = _schedules(-(-count // (SLOTS_A_DAY * facilities)), first_day)
    rows = query(
        """INSERT INTO scheduling_slot (schedule_id, starts_at, ends_at)
           SELECT id, (date + time '08:00') AT TIME ZONE 'Asia/Jakarta' + n * interval '30 minutes',
                  (date + time '08:30') AT TIME ZONE 'Asia/Jakarta' + n * interval '30 minutes'
           FROM scheduling_schedule, generate_series(0, %s) AS n WHERE id = ANY(%s) ORDER BY id, n RETURNING id""",
        [SLOTS_A_DAY - 1, schedules],
    )
    slots = sorted(row[0] for row in rows)[:count]
    query(
        """INSERT INTO scheduling_place (slot_id, number, pool, state)
           SELECT slot, number, 'online', 'free' FROM unnest(%s) AS slot, generate_series(1, %s) AS number""",
        [slots, places],
    )
    return slots


def make_history(count: int, *, days_ago: int) -> None:
    """So many appointments of days that are over: most fulfilled, some cancelled or missed; made by the database.

    A fulfilled one keeps its place. Foreign keys are not checked row by row: all of them point at rows made here.
    """
    citizens = max(1_000, count // 5)
    first_citizen = make_many_citizens(citizens)
    per_slot = 30
    slots = -(-count // per_slot)
    days = -(-slots // (SLOTS_A_DAY * query("SELECT count(*) FROM regions_facility")[0][0]))
    made = make_slots(slots, 0, first_day=-days_ago - days)
    first = query("SELECT coalesce(max(id), 0) + 1 FROM scheduling_appointment")[0][0]
    values = {
        "slots": made, "count": count, "first": first, "per_slot": per_slot, "citizen": first_citizen,
        "citizens": citizens, "programme": PROGRAMME, "dose": DOSE,
    }  # fmt: skip
    with transaction.atomic():
        query("SET LOCAL session_replication_role = replica")
        query(
            """INSERT INTO scheduling_appointment (id, public_id, code, citizen_id, programme_id, schedule_id, slot_id,
                   dose_code, status, client_uuid, booked_at, changed_at, sequence, cancel_reason, cancelled_because,
                   booked_via)
               SELECT %(first)s + n, gen_random_uuid(), lpad(to_hex(%(first)s + n), 8, '0'),
                   %(citizen)s + n %% %(citizens)s, %(programme)s, slot.schedule_id, slot.id, %(dose)s,
                   CASE WHEN n %% 10 < 8 THEN 'fulfilled' WHEN n %% 10 = 8 THEN 'cancelled' ELSE 'noshow' END,
                   gen_random_uuid(), slot.starts_at - interval '3 days', slot.starts_at, 0, '', '', 'web'
               FROM generate_series(0, %(count)s - 1) AS n
               JOIN unnest(%(slots)s) WITH ORDINALITY AS chosen (id, nth) ON chosen.nth = n / %(per_slot)s + 1
               JOIN scheduling_slot slot ON slot.id = chosen.id""",
            values,
        )
        query(
            """INSERT INTO scheduling_place (slot_id, number, pool, state, appointment_id)
               SELECT slot_id, (id - %(first)s) %% %(per_slot)s + 1, 'online', 'taken', id
               FROM scheduling_appointment WHERE id >= %(first)s AND status = 'fulfilled'""",
            values,
        )
    query("SELECT setval(pg_get_serial_sequence('scheduling_appointment', 'id'), %s)", [first + count])


def analyze() -> None:
    """Tell the planner how large the tables are; autovacuum would, a minute later.

    Like autovacuum it leaves out what is empty: of a table analyzed while it had no row the planner believes that it
    stays so, and statements prepared then read all appointments of the run from end to end.
    """
    filled = query("SELECT relid::regclass::text FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0")
    query(f"ANALYZE {', '.join(name for (name,) in filled)}")
