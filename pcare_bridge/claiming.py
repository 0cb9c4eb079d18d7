"""Leasing of due deliveries in one statement, whose cost follows what is still open and not what is finished."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.prepared import Prepared
from pcare_bridge import accounts, conf
from pcare_bridge.models import Delivery
from pcare_bridge.reading import VERSION, Shape

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
    ORDER BY d.deadline_at, d.available_at
    LIMIT CASE WHEN (
        SELECT u.state = 'closed' AND u.paused_reason = '' AND coalesce(u.next_slot_at <= %(soon)s, true)
        FROM pcare_bridge_upstream u WHERE u.id = %(upstream)s
    ) THEN (
        SELECT greatest(0, least(%(room)s::int, CASE WHEN count(*) = 0 THEN %(most)s::int ELSE %(width)s::int END
            - %(held)s::int - count(*)::int))
        FROM pcare_bridge_delivery b
        WHERE b.state = 'in_flight' AND b.lease_until > %(now)s AND b.profile = ANY(%(profiles)s)
          AND b.lease_token <> ALL(%(tokens)s::uuid[]))
    ELSE 0 END
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE pcare_bridge_delivery d
SET state = 'in_flight', lease_token = %(token)s, lease_until = %(until)s, attempts = d.attempts + 1,
    outcome_unknown = true, first_attempt_at = coalesce(d.first_attempt_at, %(now)s)
WHERE d.id = ANY(ARRAY(SELECT id FROM picked))
RETURNING {delivery.columns}, (SELECT p.outcome_unknown FROM picked p WHERE p.id = d.id),
    (SELECT u.next_slot_at FROM pcare_bridge_upstream u WHERE u.id = %(upstream)s),
    (SELECT {version} FROM {account} a WHERE a.facility_id = d.facility_id)
"""
# In the same message as the claim: the lock comes first, so that the claim sees what another worker leased while this
# one waited. And a claim must be on disk before anything is sent, whatever else its transaction stores.
BEFORE = """SET LOCAL synchronous_commit TO on;
SELECT FROM pcare_bridge_upstream WHERE id = %(upstream)s FOR UPDATE"""
SOON_SECONDS = 5  # a pause shorter than this is waited out with the lease in hand
DELIVERY = Shape(Delivery, "d")

# Prepared, because planning it takes longer than running it.
CLAIMS = {
    service: Prepared(
        f"pcare_claim_{service}", CLAIM.format(account=model._meta.db_table, delivery=DELIVERY, version=VERSION)
    )
    for service, model in accounts.ACCOUNT_MODELS.items()
}


class Held(NamedTuple):
    """What a sender has leased already: rows, and the tokens of their leases."""

    rows: int = 0
    tokens: Collection[uuid.UUID] = ()


NOTHING = Held()


class Claimed(NamedTuple):
    """Leased rows, nearest deadline first, and what was read along with them."""

    rows: list[Delivery]
    next_slot_at: datetime | None
    """When the throttle lets the next request begin."""
    versions: dict[int, str]
    """Of the account of each facility that has one."""


def claim(upstream_id: int, service: str, room: int, held: Held = NOTHING, ahead: int = 0) -> Claimed:
    """Lease up to `room` due rows of a service, unless it is down, stopped or asked for a pause of more than seconds.

    `outcome_unknown` of each tells of earlier tries. Never more than PCARE_IN_FLIGHT over all workers, and `ahead` on
    top of it for a worker that is alone: who holds more than that many makes that many requests at once, and nobody
    else gets a row before it holds less. Locks the upstream row until the caller's transaction ends, then the rows
    (SKIP LOCKED, so it never waits for those).
    """
    now = timezone.now()
    values: dict[str, Any] = {
        "now": now, "profiles": accounts.profiles_of(service), "room": room, "width": settings.PCARE_IN_FLIGHT,
        "held": held.rows, "tokens": list(held.tokens), "most": settings.PCARE_IN_FLIGHT + ahead,
        "token": uuid.uuid4(), "until": now + timedelta(seconds=conf.lease_seconds()),
        "upstream": upstream_id, "soon": now + timedelta(seconds=SOON_SECONDS),
    }  # fmt: skip
    statement = CLAIMS[service].ready_on(connection)
    with connection.cursor() as cursor:
        cursor.execute(f"{BEFORE}; {statement}", values)
        found = cursor.fetchall()
    rows, versions = [], {}
    for columns in found:
        row = DELIVERY.build(columns)
        row.outcome_unknown = columns[-3]  # of earlier tries; the table now speaks of the one to come
        if columns[-1] is not None:
            versions[row.facility_id] = columns[-1]
        rows.append(row)
    return Claimed(sorted(rows, key=_place), found[0][-2] if found else None, versions)


def _place(row: Delivery) -> tuple[Any, ...]:
    """As the statement picked them: no deadline comes last."""
    return (row.deadline_at is None, row.deadline_at or row.available_at, row.available_at, row.pk)
