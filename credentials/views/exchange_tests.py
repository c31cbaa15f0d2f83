from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters

from accounts.platform.wording import permissions_in_words
from accounts.sign_in.interruptions import only_post
from core.origin import Origin
from credentials.access import jwt_credential_for
from credentials.actions.exchange_tests import record_exchange_test
from credentials.explain.dry_runs import dry_run, real_exchange
from credentials.forms.exchange_tests import ExchangeTestForm
from credentials.models import Client, JwtCredential
from credentials.oauth.errors import OAuthError
from credentials.oauth.grants import jwt_bearer
from credentials.oauth.parameters import BasicCredentials, Parameters
from credentials.views.credential_pages import credential_page, offered_clients


@sensitive_post_parameters("client_secret")
@only_post
def try_exchange(
    request: HttpRequest, credential_id: UUID, user_id: UUID | None = None
) -> HttpResponse:
    """*Test it now*: a dry run of every check, or a real exchange with a pasted client secret."""
    owner, credential = jwt_credential_for(request.user, user_id, credential_id, manage=True)
    clients = offered_clients(credential, request.POST.get("client_id"))
    form = ExchangeTestForm(request.POST, clients=clients)
    context: dict[str, Any] = {"credential": credential, "test_form": form}
    if form.is_valid():
        client = next(c for c in clients if c.client_id == form.cleaned_data["client_id"])
        context |= {
            "client": client,
            "scopes": sorted(credential.within_ceiling(client.application.effective_scopes)),
            "permissions": permissions_in_words(credential.extension.role),
        }
        can_exchange = owner.is_own and credential.signing_key.can_sign
        if form.cleaned_data["client_secret"] and can_exchange:
            context |= _exchange(request, credential, client, form.cleaned_data["client_secret"])
            refused = context.get("refused")
            context["test"] = real_exchange(refused, client, credential, owner.viewer)
        else:
            context["test"] = dry_run(client, credential, owner.viewer)
    return credential_page(request, "credentials/jwt_credentials/test.html", owner, **context)


def _exchange(
    request: HttpRequest, credential: JwtCredential, client: Client, raw_secret: str
) -> dict[str, Any]:
    # Exactly as the token endpoint does it, except that the tokens are thrown away.
    presented = BasicCredentials(client.client_id, raw_secret)
    parameters = Parameters({"assertion": credential.encode()})
    outcome: dict[str, Any]
    try:
        response = jwt_bearer.exchange(credential.environment, presented, parameters)
        outcome = {"granted": {k: v for k, v in response.items() if k != "access_token"}}
    except OAuthError as error:
        outcome = {"refused": error}
    record_exchange_test(
        credential,
        client_id=client.client_id,
        outcome=outcome["refused"].code if "refused" in outcome else "granted",
        actor=credential.extension.user,
        origin=Origin.of(request),
    )
    return outcome | {"real": True}
