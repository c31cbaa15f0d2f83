from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("credentials", "0013_calls_of_operations")]

    operations = [
        migrations.AlterField(
            model_name="refusal",
            name="code",
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.AlterField(
            model_name="refusal",
            name="what",
            field=models.CharField(
                choices=[
                    ("exchange", "Exchange of a JWT credential"),
                    ("refresh", "Refresh"),
                    ("client_request", "Request about a token"),
                    ("call", "Call of the REST API"),
                    ("verify", "Question of a proxy"),
                    ("gateway", "Call through a gateway"),
                    ("reported", "Call that an API refused itself"),
                ],
                max_length=20,
            ),
        ),
    ]
