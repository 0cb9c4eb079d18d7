"""Half a million certificates by `manage.py issue_certificates`, killed on the way and started again."""

import itertools
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from bench import people
from bench.measures.certificates import CORES, Codes, make_doses
from bench.people import query
from bench.result import Figure, Scale, say
from bench.stack import Stack, cpu_seconds, is_alive, members, memory_bytes
from victori.installation import ROOT

COMMAND = [sys.executable, str(ROOT / "manage.py"), "issue_certificates", "--all-missing"]
KILL_AT = 0.4  # of all
CHECKED = 500  # certificates whose codes are read again
NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM certificates_certificate_id_seq"
VALID = "SELECT count(*) FROM certificates_certificate WHERE status = 'valid'"


@dataclass(frozen=True)
class Sample:
    """The state of a run at one moment; `issued` is the number of the newest certificate."""

    seconds: float
    issued: int
    megabytes: float


@dataclass(frozen=True)
class Run:
    """One start of the command; processor seconds are those of its processes and of PostgreSQL, `database` of it."""

    seconds: float
    processor: float
    database: float
    samples: Sequence[Sample]

    def megabytes(self, fifth: int) -> float:
        """Memory of the command's processes in this fifth of the run, counted from 0; its start and end come and go."""
        parts = len(self.samples) // 5
        return statistics.median(
            one.megabytes for one in self.samples[parts * fifth : parts * (fifth + 1)] or self.samples
        )

    def rates(self, parts: int) -> list[float]:
        """Certificates a second in each of so many parts of the run, the start of the program left out."""
        first, last = self.samples[0].issued, self.samples[-1].issued
        steps = [first + (last - first) * part / parts for part in range(parts + 1)]
        at = [next(one for one in self.samples if one.issued >= step) for step in steps]
        return [max(b.issued - a.issued, 1) / max(b.seconds - a.seconds, 0.01) for a, b in itertools.pairwise(at)]


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Doses first, then the command twice; what one process signs without a database is measured around and between."""
    from certificates import authority
    from certificates import bulk as bulk_issue

    authority.ensure()
    bulk_issue.issue_all(
        bulk_issue.plan(), CORES, bulk_issue.Order(), lambda _done: None
    )  # what other measures left behind
    count, codes, before = scale.pick(500_000, 12_000), Codes(scale), query(VALID)[0][0]
    prepare(count)
    alone = [single(codes, scale)]
    newest = query(NEWEST)[0][0]
    pause = scale.pick(1.0, 0.1)  # seconds between two looks, each of which costs something itself
    killed = follow(stack, pause, until=lambda issued: issued - newest >= KILL_AT * count)
    half = query(VALID)[0][0] - before
    alone.append(single(codes, scale))
    rest = follow(stack, pause)
    alone.append(single(codes, scale))
    crowd = together(codes, scale)
    issued = query(VALID)[0][0] - before
    wrong = {} if issued == count else {"issued": issued}
    wrong |= {name: number for name, number in checked().items() if number}
    one, seconds = statistics.mean(alone), killed.seconds + rest.seconds
    each = rest.processor / max(count - half, 1)
    rates = rest.rates(5)
    early, late = rest.megabytes(1), rest.megabytes(4)
    details = {"wrong": wrong, "after_the_kill": half, "seconds": [killed.seconds, rest.seconds], "rates": rates}
    return [
        Figure(
            "bulk_rate", f"{count:,} certificates, killed at {KILL_AT:.0%} and started again",
            one * count / CORES / seconds, 0.5, 0.8, measured=count / seconds, limit=CORES / one,
            limit_is=f"both codes in one process × {CORES}", details=details,
        ),
        Figure(
            "bulk_together", "the same, beside it", count / seconds / crowd, 0.0, measured=count / seconds, limit=crowd,
            limit_is=f"both codes in {CORES} processes at once",
        ),
        Figure(
            "bulk_processor", "the same in processor time, PostgreSQL's with it", one / each, 0.5, 0.8,
            measured=1e6 * each, limit=1e6 * one, limit_is="both codes", unit="µs",
            details={"database_microseconds": 1e6 * rest.database / max(count - half, 1)},
        ),
        Figure("bulk_steady", "the same: rate of the last fifth", rates[-1] / rates[0], 0.8, 0.95,
               measured=rates[-1], limit=rates[0], limit_is="the first fifth"),
        Figure("bulk_memory", "the same: memory at the end", late / early, 1.1, 1.03, most=True,
               measured=late, limit=early, limit_is="after a fifth", unit="MB"),
    ]  # fmt: skip


def prepare(count: int) -> None:
    """So many people with a dose each and no certificate."""
    for start in range(0, count, 50_000):
        each = min(50_000, count - start)
        first = people.make_many_citizens(each)
        make_doses(range(first, first + each))
    people.analyze()
    say(f"  {count:,} doses")


def single(codes: Codes, scale: Scale) -> float:
    """Processor seconds of one certificate's two codes, as one process makes them without a database."""
    turns = []
    for _ in range(scale.pick(20, 2)):
        begun = time.process_time()
        for _ in range(200):
            codes.both()
        turns.append((time.process_time() - begun) / 200)
    return statistics.median(turns)


