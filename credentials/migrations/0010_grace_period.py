from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames the field in Python only; the column stays, so no statement runs."""

    dependencies = [("credentials", "0009_refused_often")]

    operations = [
        migrations.AlterField("rotation", "drain", models.DurationField(db_column="drain")),
        migrations.RenameField("rotation", "drain", "grace_period"),
    ]
