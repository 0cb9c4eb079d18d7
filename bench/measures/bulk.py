"""Half a million certificates by `manage.py issue_certificates`, killed on the way and started again.

A minute or two is long beside the moods of a shared machine. So the command stands still every few seconds, and what it
is measured against is measured there and then.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
SETTLED = 0.05  # seconds until the database has ended what it had in hand; they count as work
VALID = "SELECT count(*) FROM certificates_certificate WHERE status = 'valid'"
_FORK = multiprocessing.get_context("fork")


class Alone(NamedTuple):
    """Certificates whose codes are signed without a database: by one process, times the cores; by one on each core."""

    one: float
    each: float


@dataclass(frozen=True)
class Window:
    """Some seconds of work: certificates at their end, memory then, and the limit before and after."""

    seconds: float
    issued: int
    megabytes: float
    before: Alone
    after: Alone

    @property
    def possible(self) -> Alone:
        """Certificates whose codes alone these seconds would have been enough for."""
        one, each = (self.seconds * statistics.mean(pair) for pair in zip(self.before, self.after, strict=True))
        return Alone(one, each)


@dataclass(frozen=True)
class Run:
    """One start of the command; processor seconds are those of its processes and of PostgreSQL, `database` of it."""

    windows: Sequence[Window]
    processor: float
    database: float

    @property
    def seconds(self) -> float:
        """How long it worked."""
        return sum(window.seconds for window in self.windows)

    def megabytes(self, fifth: int) -> float:
        """The most memory of the command's processes in this fifth of the run, counted from 0."""
        parts = len(self.windows) // 5
        within = self.windows[parts * fifth : parts * (fifth + 1)] or self.windows
        return max(window.megabytes for window in within)

    def rates(self, parts: int) -> list[float]:
        """Certificates a second in each of so many parts of the run, the start of the program left out."""
        at = list(itertools.accumulate(window.seconds for window in self.windows))
        issued = [window.issued for window in self.windows]
        steps = [issued[0] + (issued[-1] - issued[0]) * part / parts for part in range(parts + 1)]
        ends = [next(place for place, number in enumerate(issued) if number >= step) for step in steps]
        return [max(issued[b] - issued[a], 1) / max(at[b] - at[a], 0.01) for a, b in itertools.pairwise(ends)]


