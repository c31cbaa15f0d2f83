"""Creates the peer's tables and rows, and prints its requests as JSON: `[[body, headers], …]`."""

import json
import sys
from urllib.parse import urlencode

import django
from django.core.management import call_command


def main(count: int) -> None:
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    sys.stdout.write(json.dumps(_requests(count)))


def _requests(count: int) -> list[tuple[str, dict[str, str]]]:
    from authlib.oauth2.rfc7523 import JWTBearerGrant
    from joserfc import jwk

    from benchmarks.peers.authlib_peer.models import OAuth2Client, Permission, Person

    audience = "http://localhost/token"
    key = jwk.ECKey.generate_key("P-256")
    client = OAuth2Client.objects.create(
        client_id="benchmark", public_jwk=key.as_dict(private=False), scope="ReadAccounts"
    )
    people = Person.objects.bulk_create(Person(name=f"Person {n}") for n in range(count))
    Permission.objects.bulk_create(Permission(client=client, person=person) for person in people)
    assertions = (
        JWTBearerGrant.sign(
            key, "benchmark", audience, str(person.pk), header={"alg": "ES256"}, expires_at=4e9
        )
        for person in people
    )
    return [
        (
            urlencode(
                {
                    "grant_type": JWTBearerGrant.GRANT_TYPE,
                    "assertion": jwt,
                    "scope": "ReadAccounts",
                }
            ),
            {},
        )
        for jwt in assertions
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]))
