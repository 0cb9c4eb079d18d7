from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """An index on places that are about to be offered: nearly empty, built without stopping bookings."""

    atomic = False
    dependencies = [("scheduling", "0003_waitlist_by_place_and_reason")]

    operations = [
        AddIndexConcurrently(
            model_name="place",
            index=models.Index(
                condition=models.Q(("pool", "offered"), ("state", "free")), fields=["slot"], name="place_to_offer"
            ),
        ),
    ]
