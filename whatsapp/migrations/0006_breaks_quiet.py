"""Messages that a contact's quiet hours do not hold back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("whatsapp", "0005_template_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="whatsappmessage",
            name="breaks_quiet",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
