"""I7: the coverage roll-up equals a recount from the rows."""

from django.db import connection

from reporting.services import CONSUMER

# One statement, one snapshot. A dose whose message is still under way is expected where the roll-up has it now: the
# message adds or removes it in the transaction that marks it done.
_DIFFERENT_CELLS = """
    WITH pending AS (
        SELECT topic, (payload->>'immunization_id')::bigint AS told, (payload->>'replacement_id')::bigint AS replacement
        FROM core_outboxmessage
        WHERE consumer = %s AND state IN ('waiting', 'in_flight')
    ), counted AS (
        SELECT i.id, i.programme_id AS programme_code, i.dose_code, i.residence_id, i.status,
               (i.occurred_at AT TIME ZONE 'Asia/Jakarta')::date AS date
        FROM vaccination_immunization i
        WHERE i.status IN ('completed', 'entered-in-error') AND i.is_primary_source AND i.invalid_reasons = '{}'
    ), expected AS (
        SELECT programme_code, dose_code, residence_id, date, sum(
            (id NOT IN (SELECT told FROM pending WHERE topic = 'immunization.recorded')
             AND id NOT IN (SELECT replacement FROM pending WHERE replacement IS NOT NULL))::int
            - (status = 'entered-in-error'
               AND id NOT IN (SELECT told FROM pending WHERE topic = 'immunization.corrected'))::int
        ) AS amount
        FROM counted GROUP BY 1, 2, 3, 4
    ), held AS (
        SELECT programme_code, dose_code, residence_id, date, sum(amount) AS amount FROM (
            SELECT programme_code, dose_code, residence_id, date, count AS amount FROM reporting_coveragerollup
            UNION ALL
            SELECT programme_code, dose_code, residence_id, date, amount FROM reporting_coveragedelta
        ) parts GROUP BY 1, 2, 3, 4
    )
    SELECT count(*) FROM (
        SELECT programme_code, dose_code, residence_id, date FROM (
            SELECT programme_code, dose_code, residence_id, date, amount FROM expected
            UNION ALL
            SELECT programme_code, dose_code, residence_id, date, -amount FROM held
        ) both_sides GROUP BY 1, 2, 3, 4 HAVING sum(amount) <> 0
    ) different
"""


def different_cells() -> int:
    """How many cells (programme, dose, kelurahan, day) of the roll-up differ from the doses themselves."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT_CELLS, [CONSUMER])
        return cursor.fetchone()[0]
