"""Certificates ask for their keys no more; keys cannot go. And no statistics of what nobody looks for.

Only constraints go and settings change: no row is read, the locks are held for a moment.
"""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Each ANALYZE took them out of thirty thousand rows and sorted them, and no statement looks for one.
CODES = ("hc1", "hc1_svg", "shc", "shc_svg", "facts")


class Migration(migrations.Migration):
    dependencies = [("certificates", "0007_log_by_day")]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="signingkey",
            trigger=pgtrigger.compiler.Trigger(
                name="stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=(
                        "RAISE EXCEPTION "
                        "'pgtrigger: Cannot delete or update of \"kid\" rows from % table', TG_TABLE_NAME;"
                    ),
                    hash="b9ff4a36ba59b95455b57c0f3f3b9e6e73f11c8e",
                    operation='DELETE OR UPDATE OF "kid"',
                    pgid="pgtrigger_stays_6d58e",
                    table="certificates_signingkey",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AlterField(
            model_name="certificate",
            name="hc1_key",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="certificates.signingkey",
            ),
        ),
        migrations.AlterField(
            model_name="certificate",
            name="shc_key",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="certificates.signingkey",
            ),
        ),
        migrations.RunSQL(
            f"ALTER TABLE certificates_certificate {', '.join(f'ALTER {name} SET STATISTICS 0' for name in CODES)}",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
