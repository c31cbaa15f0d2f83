"""*Try it*: the console exchanges one of the viewer's credentials and calls an API's sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import uuid4

from django.core.cache import cache
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from accounts.environments import Environment
from accounts.models import Membership
from accounts.platform.catalog import Api, Operation
from accounts.roles import ConsolePermission
from console.reference.forms import TryItForm
from console.reference.requests import why_not
from console.reference.results import ShownResponse
from console.reference.snippets import call_snippets
from core.origin import Origin
from core.outgoing import CallFailed, OutgoingCall, send
from credentials.actions.tried_calls import record_tried_call
from credentials.explain.dry_runs import DryRun, real_exchange
from credentials.models import Client, JwtCredential
from credentials.models.applications import ClientStatus
from credentials.oauth.errors import OAuthError
from credentials.oauth.owner_exchange import exchange_as_owner
from credentials.snippets import Snippet

SECONDS = 10.0
MOST_BYTES = 1_000_000
# More choices wouldn't help, and would make the page large.
CHOICES = 100
# Seconds within which a form that is submitted again doesn't make a second call.
_SENT_FOR = 3600


@dataclass(frozen=True)
class Outcome:
    """The result of one *Send*: a response, or the reason why there is none."""

    call: OutgoingCall | None = None
    response: ShownResponse | None = None
    refused: OAuthError | None = None
    explanation: DryRun | None = None
    failure: str = ""
    was_sent_before: bool = False
    snippets: Sequence[Snippet] = field(default=(), repr=False)


@dataclass(frozen=True)
class TryIt:
    """*Try it* on the page of an operation: the form, or the reason why there is none."""

    form: TryItForm | None = None
    why_not: str = ""
    lacks: str = ""
    """`credential` or `app`, if the viewer has to create one first."""
    outcome: Outcome | None = None

    @property
    def submission_key(self) -> str:
        return str(uuid4())


def try_it_of(
    viewer: Membership, api: Api, operation: Operation, data: QueryDict | None
) -> TryIt | None:
    """None for people who can't own credentials."""
    if not viewer.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN):
        return None
    if reason := why_not(api, operation):
        return TryIt(why_not=reason)
    credentials = _own_credentials(viewer)
    clients = _usable_clients(viewer, credentials) if credentials else []
    if not clients:
        return TryIt(lacks="app" if credentials else "credential")
    form = TryItForm(
        data,
        api=api,
        operation=operation,
        viewer=viewer,
        credentials=credentials,
        clients=clients,
    )
    return TryIt(form)


def submitted(
    try_it: TryIt, viewer: Membership, api: Api, operation: Operation, origin: Origin
) -> TryIt:
    """Makes the call of the submitted form, and adds the outcome."""
    form = try_it.form
    if form is None or not form.is_valid():
        return try_it
    call = form.call()
    outcome = Outcome(call=call, snippets=call_snippets(call))
    if not cache.add(f"tried-{viewer.pk}-{form.cleaned_data['submission_key']}", 1, _SENT_FOR):
        return replace(try_it, outcome=replace(outcome, was_sent_before=True))
    try:
        token = _token(form, api, operation, viewer, origin)
        response = _response(call, token)
    except OAuthError as error:
        explanation = real_exchange(error, form.client, form.credential, viewer)
        outcome = replace(outcome, refused=error, explanation=explanation)
    except CallFailed as error:
        outcome = replace(outcome, failure=str(error))
    else:
        outcome = replace(outcome, response=response)
    return replace(try_it, outcome=outcome)


def _own_credentials(viewer: Membership) -> list[JwtCredential]:
    credentials = JwtCredential.objects.of(viewer).active(timezone.now()).with_policy()
    people = ("extension__account", "extension__user__membership__organization")
    return list(
        credentials.filter(extension__account__environment=Environment.SANDBOX)
        .select_related(*people)
        .order_by("-issued_at", "-pk")[:CHOICES]
    )


def _usable_clients(viewer: Membership, credentials: Sequence[JwtCredential]) -> list[Client]:
    """The apps of the viewer's organization, and other apps that one of the credentials lists.

    The exchange checks whether an app can use the chosen credential, and explains why if it can't.
    """
    own = Q(application__organization=viewer.organization_id)
    listed = Q(permitted_by__credential__in=[each.pk for each in credentials])
    return list(
        Client.objects.filter(
            own | listed, environment=Environment.SANDBOX, status=ClientStatus.ACTIVE
        )
        .select_related("application__organization", "application__owner")
        .order_by("application__name", "pk")
        .distinct()[:CHOICES]
    )


def _token(
    form: TryItForm, api: Api, operation: Operation, viewer: Membership, origin: Origin
) -> str:
    record = partial(
        record_tried_call,
        form.credential,
        client_id=form.client.client_id,
        api=api.id,
        operation=operation.id,
        actor=viewer.user,
        origin=origin,
    )
    try:
        token = exchange_as_owner(
            form.credential,
            form.client,
            resource=api.audience,
            raw_secret=form.cleaned_data["client_secret"],
            source=origin.ip or "",
        )
    except OAuthError as error:
        record(outcome=error.code)
        raise
    record(outcome="granted")
    return token


def _response(call: OutgoingCall, token: str) -> ShownResponse:
    authorized = replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
    response = send(authorized, seconds=SECONDS, most_bytes=MOST_BYTES)
    # Some servers repeat the request in their response.
    body = response.body.replace(token.encode(), b"ACCESS_TOKEN")
    headers = tuple(
        (name, value.replace(token, "ACCESS_TOKEN")) for name, value in response.headers
    )
    return ShownResponse.of(replace(response, body=body, headers=headers))
