"""Certificates of many doses at once, in batches, by several processes.

Nothing is remembered beside the certificates themselves: whoever starts again finds what is still missing, whatever
ended the work before.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from django.db import connections, transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone

from certificates import keys, notify
from certificates.assemble import certifiable, covid_doses
from certificates.models import Certificate, Revocation, SignatureLog
from certificates.services import signatures_of, signed
from programmes.models import DoseRule
from registration.models import Citizen
from vaccination.models import Immunization

BATCH = 500  # doses: a second of work, and at most this much is done again after a kill
_FORK = multiprocessing.get_context("fork")


class Stopped(RuntimeError):
    """A process could not go on; the message says why. What was committed stays."""


@dataclass(frozen=True)
class Order:
    """What every process does with its doses: in whose name it signs, and whether the person gets a message."""

    actor: str = "command"
    tell: bool = False


def missing() -> QuerySet[Immunization]:
    """Doses for which `services.issue` would sign: entitled to a certificate, without one that is valid today."""
    of_dose = Certificate.objects.filter(immunization=OuterRef("pk"))
    valid = of_dose.filter(status=Certificate.Status.VALID, expires_at__gt=timezone.now())
    barred = Revocation.objects.filter(certificate__immunization=OuterRef("pk")).exclude(
        reason__in=Revocation.RENEWABLE
    )
    return certifiable().filter(~Exists(valid), ~Exists(barred))


def issue_batch(ids: Sequence[int], order: Order) -> int:
    """Sign what is missing of these doses in one transaction; returns how many. Raises keys.NoSigningKey.

    Locks the doses in the order of their ids. Pictures are made when somebody looks (`qr.pictures`).
    """
    signer = cache(keys.signer)  # asked once a batch, so a key that retires meanwhile signs no other batch
    with transaction.atomic():
        list(Immunization.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk").values_list("pk"))
        # A statement of its own: what others signed while we waited for the lock is seen only now.
        doses = list(_with_all_they_need(missing().filter(pk__in=ids)))
        expired = Certificate.objects.filter(immunization__in=doses, status=Certificate.Status.VALID)
        expired.update(status=Certificate.Status.RENEWED)
        labels, history = _labels(), _histories(doses)
        made = [
            signed(
                dose,
                label=labels.get((dose.programme_id, dose.dose_code)) or dose.dose_code,
                signer=signer,
                history=history[dose.citizen_id],
            )
            for dose in doses
        ]
        Certificate.objects.bulk_create(certificate for certificate, _token in made)
        SignatureLog.objects.bulk_create(
            line for certificate, _token in made for line in signatures_of(certificate, order.actor)
        )
        if order.tell:
            for certificate, token in made:
                notify.certificate_ready(certificate, token)
    return len(made)


def _with_all_they_need(doses: QuerySet[Immunization]) -> QuerySet[Immunization]:
    # Identity number and address are not asked for, so they are not opened either.
    citizens = Citizen.objects.only("full_name", "birth_date", "account")
    return doses.order_by("pk").prefetch_related("vaccine", "facility", Prefetch("citizen", queryset=citizens))


def _labels() -> dict[tuple[str, str], str]:
    rules = DoseRule.objects.reverse().values_list("programme_id", "dose_code", "dose_label")
    return {(programme, code): label for programme, code, label in rules}  # of several the first, as `dose_label`


def _histories(doses: Sequence[Immunization]) -> dict[int, list[Immunization]]:
    """By person, for those of whom a booster has to be counted."""
    history: dict[int, list[Immunization]] = defaultdict(list)
    for dose in covid_doses({dose.citizen_id for dose in doses if dose.dose_code.startswith("booster")}):
        history[dose.citizen_id].append(dose)
    return history


# --- several processes ---------------------------------------------------------------------------------------------


def issue_all(processes: int, order: Order, report: Callable[[int], None]) -> int:
    """Sign everything that is missing; `report` hears how many after each batch. Returns how many. Raises Stopped."""
    batches, count = _batches(), 0
    crew = _hire(processes, order)
    try:
        busy = {pipe for pipe in crew if _hand_out(pipe, batches)}
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                count += _answer(pipe)
                report(count)
                if not _hand_out(pipe, batches):
                    busy.remove(pipe)
    finally:
        for pipe in crew:
            pipe.close()  # whoever is in the middle of a batch ends it and goes home
        for process in crew.values():
            process.join()
    return count


def _batches() -> Iterator[list[int]]:
    """Ids of all doses entitled to a certificate, in order; doses recorded meanwhile come last.

    What is missing of them is asked batch by batch: the same question with a LIMIT may read all certificates each time.
    """
    last = 0
    while ids := list(certifiable().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield ids
        last = ids[-1]


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
    try:
        while True:
            pipe.send(issue_batch(pipe.recv(), order))
    except keys.NoSigningKey as error:
        pipe.send(str(error))
    except (EOFError, BrokenPipeError):
        pass


def _hand_out(pipe: Connection, batches: Iterator[list[int]]) -> bool:
    ids = next(batches, None)
    if ids is None:
        return False
    pipe.send(ids)
    return True


def _answer(pipe: Connection) -> int:
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        raise Stopped("Satu proses berhenti di tengah jalan.") from error
    if isinstance(answer, str):
        raise Stopped(answer)
    return int(answer)
