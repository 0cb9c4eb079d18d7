"""The limit for bookings: pgbench with one statement per booking, on the same server, with eight clients.

Two statements: the lean one of docs/adr/0001-place-rows.md (pick a place, mark it, insert the appointment; two tables
with the indexes that guard them), and the very statement the portal sends, on the portal's tables, with its outbox row.
The lean one runs both ways: in pgbench's usual protocol, which plans each statement anew, and prepared once per
connection, the fastest PostgreSQL can do; the portal's own is prepared, as the portal does.
"""

import os
import re
import subprocess
from pathlib import Path

from bench.people import DOSE, query
from bench.production import StackError
from victori.embedded import DATABASE, ROLE, postgres_bin

CLIENTS = 8
HOT_PLACES = 400_000  # more than both protocols book in all rounds
# The entities of DESIGN section 5 with what guards them and nothing else. The session is no table here: with a foreign
# key everybody would lock its row, and the limit on a hot session would be a third of what it is.
LEAN_TABLES = """
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.place, bench.appointment;
CREATE TABLE bench.appointment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen_id bigint NOT NULL, programme_id text NOT NULL,
    slot_id bigint NOT NULL, status text NOT NULL, client_uuid uuid NOT NULL UNIQUE, booked_at timestamptz NOT NULL);
CREATE UNIQUE INDEX ON bench.appointment (citizen_id, programme_id) WHERE status IN ('booked', 'arrived');
CREATE TABLE bench.place (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slot_id bigint NOT NULL, number int NOT NULL,
    pool text NOT NULL DEFAULT 'online', state text NOT NULL DEFAULT 'free', held_until timestamptz,
    appointment_id bigint UNIQUE REFERENCES bench.appointment);
CREATE INDEX ON bench.place (slot_id, pool, number) WHERE state = 'free';
"""
LEAN = """
WITH picked AS (
    SELECT id, slot_id FROM bench.place WHERE slot_id = :slot AND pool = 'online' AND state = 'free'
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
), booked AS (
    INSERT INTO bench.appointment (citizen_id, programme_id, slot_id, status, client_uuid, booked_at)
    SELECT :citizen, 'covid19', slot_id, 'booked', gen_random_uuid(), now() FROM picked
    ON CONFLICT DO NOTHING RETURNING id
)
UPDATE bench.place SET state = 'taken', appointment_id = booked.id FROM picked, booked WHERE place.id = picked.id;
"""


def lean_places(slots: int, places: int) -> None:
    """Fresh lean tables with so many sessions and places."""
    query(LEAN_TABLES)
    query(
        """INSERT INTO bench.place (slot_id, number)
           SELECT slot, number FROM generate_series(1, %s) AS slot, generate_series(1, %s) AS number
           UNION ALL SELECT 0, number FROM generate_series(1, %s) AS number""",
        [slots, places, HOT_PLACES],
    )
    query("ANALYZE bench.place")


class Pgbench:
    """pgbench against the server of the run."""

    def __init__(self, folder: Path, sockets: Path, database: str = DATABASE) -> None:
        self.folder, self.sockets, self.database = folder, sockets, database
        self.transactions = 0

    def lean(self, slots: int, seconds: float, protocol: str = "simple") -> float:
        """Bookings a second with the lean statement over lean sessions 1..`slots`; 0: all on the hot one.

        `protocol` as pgbench names it: "simple" is what it does unless told, "prepared" plans once per connection.
        """
        text = f"\\set slot random({min(1, slots)}, {slots})\n\\set citizen random(1, 1000000000)\n" + LEAN
        before = self._booked("bench.appointment")
        rate = self._run("lean", text, seconds, protocol)
        # A session drawn after it is full books nothing: only bookings count.
        return rate * (self._booked("bench.appointment") - before) / max(1, self.transactions)

    def _booked(self, table: str) -> int:
        """Bookings of the last minutes in this database, which need not be the one Django is connected to."""
        recent = f"SELECT count(*) FROM {table} WHERE booked_at > now() - interval '10 minutes'"
        return int(psql(self.sockets, self.database, recent))

    def portal(self, first_slot: int, last_slot: int, first_citizen: int, citizens: int, seconds: float) -> float:
        """Bookings a second with the portal's own statement, over its sessions; who has booked is asked anew."""
        text = (
            f"\\set slot random({first_slot}, {last_slot})\n"
            f"\\set citizen random({first_citizen}, {first_citizen + citizens - 1})\n" + portal_statement() + ";\n"
        )
        before = self._booked("scheduling_appointment")
        rate = self._run("portal", text, seconds, "prepared")
        made = self._booked("scheduling_appointment") - before
        # A person drawn twice books nothing the second time: only bookings count.
        return rate * made / self.transactions if self.transactions else 0.0

    def _run(self, name: str, text: str, seconds: float, protocol: str) -> float:
        script = self.folder / f"{name}.sql"
        # pgbench ends a command at a line that begins with a backslash or at a semicolon: one line, one statement.
        head = "".join(line + "\n" for line in text.splitlines() if line.startswith("\\"))
        body = " ".join(line.strip() for line in text.splitlines() if not line.startswith("\\"))
        script.write_text(head + body + "\n")
        command = [
            *(str(postgres_bin() / "pgbench"), "-n", "-M", protocol, "-c", str(CLIENTS), "-j", "2"),
            *("-T", str(max(1, round(seconds))), "-f", str(script), "-h", str(self.sockets), "-U", ROLE, self.database),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        count = re.search(r"actually processed: (\d+)", done.stdout)
        if done.returncode != 0 or not found or not count:
            raise StackError(f"pgbench: {done.stderr.strip()[-600:]}")
        self.transactions = int(count[1])
        return float(found[1])


def psql(sockets: Path, database: str, statement: str) -> str:
    """Run one statement in any database of the server; returns what it prints. Raises StackError."""
    command = [str(postgres_bin() / "psql"), "-qAtX", "-h", str(sockets), "-U", ROLE, "-c", statement, database]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"psql: {done.stderr.strip()[-600:]}")
    return done.stdout


def portal_statement() -> str:
    """scheduling.places.BOOK with its values drawn by pgbench or made by the server."""
    from core import outbox
    from scheduling import places

    consumers = ",".join(outbox.consumers_of("appointment.booked"))
    values = {
        "slot": ":slot",
        "citizen": ":citizen",
        "now": "now()",
        "hold": "uuid '00000000-0000-4000-8000-000000000000'",  # nobody's: the first step finds nothing
        "public_id": "gen_random_uuid()",
        "client_uuid": "gen_random_uuid()",
        "code": "substr(md5(random()::text), 1, 8)",
        "dose_code": f"'{DOSE}'",
        "booked_via": "'web'",
        "pre_screening": "NULL",
        "questionnaire": "NULL",
        "consumers": f"'{{{consumers}}}'",
    }
    lines = (line.split("--")[0] for line in (places.BOOK.sql % values).splitlines())
    return " ".join(" ".join(lines).split())
