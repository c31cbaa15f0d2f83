"""Creates the peer's tables and apps, and prints its requests as JSON: `[[body, headers], …]`.

The grant is the cheapest that it has, client_credentials. Secrets are stored unhashed, because the
default hasher takes a fifth of a second for each request.
"""

import base64
import json
import sys
from urllib.parse import urlencode

import django
from django.core.management import call_command


def main(count: int) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps([_request(number) for number in range(count)]))


def _request(number: int) -> tuple[str, dict[str, str]]:
    from oauth2_provider.models import Application

    secret = f"a benchmark's secret, number {number}"
    client_id = f"benchmark-{number}"
    Application.objects.create(
        client_id=client_id,
        client_secret=secret,
        hash_client_secret=False,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    body = urlencode({"grant_type": "client_credentials", "scope": "ReadAccounts"})
    return body, {"Authorization": f"Basic {basic}"}


if __name__ == "__main__":
    main(int(sys.argv[1]))
