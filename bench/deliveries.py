"""Doses on their way to PCare in bulk, the simulator as a process of its own, and senders that are told what to do.

People, visits, screenings, doses and deliveries are written in seconds; what a request opens (NIK, phone) is sealed by
the portal's own code. A delivery made `asleep` has the state "reported", which nobody claims, until it is woken.
"""

import base64
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from django.db import transaction
from django.utils import timezone

from bench import people
from bench.people import DOSE, PROGRAMME, VACCINE, Person, copy_rows, query
from bench.production import StackError
from bench.stack import Served, Stack, unused_port
from victori import embedded
from victori.installation import ROOT

ASLEEP = "reported"
WARM_UP = 8  # claims that do not count


class Simulator:
    """The simulated PCare on a port of its own; `stop` leaves the port closed, `start` listens on it again."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.port = stack, unused_port()
        self.token = secrets.token_urlsafe(12)
        self.served: Served | None = None

    @property
    def root(self) -> str:
        """Address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What PCARE_BASE_URL must say."""
        return f"{self.root}/pcare-rest-dev"

    def start(self, *, remember: bool = False) -> None:
        """Return when it listens; `remember` keeps what it holds for the next start."""
        log = self.stack.folder / "simulator.log"
        command = [sys.executable, "-m", "pcare_bridge.simulator", "--port", str(self.port)]
        command += ["--state", str(self.stack.folder / "simulator.journal")] if remember else []
        process = embedded.spawn(command, log=log, env=os.environ | {"PCARE_SIMULATOR_TOKEN": self.token}, cwd=ROOT)
        self.served = Served("pcare_simulator", process, self.port, log)
        self.stack.served.append(self.served)
        self.served.wait()

    def stop(self) -> None:
        """End it; what it remembered is gone."""
        if self.served is not None:
            self.stack.end(self.served)
            self.served = None

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control path; returns the parsed answer."""
        address = f"{self.root}/__control__/{path}"
        answer = httpx.request(
            method, address, json=body, headers={"X-Control-Token": self.token}, trust_env=False, timeout=30
        )
        return answer.raise_for_status().json()

    def count(self) -> int:
        """How many doses stand there."""
        return int(self.control("GET", "state")["counts"]["vaksinasi"])


class Child:
    """A process that takes one JSON line at a time and answers each with one."""

    def __init__(self, stack: Stack, module: str, log: str, **environment: str) -> None:
        with (stack.folder / log).open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True, cwd=ROOT,
                env=os.environ | environment,
                preexec_fn=embedded.child_setup(death_signal=15),
            )  # fmt: skip
        self.log = stack.folder / log
        self.ask()

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order (none: wait until it is ready) and return its answer. Raises StackError when it died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if order:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise StackError(f"a sender ended: {embedded.tail(self.log)} (log: {self.log})")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """Ask it to end, then make it."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def facilities() -> list[int]:
    """Facilities with an account that the simulator knows; makes the accounts."""
    from pcare_bridge.demo import ensure_accounts
    from pcare_bridge.models import FacilityAccount

    ensure_accounts()
    return list(FacilityAccount.objects.order_by("facility_id").values_list("facility_id", flat=True))


def make(count: int, *, state: str = ASLEEP) -> list[uuid.UUID]:
    """So many doses given today at the desks, each with one delivery in `state`; returns the deliveries' ids."""
    from accounts.models import User

    where = facilities()
    staff = User.objects.get(username="bench").pk
    somebody = people.make_people(count)
    doses = people.reserve("vaccination_immunization", count)
    now = timezone.now()
    ids = [uuid.uuid4() for _ in somebody]
    home = [where[n % len(where)] for n in range(count)]
    visits = list(screened(somebody, home, staff, given=True))
    copy_rows("vaccination_immunization", DOSE_COLUMNS, (
        (dose, uuid.uuid4(), uuid.uuid4(), one.pk, visit, PROGRAMME, VACCINE, DOSE, 1, "completed", "", now, now,
         "BENCH1", date(2099, 12, 31), facility, "", staff, staff, True, "", "LA", "", "{}", "")
        for dose, one, visit, facility in zip(doses, somebody, visits, home, strict=True)
    ))  # fmt: skip
    _deliveries(ids, doses, home, state)
    return ids


