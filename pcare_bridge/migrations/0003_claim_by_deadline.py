"""The claim takes what is nearest its deadline; built while deliveries go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("pcare_bridge", "0002_services_and_deadlines")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "in_flight"])),
                fields=["deadline_at", "available_at"],
                name="delivery_by_deadline",
            ),
        ),
    ]
