"""A turn costs one index less: two others begin with the room.

Dropped by name, not by AlterField: that would check the foreign keys of the whole table once more.
"""

import django.db.models.deletion
from django.db import migrations, models

UNUSED = ("admission_turn_room_id_aff9ae6b",)


class Migration(migrations.Migration):
    atomic = False  # no booking or dose waits for an index to go

    dependencies = [
        ("admission", "0001_rooms_and_turns"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", reverse_sql=migrations.RunSQL.noop)
                for name in UNUSED
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="turn",
                    name="room",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="turns",
                        to="admission.room",
                    ),
                ),
            ],
        )
    ]
