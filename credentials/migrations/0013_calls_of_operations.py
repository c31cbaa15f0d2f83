from django.db import migrations, models

# Before this migration, only calls of the built-in API were counted.
BUILT_IN = "rest-api"


class Migration(migrations.Migration):
    dependencies = [("credentials", "0012_refusals_of_apis")]

    operations = [
        migrations.AddField(
            model_name="callusage",
            name="api",
            field=models.CharField(default=BUILT_IN, max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="callusage",
            name="operation",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.RemoveConstraint(model_name="callusage", name="call_usage_once_a_day"),
        migrations.AddConstraint(
            model_name="callusage",
            constraint=models.UniqueConstraint(
                fields=("credential", "client", "day", "api", "operation"),
                name="call_usage_once_a_day",
            ),
        ),
    ]
