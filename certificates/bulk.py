"""Certificates of many doses at once, in batches, by several processes.

Nothing is remembered beside the certificates themselves: whoever starts again finds what is still missing, whatever
ended the work before.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from django.db import connections, transaction
from django.db.models import Count, F, Max, Min

from certificates import assemble, keys, notify, services
from registration.models import Citizen

BATCH = 2_000  # doses: half a second of work, and what a killed process at most has to do again
AHEAD = 2  # batches with each process: one in hand and one waiting, so that nobody stands idle between two
CREW = (os.cpu_count() or 1) + 1  # processes: at any time one of them waits for the disk
_FORK = multiprocessing.get_context("fork")


class Stopped(RuntimeError):
    """A process could not go on; the message says why. What was committed stays."""


class Batch(NamedTuple):
    """Doses that lack a certificate: the first id, the last one, and how many there are from the one to the other."""

    first: int
    last: int
    doses: int


@dataclass(frozen=True)
class Order:
    """What every process does with its doses: in whose name it signs, and whether the person gets a message."""

    actor: str = "command"
    tell: bool = False


def issue_batch(first: int, last: int, order: Order) -> int:
    """Sign what is missing of the doses with these and the ids between, in one transaction; returns how many.

    Locks the doses that lack a certificate, in the order of their ids. Raises keys.NoSigningKey.
    """
    signer = cache(keys.signer)  # asked once a batch, so a key that retires meanwhile signs no other batch
    with transaction.atomic():
        lacking = services.missing(first, last)
        to_lock = lacking.select_for_update(no_key=True, of=("self",)).order_by("pk")
        locked = set(to_lock.values_list("pk", flat=True))
        # A statement of its own: what others signed while we waited for the lock is seen only now.
        doses = assemble.read(lacking)
        made = services.sign([dose for dose in doses if dose.pk in locked], signer=signer)
        rows = [new.row for new in made]
        services.save_all(rows)
        services.log_signatures(rows, order.actor)
        if order.tell:
            _tell(made)
    return len(made)


def _tell(made: Sequence[services.New]) -> None:
    needed = Citizen.objects.only("account", "contact_phone").select_related("account")
    citizens = needed.in_bulk({new.citizen_id for new in made})
    notify.certificates_ready((new.row.public_id, citizens[new.citizen_id], new.token) for new in made)


# --- several processes ---------------------------------------------------------------------------------------------


def plan() -> list[Batch]:
    """What is missing now in batches of at most BATCH doses, in the order of their ids; one statement."""
    blocks = services.missing().order_by().annotate(block=F("pk") / BATCH).values("block")
    counted = blocks.annotate(first=Min("pk"), last=Max("pk"), doses=Count("pk")).order_by("block")
    batches: list[Batch] = []
    for each in map(Batch._make, counted.values_list("first", "last", "doses")):
        if batches and batches[-1].doses + each.doses <= BATCH:  # where little is missing
            each = Batch(batches[-1].first, each.last, batches.pop().doses + each.doses)
        batches.append(each)
    return batches


def issue_all(batches: Iterable[Batch], processes: int, order: Order, report: Callable[[int], None]) -> int:
    """Sign what is planned; `report` hears how many after each batch. Returns how many. Raises Stopped."""
    batches, count = iter(batches), 0
    crew = _hire(processes, order)
    try:
        handed = dict.fromkeys(crew, 0)
        for pipe in AHEAD * list(crew):
            handed[pipe] += _hand_out(pipe, batches)
        while busy := [pipe for pipe, number in handed.items() if number]:
            for ready in wait(busy):
                assert isinstance(ready, Connection)
                count += _answer(ready)
                report(count)
                handed[ready] += _hand_out(ready, batches) - 1
    finally:
        for pipe in crew:
            pipe.close()  # whoever is in the middle of a batch ends it and goes home
        for process in crew.values():
            process.join()
    return count


def _hire(processes: int, order: Order) -> dict[Connection, BaseProcess]:
    """Processes that wait for batches at the other end of their pipes."""
    connections.close_all()  # a connection to the database serves one process
    crew: dict[Connection, BaseProcess] = {}
    for _ in range(processes):
        ours, theirs = _FORK.Pipe()
        process = _FORK.Process(target=_work, args=(theirs, [ours, *crew], order), daemon=True)
        process.start()
        theirs.close()
        crew[ours] = process
    return crew


def _work(pipe: Connection, not_ours: list[Connection], order: Order) -> None:
    """Batch after batch until the other end of the pipe is gone, be it closed or killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process ends the others
    for other in not_ours:
        other.close()
    # A batch keeps tens of thousands of objects without a cycle until it is saved, and a collector that walks over them
    # again and again takes a twentieth of the time. So it looks once a batch, and not at what was there before.
    gc.freeze()
    gc.disable()
    try:
        while True:
            first, last = pipe.recv()
            pipe.send(issue_batch(first, last, order))
            gc.collect()
    except keys.NoSigningKey as error:
        pipe.send(str(error))
    except (EOFError, BrokenPipeError):
        pass


def _hand_out(pipe: Connection, batches: Iterator[Batch]) -> bool:
    batch = next(batches, None)
    if batch is None:
        return False
    pipe.send((batch.first, batch.last))
    return True


def _answer(pipe: Connection) -> int:
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        raise Stopped("Satu proses berhenti di tengah jalan.") from error
    if isinstance(answer, str):
        raise Stopped(answer)
    return int(answer)
