import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Who waits now and was put there by somebody with one desk: that desk. Others stay with who put them there.
TO_THEIR_DESK = """
UPDATE scheduling_waitlistentry AS entry SET desk_facility_id = desk.facility_id
FROM (SELECT user_id, min(facility_id) AS facility_id FROM accounts_membership
      WHERE scope = 'facility' AND role IN ('petugas', 'vaksinator')
      GROUP BY user_id HAVING count(DISTINCT facility_id) = 1) AS desk
WHERE entry.entered_by_id = desk.user_id AND entry.joined_via = 'desk' AND entry.state IN ('waiting', 'offered')"""


class Migration(migrations.Migration):
    atomic = False  # the index is built beside the work

    dependencies = [
        ("accounts", "0001_initial"),
        ("regions", "0001_initial"),
        ("scheduling", "0011_release_defaults"),
    ]

    operations = [
        migrations.AddField(
            model_name="waitlistentry",
            name="desk_facility",
            field=models.ForeignKey(
                blank=True,
                db_comment="Whose desk put it there: all who work there answer. NULL for a kader and for who joined "
                "alone.",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="regions.facility",
                verbose_name="dimasukkan di meja",
            ),
        ),
        migrations.RunSQL(TO_THEIR_DESK, migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="waitlistentry",
            index=models.Index(
                condition=models.Q(("desk_facility__isnull", False)), fields=["desk_facility"], name="waitlist_by_desk"
            ),
        ),
    ]
