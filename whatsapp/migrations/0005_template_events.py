"""As of when a template's state is known, and how far an account's templates are fetched."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("whatsapp", "0004_walls_of_numbers"),
    ]

    operations = [
        migrations.AddField(
            model_name="whatsappnumber",
            name="templates_asked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="templates_result",
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="whatsappnumber",
            name="templates_tried_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsapptemplate",
            name="category_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsapptemplate",
            name="quality_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsapptemplate",
            name="status_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