def together(codes: Codes, scale: Scale) -> float:
    """Both codes of so many certificates a second by a process for each core, without a database.

    Cores of a virtual machine may share what they are made of: two at once then do less than twice one alone.
    """
    count = scale.pick(12_000, 200)

    def work() -> None:
        for _ in range(count):
            codes.both()

    processes = [multiprocessing.get_context("fork").Process(target=work) for _ in range(CORES)]
    begun = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return CORES * count / (time.perf_counter() - begun)


def follow(stack: Stack, pause: float, until: Callable[[int], bool] = lambda _issued: False) -> Run:
    """One run of the command to its end, or until it is killed with signal 9; raises CalledProcessError.

    Returns when its processes are gone: those of a killed one end the batch they have in hand.
    """
    database = stack.postgres.process
    assert database
    before, begun, samples = cpu_seconds(database.pid), time.perf_counter(), []
    process = subprocess.Popen(COMMAND, cwd=ROOT, stdout=sys.stderr)
    crew: set[int] = set()
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        crew |= set(members(process.pid))
        newest = int(query(NEWEST)[0][0])
        samples.append(Sample(time.perf_counter() - begun, newest, memory_bytes(process.pid) / 1e6))
        if until(newest):
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(pause)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, -signal.SIGKILL):
        raise subprocess.CalledProcessError(process.returncode, COMMAND)
    while any(map(is_alive, crew)):
        time.sleep(0.05)
    of_database = cpu_seconds(database.pid) - before
    return Run(time.perf_counter() - begun, used.ru_utime + used.ru_stime + of_database, of_database, samples)


def checked() -> dict[str, Any]:
    """What must be nought: codes of a sample that our own verifier does not find valid, doubles, the audit's I8."""
    from certificates.models import Certificate
    from certificates.trust.stored import StoredKeys
    from certificates.verifying import hcert, shc
    from core import audit

    last, step = query(NEWEST)[0][0], max(1, query(VALID)[0][0] // CHECKED)
    ring, now, unread = StoredKeys(), timezone.now(), 0
    for one in Certificate.objects.filter(pk__in=range(last, 0, -step)[:CHECKED]):
        found = hcert.verify(one.hc1, ring, now=now), shc.verify(one.shc, ring, now=now)
        unread += any(code.verdict != "valid" or code.facts["name"] != one.facts["name"] for code in found)
    begun = time.perf_counter()
    # The doses came past desk and stock, so only what it says of certificates counts.
    broken = {f"audit: {check.title}": number for check, number in audit.run() if check.id == "I8"}
    say(f"  the whole audit {time.perf_counter() - begun:.0f} s")
    doubles = "SELECT count(*) - count(DISTINCT immunization_id) FROM certificates_certificate WHERE status = 'valid'"
    return {"unread": unread, "doubles": query(doubles)[0][0], **broken}
