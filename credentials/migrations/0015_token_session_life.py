import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("credentials", "0014_reported_refusals"),
    ]

    operations = [
        migrations.AddField(
            model_name="refreshtoken",
            name="address",
            field=models.GenericIPAddressField(blank=True, editable=False, null=True),
        ),
        # Sessions that exist already count from the migration on.
        migrations.AddField(
            model_name="refreshtoken",
            name="session_started_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
                editable=False,
            ),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="client",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refresh_tokens",
                to="credentials.client",
            ),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="credential",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refresh_tokens",
                to="credentials.jwtcredential",
            ),
        ),
        migrations.AddIndex(
            model_name="refreshtoken",
            index=models.Index(
                fields=["credential", "issued_at", "id"], name="refresh_token_by_credential"
            ),
        ),
        migrations.AddIndex(
            model_name="refreshtoken",
            index=models.Index(
                fields=["client", "issued_at", "id"], name="refresh_token_by_client"
            ),
        ),
    ]
