"""A booking costs fewer indexes: those nobody asks by, and those another index begins with.

Dropped by name, not by AlterField: that would check the foreign keys of the whole table once more.
"""

import django.db.models.deletion
from django.db import migrations, models

UNUSED = (
    "scheduling_appointment_code_dd67286e_like",
    "scheduling_appointment_programme_id_dbe10739",
    "scheduling_appointment_programme_id_dbe10739_like",
    "scheduling_appointment_questionnaire_id_f6c575b7",
    "scheduling_appointment_schedule_id_05ad2c3d",
    "scheduling_place_slot_id_73a48065",
    "scheduling_slot_schedule_id_51f35b05",
    "scheduling_waitlistmember_entry_id_158e7d23",
    "scheduling_waitlistmember_programme_id_d020ecdd",
    "scheduling_waitlistmember_programme_id_d020ecdd_like",
)


class Migration(migrations.Migration):
    atomic = False  # no booking or dose waits for an index to go

    dependencies = [
        ("programmes", "0001_initial"),
        ("scheduling", "0012_waitlist_desk"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", reverse_sql=migrations.RunSQL.noop)
                for name in UNUSED
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="appointment",
                    name="programme",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="programmes.programme"
                    ),
                ),
                migrations.AlterField(
                    model_name="appointment",
                    name="questionnaire",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="programmes.questionnaire",
                    ),
                ),
                migrations.AlterField(
                    model_name="appointment",
                    name="schedule",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="appointments",
                        to="scheduling.schedule",
                    ),
                ),
                migrations.AlterField(
                    model_name="place",
                    name="slot",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="places",
                        to="scheduling.slot",
                    ),
                ),
                migrations.AlterField(
                    model_name="slot",
                    name="schedule",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="slots",
                        to="scheduling.schedule",
                    ),
                ),
                migrations.AlterField(
                    model_name="waitlistmember",
                    name="entry",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="members",
                        to="scheduling.waitlistentry",
                    ),
                ),
                migrations.AlterField(
                    model_name="waitlistmember",
                    name="programme",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="programmes.programme",
                    ),
                ),
            ],
        )
    ]
