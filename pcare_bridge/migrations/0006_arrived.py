"""Rate and chart read the last hours of millions of deliveries; built while deliveries go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("pcare_bridge", "0005_file_batch")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "sent")), fields=["finished_at"], name="delivery_arrived"),
        ),
    ]
