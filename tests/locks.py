"""Seeing who waits for whom in the database."""

import time

from django.db import connection


def somebody_waits_for_us(seconds: float = 60) -> bool:
    """Whether another connection is seen waiting for a row that this one has locked, within some seconds."""
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(asked)
            if cursor.fetchone()[0]:
                return True
        time.sleep(0.05)
    return False
