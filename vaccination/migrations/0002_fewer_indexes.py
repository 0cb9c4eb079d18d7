"""A dose and a visit cost fewer indexes: those nobody asks by, and those another index begins with.

Dropped by name, not by AlterField: that would check the foreign keys of the whole table once more.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UNUSED = (
    "vaccination_immunization_corrected_by_id_0d9bf137",
    "vaccination_immunization_facility_id_791ed521",
    "vaccination_immunization_performer_id_6960a0de",
    "vaccination_immunization_programme_id_52aa636a",
    "vaccination_immunization_programme_id_52aa636a_like",
    "vaccination_immunization_recorder_id_40a32602",
    "vaccination_immunization_residence_id_4dbfde4a",
    "vaccination_immunization_residence_id_4dbfde4a_like",
    "vaccination_immunization_vaccine_id_7dfc091b",
    "vaccination_immunization_vaccine_id_7dfc091b_like",
    "vaccination_visit_checked_in_by_id_f2bced90",
    "vaccination_visit_facility_id_669594f3",
    "vaccination_visit_programme_id_6044c1b5",
    "vaccination_visit_programme_id_6044c1b5_like",
    "vaccination_visit_vaccine_id_5ad62d79",
    "vaccination_visit_vaccine_id_5ad62d79_like",
)


class Migration(migrations.Migration):
    atomic = False  # no booking or dose waits for an index to go

    dependencies = [
        ("programmes", "0001_initial"),
        ("regions", "0001_initial"),
        ("vaccination", "0001_initial"),
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
                    model_name="immunization",
                    name="corrected_by",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="dibetulkan oleh",
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="facility",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="immunizations",
                        to="regions.facility",
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="performer",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="vaksinator",
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="programme",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="programmes.programme"
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="recorder",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="pencatat",
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="residence",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="regions.kelurahan",
                    ),
                ),
                migrations.AlterField(
                    model_name="immunization",
                    name="vaccine",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="programmes.vaccine"
                    ),
                ),
                migrations.AlterField(
                    model_name="visit",
                    name="checked_in_by",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="visit",
                    name="facility",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="visits",
                        to="regions.facility",
                    ),
                ),
                migrations.AlterField(
                    model_name="visit",
                    name="programme",
                    field=models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="programmes.programme"
                    ),
                ),
                migrations.AlterField(
                    model_name="visit",
                    name="vaccine",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="programmes.vaccine",
                    ),
                ),
            ],
        )
    ]
