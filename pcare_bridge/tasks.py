"""Celery entry points of the bridge."""

import logging

from celery import Task, shared_task
from django.db import connection
from kombu.exceptions import OperationalError

from pcare_bridge import reconciling, sending, services
from pcare_bridge.models import Reconciliation

logger = logging.getLogger(__name__)

# Any number; one sender a service at a time keeps the other worker free for everything else while PCare hangs. Safety
# does not depend on it: rows are leased.
RECONCILE_LOCK = 7_265_003
SENDER_LOCKS = {"pcare": 7_265_001, "satusehat": 7_265_002}


@shared_task(ignore_result=True)
def send_deliveries(service: str = "pcare") -> int:
    """Send due deliveries to a service unless another worker is at it, and come back while there is more.

    Returns how many got an outcome.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SENDER_LOCKS[service]])
        if not cursor.fetchone()[0]:
            return 0
    try:
        # Short, so that a worker asked to stop can finish.
        sent = sending.send_due(8, service)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SENDER_LOCKS[service]])
    if sent:
        hurry()
    return sent


@shared_task(ignore_result=True)
def reconcile() -> int:
    """Compare what waits to be compared, for some seconds; returns how many were finished."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [RECONCILE_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    try:
        return reconciling.work(seconds=20)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [RECONCILE_LOCK])


def hurry() -> int:
    """Drain of the sweeper: start a sender when there is something to send. Best effort, like every wake-up.

    Always 0: the sweep has nothing more to do itself, so it must not call itself again on our account.
    """
    services.release_identified()
    services.renew_deadlines()
    reconciling.request_night()
    if Reconciliation.objects.due().exists():
        _wake(reconcile)
    for service in SENDER_LOCKS:
        if sending.has_work(service):
            _wake(send_deliveries, service)
    return 0


def _wake(task: Task, *arguments: str) -> None:
    try:
        task.apply_async(args=arguments, retry=False, expires=30)
    except OperationalError:
        logger.info("no wake-up sent, the next sweep tries again")
