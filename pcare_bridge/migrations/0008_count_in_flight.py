"""A claim counts what is under way; built while deliveries go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("pcare_bridge", "0007_retry_runs_and_codes")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "in_flight")), fields=["lease_until"], name="delivery_in_flight"
            ),
        ),
    ]
