from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # the index is made and dropped beside the work of the others

    dependencies = [("certificates", "0006_log_without_constraint")]

    operations = [
        AddIndexConcurrently("signaturelog", BrinIndex(autosummarize=True, fields=["at"], name="signature_log_at")),
        RemoveIndexConcurrently("signaturelog", "signature_log_key"),
    ]
