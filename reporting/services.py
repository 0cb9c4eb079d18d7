"""Keeps the coverage roll-up in step with the doses, and takes over figures of earlier systems.

Counted is a dose recorded when it was given (FHIR primarySource) that no rule marks as invalid, by the kelurahan on the
person's identity card that day. None of these change on a row, so +1 and -1 of one dose always cancel, in any order.
"""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from core.models import OutboxMessage
from programmes.models import Programme
from regions.models import Kecamatan, TargetPopulation
from reporting.models import CoverageBaseline, CoverageDelta, CoverageRollup
from reporting.recap import Recap

CONSUMER = "reporting"
# One folder at a time: two would lock the same roll-up rows in different order.
_FOLD_LOCK = 0x56494354
_FOLD = """
    WITH taken AS (
        DELETE FROM reporting_coveragedelta
        WHERE id IN (SELECT id FROM reporting_coveragedelta ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
        RETURNING programme_code, dose_code, residence_id, date, amount
    ), folded AS (
        INSERT INTO reporting_coveragerollup (programme_code, dose_code, residence_id, date, count)
        SELECT programme_code, dose_code, residence_id, date, sum(amount) FROM taken
        GROUP BY programme_code, dose_code, residence_id, date
        ON CONFLICT (programme_code, dose_code, residence_id, date)
        DO UPDATE SET count = reporting_coveragerollup.count + excluded.count
    )
    SELECT count(*) FROM taken
"""
# What counts is written once per statement here and in reporting.checks, whose test compares them on the same rows.
_APPEND = """
    INSERT INTO reporting_coveragedelta (programme_code, dose_code, residence_id, date, amount, immunization_id)
    SELECT programme_id, dose_code, residence_id, (occurred_at AT TIME ZONE 'Asia/Jakarta')::date, %s, id
    FROM vaccination_immunization WHERE id = %s AND is_primary_source AND invalid_reasons = '{}'
"""
_RECOUNT = """
    INSERT INTO reporting_coveragerollup (programme_code, dose_code, residence_id, date, count)
    SELECT programme_id, dose_code, residence_id, (occurred_at AT TIME ZONE 'Asia/Jakarta')::date, count(*)
    FROM vaccination_immunization
    WHERE status = 'completed' AND is_primary_source AND invalid_reasons = '{}'
    GROUP BY 1, 2, 3, 4
"""
_ADD = """
    INSERT INTO reporting_coveragerollup (programme_code, dose_code, residence_id, date, count)
    SELECT programme_id, dose_code, residence_id, (occurred_at AT TIME ZONE 'Asia/Jakarta')::date, count(*)
    FROM vaccination_immunization
    WHERE id BETWEEN %s AND %s AND status = 'completed' AND is_primary_source AND invalid_reasons = '{}'
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (programme_code, dose_code, residence_id, date)
    DO UPDATE SET count = reporting_coveragerollup.count + excluded.count
"""


def on_recorded(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.recorded`: one more dose, whatever became of the row since (its -1 comes by itself)."""
    _append(payload["immunization_id"], +1)


def on_corrected(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.corrected`: the old row leaves the count, the one that replaces it enters."""
    _append(payload["immunization_id"], -1)
    if payload.get("replacement_id"):
        _append(payload["replacement_id"], +1)


def _append(immunization_id: int, amount: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [amount, immunization_id])


def fold(limit: int = 10_000) -> int:
    """Fold appended deltas into the roll-up, in one statement so that no reader sees a dose twice or not at all.

    Returns how many were folded; 0 at once when another process is folding.
    """
    if not CoverageDelta.objects.exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FOLD_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FOLD, [limit])
        return cursor.fetchone()[0]


def add_to_rollup(first_id: int, last_id: int) -> int:
    """Count doses written in bulk, without messages, in the transaction that wrote them; returns the cells touched."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FOLD_LOCK])
        cursor.execute(_ADD, [first_id, last_id])
        return cursor.rowcount


def recount() -> int:
    """Build the roll-up anew from the doses themselves; returns its number of rows.

    New doses wait until commit. Messages still under way are settled here: what the recount saw must not arrive again.
    Locks in this order: folding, doses (against writers), this consumer's messages, so that a handler at work ends
    first and one that comes later finds its message done.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FOLD_LOCK])
        cursor.execute("LOCK TABLE vaccination_immunization IN SHARE ROW EXCLUSIVE MODE")
        messages = OutboxMessage.objects.filter(consumer=CONSUMER).exclude(state=OutboxMessage.DONE)
        under_way = list(messages.select_for_update().values_list("pk", flat=True))
        CoverageDelta.objects.all().delete()
        CoverageRollup.objects.all().delete()
        cursor.execute(_RECOUNT)
        OutboxMessage.objects.filter(pk__in=under_way).update(
            state=OutboxMessage.DONE, finished_at=timezone.now(), lease_token=None, lease_until=None
        )
        return CoverageRollup.objects.count()


@transaction.atomic
def take_over(recap: Recap, *, programme: Programme, dose_code: str) -> None:
    """Store an earlier system's figures as baseline and targets; replaces the baseline of the same dose."""
    kecamatan = Kecamatan.objects.in_bulk()
    CoverageBaseline.objects.bulk_create(
        [
            CoverageBaseline(
                programme=programme,
                dose_code=dose_code,
                kecamatan=kecamatan[row.code],
                count=row.achieved,
                source=recap.source,
                as_of=recap.as_of,
            )
            for row in recap.rows
        ],
        update_conflicts=True,
        unique_fields=["programme", "dose_code", "kecamatan"],
        update_fields=["count", "source", "as_of", "imported_at"],
    )
    TargetPopulation.objects.bulk_create(
        [
            TargetPopulation(
                kecamatan=kecamatan[row.code],
                programme_code=programme.pk,
                group=dose_code,
                count=row.target,
                source=recap.source,
                as_of=recap.as_of,
            )
            for row in recap.rows
        ],
        update_conflicts=True,
        unique_fields=["kecamatan", "programme_code", "group", "source", "as_of"],
        update_fields=["count"],
    )