class Limit:
    """Both codes of one certificate after the other, without a database, at the moment of asking."""

    def __init__(self, codes: Codes, scale: Scale) -> None:
        self.codes, self.seconds = codes, scale.pick(0.5, 0.05)
        self.processor: list[float] = []  # seconds of one certificate, by one process alone

    def now(self) -> Alone:
        """What one process does, times the cores, and what a process on each core does together with the others.

        Cores of a virtual machine may share what they are made of: two at once then do less than twice one alone.
        """
        begun = time.process_time()
        rate, count = self._sign()
        self.processor.append((time.process_time() - begun) / count)
        rates = _FORK.SimpleQueue()
        processes = [_FORK.Process(target=lambda: rates.put(self._sign()[0])) for _ in range(CORES)]
        for process in processes:
            process.start()
        each = sum(rates.get() for _ in processes)
        for process in processes:
            process.join()
        return Alone(rate * CORES, each)

    def _sign(self) -> tuple[float, int]:
        begun, count = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < self.seconds:
            self.codes.both()
            count += 1
        return count / passed, count


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Doses first, then the command twice; what the codes alone take is measured around and between."""
    from certificates import authority
    from certificates import bulk as bulk_issue

    authority.ensure()
    # What other measures left behind.
    bulk_issue.issue_all(bulk_issue.plan(), CORES, bulk_issue.Order(), lambda _done: None)
    count, limit, before = scale.pick(500_000, 12_000), Limit(Codes(scale), scale), query(VALID)[0][0]
    prepare(count)
    newest = query(NEWEST)[0][0]
    pause = scale.pick(4.0, 0.1)
    killed = follow(stack, limit, pause, until=lambda issued: issued - newest >= KILL_AT * count)
    half = query(VALID)[0][0] - before
    rest = follow(stack, limit, pause)
    issued = query(VALID)[0][0] - before
    wrong = {} if issued == count else {"issued": issued}
    wrong |= {name: number for name, number in checked().items() if number}
    windows, seconds = [*killed.windows, *rest.windows], killed.seconds + rest.seconds
    possible = Alone(*(sum(amounts) for amounts in zip(*(window.possible for window in windows), strict=True)))
    one, each = statistics.median(limit.processor), rest.processor / max(count - half, 1)
    rates = rest.rates(5)
    early, late = rest.megabytes(1), rest.megabytes(4)
    details = {"wrong": wrong, "after_the_kill": half, "seconds": [killed.seconds, rest.seconds], "rates": rates}
    return [
        Figure(
            "bulk_rate", f"{count:,} certificates, killed at {KILL_AT:.0%} and started again",
            count / possible.one, 0.5, 0.8, measured=count / seconds, limit=possible.one / seconds,
            limit_is=f"both codes in one process × {CORES}", details=details,
        ),
        Figure(
            "bulk_together", "the same, beside it", count / possible.each, 0.0, measured=count / seconds,
            limit=possible.each / seconds, limit_is=f"both codes in {CORES} processes at once",
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
    # Autovacuum would within a minute of so many rows, which is when the clock runs; real doses are older.
    query("VACUUM ANALYZE registration_citizen, vaccination_immunization")
    say(f"  {count:,} doses")


def follow(stack: Stack, limit: Limit, pause: float, until: Callable[[int], bool] = lambda _issued: False) -> Run:
    """One run of the command to its end, or until it is killed with signal 9; raises CalledProcessError.

    Every `pause` seconds it stands still for a look. Returns when its processes are gone: those of a killed one end the
    batch they have in hand.
    """
    database = stack.postgres.process
    assert database
    before, alone = cpu_seconds(database.pid), limit.now()
    process = subprocess.Popen(COMMAND, cwd=ROOT, stdout=sys.stderr)
    crew: list[int] = []
    windows: list[Window] = []
    try:
        while process.returncode is None:
            begun, megabytes = time.perf_counter(), windows[-1].megabytes if windows else 0.0
            used = wait(process, pause)
            if process.returncode is None:
                crew = stop(process.pid)
                time.sleep(SETTLED)
                seconds = time.perf_counter() - begun
                megabytes = memory_bytes(process.pid) / 1e6
            else:
                while any(map(is_alive, crew)):
                    time.sleep(0.01)
                seconds = time.perf_counter() - begun
            issued, was, alone = int(query(NEWEST)[0][0]), alone, limit.now()
            windows.append(Window(seconds, issued, megabytes, was, alone))
            tell(crew, signal.SIGCONT)
            if until(issued) and process.returncode is None:
                process.kill()
    except BaseException:
        tell(crew, signal.SIGKILL)
        raise
    if process.returncode not in (0, -signal.SIGKILL):
        raise subprocess.CalledProcessError(process.returncode, COMMAND)
    of_database = cpu_seconds(database.pid) - before
    return Run(windows, used + of_database, of_database)


def wait(process: subprocess.Popen[bytes], seconds: float) -> float:
    """So long, or until it ended; returns the processor seconds of one that ended, its own ended ones included."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used.ru_utime + used.ru_stime
        time.sleep(0.01)
    return 0.0


def stop(leader: int) -> list[int]:
    """A program and its processes stand still; returns their ids."""
    tell([leader], signal.SIGSTOP)  # first, so that no other comes after the count
    crew = members(leader)
    tell(crew, signal.SIGSTOP)
    return crew


def tell(processes: Iterable[int], number: signal.Signals) -> None:
    """A signal for those that are still there."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


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
