from datetime import date

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Max, OuterRef, Subquery


def note_uses(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    JwtCredential = apps.get_model("credentials", "JwtCredential")
    ExchangeUsage = apps.get_model("credentials", "ExchangeUsage")
    last = (
        ExchangeUsage.objects.filter(credential=OuterRef("pk"))
        .order_by()
        .values("credential")
        .annotate(day=Max("day"))
        .values("day")
    )
    JwtCredential.objects.filter(pk__in=ExchangeUsage.objects.values("credential")).update(
        last_used_on=Subquery(last)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("credentials", "0002_token_sessions"),
    ]

    operations = [
        migrations.AddField(
            model_name="jwtcredential",
            name="last_used_on",
            field=models.DateField(default=date(1970, 1, 1), editable=False),
        ),
        migrations.RunPython(note_uses, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="jwtcredential",
            index=models.Index(
                fields=["organization", "expires_at", "id"], name="jwt_credential_org_expiry"
            ),
        ),
        migrations.AddIndex(
            model_name="jwtcredential",
            index=models.Index(
                fields=["organization", "last_used_on", "id"], name="jwt_credential_org_use"
            ),
        ),
    ]
