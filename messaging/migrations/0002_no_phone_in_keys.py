from django.db import migrations

# Keys of offers and of waits that ended held the phone number in plain (I6). What they told was told long ago, so the
# keys have done their work. Found by the index for prefixes; new keys hold no "+".
FORGET = """
UPDATE messaging_message SET dedupe_key = NULL
WHERE dedupe_key LIKE 'offer:%:+%' OR dedupe_key LIKE 'waitlist-ended:%:+%'"""


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]
