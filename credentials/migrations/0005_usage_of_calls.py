import django.db.models.deletion
from django.db import migrations, models

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [
        ("credentials", "0004_signing_key_states"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallUsage",
            fields=[
                ("id", ID.clone()),
                (
                    "credential",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="credentials.jwtcredential",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="credentials.client",
                    ),
                ),
                ("day", models.DateField()),
                ("calls", models.PositiveBigIntegerField()),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["client", "day"], name="call_usage_by_client"),
                    models.Index(fields=["day"], name="call_usage_by_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("credential", "client", "day"), name="call_usage_once_a_day"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AddressUse",
            fields=[
                ("id", ID.clone()),
                (
                    "credential",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addresses",
                        to="credentials.jwtcredential",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="addresses",
                        to="credentials.client",
                    ),
                ),
                ("address", models.GenericIPAddressField()),
                ("last_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("credential", "client", "address"), name="address_use_once"
                    )
                ],
            },
        ),
        # The index of client and day serves the foreign key too.
        migrations.AlterField(
            model_name="exchangeusage",
            name="client",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="usage",
                to="credentials.client",
            ),
        ),
        migrations.AddIndex(
            model_name="exchangeusage",
            index=models.Index(fields=["client", "day"], name="exchange_usage_by_client"),
        ),
        migrations.AddIndex(
            model_name="exchangeusage",
            index=models.Index(fields=["day"], name="exchange_usage_by_day"),
        ),
    ]
