"""Leasing of due deliveries in one statement, whose cost follows what is still open and not what is finished."""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from core.prepared import Prepared
from pcare_bridge import accounts, conf
from pcare_bridge.models import Delivery
from pcare_bridge.reading import Shape

# The condition is one CASE because the planner takes it for every second row: separate conditions, whose shares it
# multiplies, let it mistake ten thousand open rows for one and look at every account for each of them. So it walks
# delivery_by_deadline, or at worst reads the open rows once. What is stopped or paused comes as arrays, read once; so
# do the picked ids: a planner that cannot tell how many there are might read the whole table to join them.
#
# `outcome_unknown` is committed before the first byte leaves: whoever takes over from a killed worker reads back first.
CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT d.id, d.outcome_unknown
    FROM pcare_bridge_delivery d
    WHERE d.state IN ('waiting', 'in_flight')
      AND CASE
          WHEN d.profile <> ALL(%(profiles)s) THEN false
          WHEN d.profile = ANY(ARRAY(
              SELECT s.profile FROM pcare_bridge_profileswitch s WHERE s.stopped_reason <> '' AND s.facility_id IS NULL
          )) THEN false
          WHEN d.profile || d.facility_id = ANY(ARRAY(
              SELECT s.profile || s.facility_id FROM pcare_bridge_profileswitch s
              WHERE s.stopped_reason <> '' AND s.facility_id IS NOT NULL
          )) THEN false
          WHEN d.facility_id = ANY(ARRAY(SELECT a.facility_id FROM {account} a WHERE a.pause_class <> '')) THEN false
          WHEN d.state = 'waiting' THEN d.available_at <= %(now)s
          ELSE d.lease_until < %(now)s
          END
    ORDER BY d.deadline_at, d.available_at, d.id
    LIMIT greatest(0, least(%(room)s::int, %(width)s::int - (
        SELECT count(*) FROM pcare_bridge_delivery b
        WHERE b.state = 'in_flight' AND b.lease_until > %(now)s AND b.profile = ANY(%(profiles)s))::int))
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE pcare_bridge_delivery d
SET state = 'in_flight', lease_token = %(token)s, lease_until = %(until)s, attempts = d.attempts + 1,
    outcome_unknown = true, first_attempt_at = coalesce(d.first_attempt_at, %(now)s)
WHERE d.id = ANY(ARRAY(SELECT id FROM picked))
RETURNING {delivery.columns}, (SELECT p.outcome_unknown FROM picked p WHERE p.id = d.id)
"""
DELIVERY = Shape(Delivery, "d")

# Prepared, because planning it takes longer than running it.
CLAIMS = {
    service: Prepared(f"pcare_claim_{service}", CLAIM.format(account=model._meta.db_table, delivery=DELIVERY))
    for service, model in accounts.ACCOUNT_MODELS.items()
}


def claim(service: str, room: int) -> list[Delivery]:
    """Lease up to `room` due rows of a service, nearest deadline first; `outcome_unknown` tells of earlier tries.

    Never more than PCARE_IN_FLIGHT over all workers: the caller holds the lock of the upstream row, so that what
    another worker has just leased is seen here. Locks the rows (SKIP LOCKED, so it never waits).
    """
    now = timezone.now()
    values: dict[str, Any] = {
        "now": now, "profiles": accounts.profiles_of(service), "room": room, "width": settings.PCARE_IN_FLIGHT,
        "token": uuid.uuid4(), "until": now + timedelta(seconds=conf.lease_seconds()),
    }  # fmt: skip
    rows = []
    for found in CLAIMS[service].rows(**values):
        row = DELIVERY.build(found)
        row.outcome_unknown = found[-1]  # of earlier tries; the table now speaks of the one to come
        rows.append(row)
    return sorted(rows, key=_place)


def _place(row: Delivery) -> tuple[Any, ...]:
    """As the statement picked them: no deadline comes last."""
    return (row.deadline_at is None, row.deadline_at or row.available_at, row.available_at, row.pk)
