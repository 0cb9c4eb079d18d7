"""The log of signatures asks for its dose no more; the certificate of the same transaction does.

Only a constraint goes: no row is read, the lock is held for a moment.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("certificates", "0005_trust_switches"), ("vaccination", "0002_fewer_indexes")]

    operations = [
        migrations.AlterField(
            model_name="signaturelog",
            name="immunization",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="vaccination.immunization",
            ),
        ),
    ]
