from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count

OFTEN, WITHIN = 10, timedelta(days=7)


def note_often_refused(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    JwtCredential = apps.get_model("credentials", "JwtCredential")
    Refusal = apps.get_model("credentials", "Refusal")
    often = (
        Refusal.objects.filter(credential__isnull=False)
        .values("credential")
        .annotate(times=Count("pk"))
        .filter(times__gte=OFTEN)
        .values_list("credential", flat=True)
    )
    for pk in list(often):
        latest = Refusal.objects.filter(credential=pk).order_by("-id")
        tenth_last_at = latest.values_list("at", flat=True)[OFTEN - 1]
        JwtCredential.objects.filter(pk=pk).update(refused_often_until=tenth_last_at + WITHIN)


class Migration(migrations.Migration):
    dependencies = [
        ("credentials", "0008_refusals"),
    ]

    operations = [
        migrations.AddField(
            model_name="jwtcredential",
            name="refused_often_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunPython(note_often_refused, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="jwtcredential",
            index=models.Index(
                condition=models.Q(("refused_often_until__isnull", False)),
                fields=["organization", "refused_often_until"],
                name="jwt_credential_org_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="jwtcredential",
            index=models.Index(
                condition=models.Q(("revoked_at__isnull", True)),
                fields=["signing_key", "expires_at"],
                name="jwt_credential_by_key",
            ),
        ),
    ]
