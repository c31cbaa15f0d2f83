"""External IDs, and each extension's copy of its account's environment, for their constraint."""

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def copy_environments(apps: Any, schema_editor: Any) -> None:
    accounts = apps.get_model("accounts", "PlatformAccount").objects
    environment = accounts.filter(pk=OuterRef("account_id")).values("environment")
    extensions = apps.get_model("accounts", "Extension").objects
    extensions.update(account_environment=Subquery(environment))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_email_spelling"),
    ]

    operations = [
        migrations.AddField(
            model_name="extension",
            name="account_environment",
            field=models.CharField(
                choices=[("sandbox", "Sandbox"), ("production", "Production")],
                default="",
                editable=False,
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(copy_environments, migrations.RunPython.noop),
        migrations.AddField(
            model_name="extension",
            name="external_id",
            field=models.CharField(
                blank=True, editable=False, max_length=255, verbose_name="external ID"
            ),
        ),
        migrations.AddField(
            model_name="platformaccount",
            name="external_id",
            field=models.CharField(
                blank=True, editable=False, max_length=255, verbose_name="external ID"
            ),
        ),
        migrations.AddConstraint(
            model_name="extension",
            constraint=models.CheckConstraint(
                condition=models.Q(("account_environment__in", ["sandbox", "production"])),
                name="extension_environment_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="extension",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("account_environment", "external_id"),
                name="extension_external_id_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="platformaccount",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("environment", "external_id"),
                name="platform_account_external_id_unique",
            ),
        ),
    ]
