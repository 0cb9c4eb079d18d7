"""Celery entry points of the bridge."""

from celery import shared_task
from django.db import connection

from pcare_bridge import sending

# Any number; one sender at a time keeps the other worker free for everything else while PCare hangs. Safety does not
# depend on it: rows are leased.
SENDER_LOCK = 7_265_001


@shared_task(ignore_result=True)
def send_deliveries() -> int:
    """Send due deliveries unless another worker is at it; returns how many got an outcome."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SENDER_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    try:
        # Short, so that a worker asked to stop can finish; the next sweep goes on.
        return sending.send_due(8)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SENDER_LOCK])


def hurry() -> int:
    """Drain of the sweeper: start a sender when there is something to send. Best effort, like every wake-up."""
    if not sending.has_work():
        return 0
    send_deliveries.apply_async(retry=False, expires=30)
    return 1