def screened(somebody: Sequence[Person], home: Sequence[int], staff: int, *, given: bool) -> dict[int, uuid.UUID]:
    """A visit of today for each person, screened, waiting for the injection or `given`; ids and public ids."""
    from programmes.models import Questionnaire

    form = Questionnaire.objects.filter(programme_id=PROGRAMME).first() or Questionnaire.objects.latest("pk")
    answers = json.dumps(dict.fromkeys(form.questions.values_list("key", flat=True), False))
    now, today = timezone.now(), timezone.localdate()
    visits = {visit: uuid.uuid4() for visit in people.reserve("vaccination_visit", len(somebody))}
    step, vaccinated_at = ("observed", now) if given else ("screened", None)
    copy_rows(
        "vaccination_visit",
        ("id", "public_id", "citizen_id", "facility_id", "programme_id", "vaccine_id", "dose_code", "date", "step",
         "arrived_at", "screened_at", "vaccinated_at", "left_early", "end_note", "draft", "checked_in_by_id"),
        ((*visit, one.pk, facility, PROGRAMME, VACCINE, DOSE, today, step, now, now, vaccinated_at, False, "",
          "{}", staff) for visit, one, facility in zip(visits.items(), somebody, home, strict=True)),
    )  # fmt: skip
    copy_rows(
        "vaccination_screening",
        ("visit_id", "client_uuid", "questionnaire_id", "answers", "measurements", "proposed_outcome", "outcome",
         "reasons", "override_reason", "decided_by_id", "decided_at"),
        ((visit, uuid.uuid4(), form.pk, answers, MEASURED, "lanjut", "lanjut", "[]", "", staff, now)
         for visit in visits),
    )  # fmt: skip
    return visits


MEASURED = '[{"temperature_c": "36.5", "systolic": 120, "diastolic": 80}]'
DOSE_COLUMNS = (
    "id", "uuid", "client_uuid", "citizen_id", "visit_id", "programme_id", "vaccine_id", "dose_code", "dose_number",
    "status", "status_reason", "occurred_at", "recorded_at", "lot_number", "expiration_date", "facility_id",
    "outside_facility", "performer_id", "recorder_id", "is_primary_source", "report_origin", "body_site", "route",
    "invalid_reasons", "override_reason",
)  # fmt: skip


def _deliveries(ids: Iterable[uuid.UUID], doses: Iterable[int], home: Iterable[int], state: str) -> None:
    now = timezone.now()
    until = datetime.now(UTC) + timedelta(hours=12)
    copy_rows(
        "pcare_bridge_delivery",
        ("id", "state", "available_at", "attempts", "last_error", "immunization_id", "facility_id", "profile",
         "operation", "sender_id", "upstream_number", '"references"', "deadline_at", "outcome_unknown", "error_class",
         "error_field", "error_message", "note", "created_at"),
        ((one, state, now, 0, "", dose, facility, "vaksinasi", "create", uuid.uuid4(), "", "{}", until, False, "", "",
          "", "", now) for one, dose, facility in zip(ids, doses, home, strict=True)),
    )  # fmt: skip


def wake(ids: list[uuid.UUID]) -> None:
    """Let these deliveries go."""
    query(
        "UPDATE pcare_bridge_delivery SET state = 'waiting', available_at = now() WHERE id = ANY(%s::uuid[])",
        [[str(one) for one in ids]],
    )


