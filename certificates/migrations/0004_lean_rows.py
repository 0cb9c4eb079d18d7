"""Rows of certificates that cost less to write: without indexes nobody asks, and whole in their page.

Indexes are dropped by name, not by AlterField: that would check the foreign keys of the whole table once more.
"""

import django.db.models.deletion
from django.db import migrations, models

UNUSED = (
    "certificates_certificate_hc1_key_id_0e622174",
    "certificates_certificate_hc1_key_id_0e622174_like",
    "certificates_certificate_shc_key_id_a4b0ec5a",
    "certificates_certificate_shc_key_id_a4b0ec5a_like",
    # An identifier is looked for whole, never by its beginning, and all of them begin alike.
    "certificates_certificate_uvci_2c68ceee_like",
)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0003_trust_lists")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f"DROP INDEX IF EXISTS {', '.join(UNUSED)}", reverse_sql=migrations.RunSQL.noop)
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="certificate",
                    name="hc1_key",
                    field=models.ForeignKey(
                        blank=True,
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
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="certificates.signingkey",
                    ),
                ),
            ],
        ),
        # A row without pictures has about 2,080 bytes, 50 more than PostgreSQL leaves whole: it tried to compress what
        # cannot be compressed and put half of it elsewhere. Two such rows fill a page, so it may stay whole.
        migrations.RunSQL(
            "ALTER TABLE certificates_certificate SET (toast_tuple_target = 4080)", reverse_sql=migrations.RunSQL.noop
        ),
    ]
