"""A line of the ledger costs fewer indexes: that of who wrote it, and one another index begins with.

Dropped by name, not by AlterField: that would check the foreign keys of the whole table once more.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UNUSED = (
    "stock_stockmovement_actor_id_830b305e",
    "stock_stockmovement_facility_id_8972765f",
)


class Migration(migrations.Migration):
    atomic = False  # no booking or dose waits for an index to go

    dependencies = [
        ("regions", "0001_initial"),
        ("stock", "0002_announced_deliveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", reverse_sql=migrations.RunSQL.noop)
                for name in UNUSED
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="stockmovement",
                    name="actor",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="petugas",
                    ),
                ),
                migrations.AlterField(
                    model_name="stockmovement",
                    name="facility",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="regions.facility",
                    ),
                ),
            ],
        )
    ]