def requests_of(ids: list[uuid.UUID]) -> list[dict[str, str]]:
    """The very requests these deliveries would make: account and body, built by the portal's own code."""
    from pcare_bridge import accounts, gather
    from pcare_bridge.client import json_bytes
    from pcare_bridge.models import Delivery, FacilityAccount
    from pcare_bridge.profiles import vaksinasi

    rows = list(Delivery.objects.filter(pk__in=ids))
    found = accounts.by_facility("pcare", {row.facility_id for row in rows})
    wanted = [(row, found[row.facility_id], False) for row in rows]
    jobs = gather.jobs_for(wanted, gather.Reference())
    made = []
    for row in rows:
        account, job = found[row.facility_id], jobs[row.pk]
        body = json_bytes(vaksinasi.payload(job.facts, job.sender_id))
        assert isinstance(account, FacilityAccount)
        made.append(
            {"username": account.username, "password": account.password, "body": base64.b64encode(body).decode()}
        )
    return made


def write_requests(ids: list[uuid.UUID], file: Path) -> None:
    """`requests_of` into a file for `bench.pcare_bare`."""
    file.write_text(json.dumps(requests_of(ids)))


def finished(count: int) -> None:
    """So many deliveries that arrived long ago. Their doses do not exist: nothing here looks at them."""
    with transaction.atomic():
        query("SET LOCAL session_replication_role = replica")
        query(
            """INSERT INTO pcare_bridge_delivery (id, state, available_at, attempts, last_error, immunization_id,
                   facility_id, profile, operation, sender_id, upstream_number, "references", outcome_unknown,
                   error_class, error_field, error_message, note, created_at, finished_at, deadline_at)
               SELECT gen_random_uuid(), 'sent', at, 1, '', first.number + n, home.id, 'vaksinasi', 'create',
                   gen_random_uuid(), 'X' || first.number + n, '{}', false, '', '', '', '', at, at, at
               FROM (SELECT coalesce(max(immunization_id), 0) + 1000000 AS number FROM pcare_bridge_delivery) first,
                    (SELECT min(facility_id) AS id FROM pcare_bridge_facilityaccount) home,
                    generate_series(1, %s) AS n, LATERAL (SELECT now() - n * interval '1 minute' AS at) moment""",
            [count],
        )
    query("VACUUM ANALYZE pcare_bridge_delivery")


def keep_copy() -> None:
    """Copy the queue as it is now into a table of its own, with the same indexes: the small one of `claims_in_turn`."""
    query("CREATE SCHEMA bench_few")
    query("CREATE TABLE bench_few.pcare_bridge_delivery (LIKE public.pcare_bridge_delivery INCLUDING ALL)")
    query("INSERT INTO bench_few.pcare_bridge_delivery SELECT * FROM public.pcare_bridge_delivery")
    query("VACUUM ANALYZE bench_few.pcare_bridge_delivery")


def claims_in_turn(rounds: int, times: int) -> tuple[list[float], list[float]]:
    """Median seconds of a claim in the copy and in the real table, block by block in turn."""
    small, large = [], []
    try:
        for _ in range(rounds):
            query("SET search_path TO bench_few, public")
            small.append(_claim_seconds(times))
            query("SET search_path TO public")
            large.append(_claim_seconds(times))
    finally:
        query("SET search_path TO public")
    return small, large


def _claim_seconds(times: int) -> float:
    """Median of the seconds one claim of four rows takes; each is rolled back, so all find the same queue."""
    from pcare_bridge import claiming
    from pcare_bridge.models import Upstream

    upstream, _ = Upstream.objects.get_or_create(base_url="http://bench.invalid")
    found = []
    for nth in range(times + WARM_UP):
        with transaction.atomic():
            begun = time.perf_counter()
            rows = claiming.claim(upstream.pk, "pcare", 4).rows
            if nth >= WARM_UP:  # the first after a change of table are planned anew
                found.append(time.perf_counter() - begun)
            if len(rows) != 4:
                raise StackError(f"a claim of four rows found {len(rows)}")
            transaction.set_rollback(True)
    return statistics.median(found)
