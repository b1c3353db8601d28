from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0005_rule_confidence"),
        ("tenants", "0002_walls"),
    ]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="priority",
            field=models.SmallIntegerField(db_default=0, default=0, verbose_name="priority"),
        ),
        migrations.AddField(
            model_name="rule",
            name="shadow",
            field=models.BooleanField(db_default=False, default=False, verbose_name="shadow mode"),
        ),
        migrations.AddField(
            model_name="rule", name="awaiting_since", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="rule", name="dismissed_at", field=models.DateTimeField(blank=True, null=True)),
    ]
