"""Indexes of the tables that every booking and every dose writes: none twice, for each costs every row."""

import pytest
from django.db import connection

HOT = [
    "admission_turn", "scheduling_appointment", "scheduling_place", "scheduling_slot", "scheduling_waitlistmember",
    "stock_stockmovement", "vaccination_immunization", "vaccination_visit",
]  # fmt: skip
# An index that neither holds a rule nor a condition, whose columns are the first ones of another without a condition.
BEGUN_BY_ANOTHER = """
    SELECT narrow.indexrelid::regclass::text, wide.indexrelid::regclass::text
    FROM pg_index narrow
    JOIN pg_index wide ON wide.indrelid = narrow.indrelid AND wide.indexrelid <> narrow.indexrelid
    JOIN pg_class of_table ON of_table.oid = narrow.indrelid
    WHERE of_table.relname = ANY(%s) AND NOT narrow.indisunique AND narrow.indpred IS NULL AND wide.indpred IS NULL
      AND wide.indkey::text || ' ' LIKE narrow.indkey::text || ' %%'
"""


@pytest.mark.django_db
def test_no_index_of_a_busy_table_is_begun_by_another():
    with connection.cursor() as cursor:
        cursor.execute(BEGUN_BY_ANOTHER, [HOT])
        assert cursor.fetchall() == []
        cursor.execute("CREATE INDEX begun ON scheduling_place (slot_id)")  # the question does find one
        cursor.execute(BEGUN_BY_ANOTHER, [HOT])
        assert cursor.fetchall() == [("begun", "place_once")]
