"""No secret appears in a repr, a log line or the audit log, from where it could leak."""

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from types import ModuleType

import pytest
from django.test import RequestFactory

from accounts.actions.invitations import invite
from accounts.environments import Environment
from accounts.models import AuditEvent
from accounts.roles import ConsoleRole
from console.middleware import RequestLogMiddleware
from core.one_time_links import redact_line
from credentials.actions.tokens import sign_access_token
from credentials.models import SigningKey
from credentials.models.refresh_tokens import TokenSession
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.snippets import snippets
from tests import cast
from tests.conftest import Rebels
from tests.house.sources import sources
from tests.house.urls import Url, every_url

SECRET = "cs_a-secret-that-nobody-may-see"
# Names of fields that hold a secret or a text that contains one.
SECRET_NAMES = re.compile(r"(^|_)(secret|password|token|jwt|assertion|value|values|code)$")
# Fields with such a name whose value is not secret.
HARMLESS = {
    f"{name}.code"
    for name in (
        "CheckRow", "ErrorCode", "FailedRequest", "RefusalCause", "Refused", "SameRefusals",
    )
}  # of errors  # fmt: skip
# Path arguments whose value lets anyone act for a person.
SECRET_ARGUMENTS = {"key", "token", "uidb36"}


def modules() -> Iterator[ModuleType]:
    for source in sources():
        if "management" not in source.path.parts and source.path.stem not in {"settings", "wsgi"}:
            yield import_module(source.module)


def test_dataclasses_hide_secret_fields_in_their_repr() -> None:
    shown = set()
    for module in modules():
        for thing in vars(module).values():
            if isinstance(thing, type) and dataclasses.is_dataclass(thing):
                shown |= {
                    f"{thing.__name__}.{field.name}"
                    for field in dataclasses.fields(thing)
                    if field.repr and SECRET_NAMES.search(field.name)
                }
    assert shown == HARMLESS


@pytest.mark.parametrize(
    "thing",
    [
        BasicCredentials("client", SECRET),
        Parameters({"client_secret": SECRET, "assertion": SECRET}),
        snippets(environment=Environment.SANDBOX, client_id="client", jwt=SECRET),
    ],
    ids=["BasicCredentials", "Parameters", "Snippet"],
)
def test_an_object_with_a_secret_does_not_print_it(thing: object) -> None:
    assert SECRET not in repr(thing)
    assert SECRET not in str(thing)


def test_rows_and_tokens_print_no_secret(rebels: Rebels) -> None:
    client, raw_secret = cast.client(cast.application(rebels.luke))
    credential = cast.credential(rebels.luke)
    token = sign_access_token(
        credential,
        client,
        audience="https://api.acme.example/orders",
        scopes=frozenset({"ReadAccounts"}),
        ttl=timedelta(hours=1),
        session=TokenSession.starting(credential.issued_at),
        at=credential.issued_at,
    )
    invitation, raw_token = invite(
        rebels.organization,
        "rey@rebels.example",
        role=ConsoleRole.DEVELOPER,
        is_account_admin=False,
        actor=rebels.leia.user,
        origin=cast.ORIGIN,
    )
    key = SigningKey.objects.get(pk=credential.signing_key_id)
    secrets = {
        raw_secret,
        raw_token,
        client.secret_digest,
        invitation.token_digest,
        key.sealed_private_key,
        credential.encode(),
        token.value,
        rebels.luke.user.password,
        cast.PASSWORD,
    }
    things: list[object] = [client, credential, token, invitation, key, rebels.luke.user]
    printed = " ".join(f"{thing!r} {thing}" for thing in things)
    assert not [secret for secret in secrets if secret in printed]
    recorded = " ".join(str(vars(event)) for event in AuditEvent.objects.all())
    assert not [secret for secret in secrets if secret in recorded]


@pytest.mark.parametrize(
    "url", [url for url in every_url() if SECRET_ARGUMENTS & set(url.arguments)], ids=str
)
def test_secret_links_stay_out_of_the_log(url: Url) -> None:
    path = url.path(dict.fromkeys(SECRET_ARGUMENTS, "s3cr3t"))
    line = RequestLogMiddleware.format_request(RequestFactory().get(f"{path}?token=s3cr3t"))
    assert line.startswith("GET /")
    assert "s3cr3t" not in line
    assert "s3cr3t" not in redact_line(None, "", json.dumps(f"Not Found: {path}"))
