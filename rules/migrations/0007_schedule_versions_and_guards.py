"""When a rule runs, its versions, the hold-out group, and the circuit breaker."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from stratum.lib.ddl import row_security, tenant_foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0006_rule_priority_shadow_approval"),
        ("tenants", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RuleVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("settings", models.JSONField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now
                    ),
                ),
                ("actor_label", models.CharField(blank=True, db_default="", default="", max_length=255)),
            ],
            options={
                "verbose_name": "version of a rule",
                "verbose_name_plural": "versions of rules",
                "db_table": "rule_versions",
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="rule",
            name="activated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="failing_passes",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rule",
            name="holdout_percent",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rule",
            name="schedule",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="stopped_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="stopped_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="rule",
            name="version",
            field=models.IntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="ruleexecution",
            name="rule_version",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(("holdout_percent__range", (0, 50))), name="ck_rules_holdout"
            ),
        ),
        migrations.AddField(
            model_name="ruleversion",
            name="rule",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="versions",
                to="rules.rule",
            ),
        ),
        migrations.AddField(
            model_name="ruleversion",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="ruleversion",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(fields=("rule", "number"), name="uq_rule_versions_number"),
        ),
        row_security("rule_versions"),
        tenant_foreign_key("rule_versions", "rule_id", "rules", on_delete="CASCADE"),
        tenant_foreign_key("rule_versions", "user_id", "users", on_delete="SET NULL"),
    ]
