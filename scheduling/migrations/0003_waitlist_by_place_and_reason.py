from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0002_waiting_list_and_offers")]

    operations = [
        migrations.AddField(
            model_name="waitlistentry",
            name="ended_because",
            field=models.CharField(
                blank=True,
                choices=[
                    ("left", "Keluar sendiri"),
                    ("booked", "Sudah punya janji"),
                    ("missed", "Beberapa tawaran tidak dijawab"),
                    ("over", "Tanggal pencarian sudah lewat"),
                    ("dose", "Dosisnya sudah diberikan atau berubah"),
                    ("merged", "Data digabung"),
                ],
                default="",
                max_length=10,
                verbose_name="selesai karena",
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["programme", "facility", "kecamatan", "last_date"],
                name="waitlist_by_place",
            ),
        ),
    ]
