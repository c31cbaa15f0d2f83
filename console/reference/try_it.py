"""*Try it*: the console exchanges a credential of the viewer and calls the sandbox of an API."""

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
from console.reference.results import ShownAnswer
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
# More choices are no help, and would make the page large.
CHOICES = 100
# A form that is sent again within this time isn't sent again to the API.
_SENT_FOR = 3600


@dataclass(frozen=True)
class Outcome:
    """What one *Send* led to: an answer, or one of the reasons for which there is none."""

    call: OutgoingCall | None = None
    answer: ShownAnswer | None = None
    refused: OAuthError | None = None
    explanation: DryRun | None = None
    failure: str = ""
    was_sent_before: bool = False
    snippets: Sequence[Snippet] = field(default=(), repr=False)


@dataclass(frozen=True)
class Trial:
    """*Try it* on the page of an operation: its form, or the reason why there is none."""

    form: TryItForm | None = None
    why_not: str = ""
    lacks: str = ""
    """`credential` or `app`, if the viewer has to create one first."""
    outcome: Outcome | None = None

    @property
    def submission_key(self) -> str:
        return str(uuid4())


def trial_of(
    viewer: Membership, api: Api, operation: Operation, data: QueryDict | None
) -> Trial | None:
    """None for people who own no credentials."""
    if not viewer.may(ConsolePermission.JWT_CREDENTIAL_MANAGE_OWN):
        return None
    if reason := why_not(api, operation):
        return Trial(why_not=reason)
    credentials = _own_credentials(viewer)
    clients = _usable_clients(viewer, credentials) if credentials else []
    if not clients:
        return Trial(lacks="app" if credentials else "credential")
    form = TryItForm(
        data,
        api=api,
        operation=operation,
        viewer=viewer,
        credentials=credentials,
        clients=clients,
    )
    return Trial(form)


def sent(trial: Trial, viewer: Membership, api: Api, operation: Operation, origin: Origin) -> Trial:
    """The trial with the outcome of its form, which was posted."""
    form = trial.form
    if form is None or not form.is_valid():
        return trial
    call = form.call()
    outcome = Outcome(call=call, snippets=call_snippets(call))
    if not cache.add(f"tried-{viewer.pk}-{form.cleaned_data['submission_key']}", 1, _SENT_FOR):
        return replace(trial, outcome=replace(outcome, was_sent_before=True))
    try:
        token = _token(form, api, operation, viewer, origin)
        answer = _answer(call, token)
    except OAuthError as error:
        explanation = real_exchange(error, form.client, form.credential, viewer)
        outcome = replace(outcome, refused=error, explanation=explanation)
    except CallFailed as error:
        outcome = replace(outcome, failure=str(error))
    else:
        outcome = replace(outcome, answer=answer)
    return replace(trial, outcome=outcome)


def _own_credentials(viewer: Membership) -> list[JwtCredential]:
    credentials = JwtCredential.objects.of(viewer).active(timezone.now()).with_policy()
    people = ("extension__account", "extension__user__membership__organization")
    return list(
        credentials.filter(extension__account__environment=Environment.SANDBOX)
        .select_related(*people)
        .order_by("-issued_at", "-pk")[:CHOICES]
    )


def _usable_clients(viewer: Membership, credentials: Sequence[JwtCredential]) -> list[Client]:
    """The apps of the viewer's organization, and others that one of the credentials lists.

    Whether an app can use the chosen credential is for the exchange to check and to explain.
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


def _answer(call: OutgoingCall, token: str) -> ShownAnswer:
    authorized = replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
    answer = send(authorized, seconds=SECONDS, most_bytes=MOST_BYTES)
    # Some servers repeat the request in their answer.
    body = answer.body.replace(token.encode(), b"ACCESS_TOKEN")
    headers = tuple((name, value.replace(token, "ACCESS_TOKEN")) for name, value in answer.headers)
    return ShownAnswer.of(replace(answer, body=body, headers=headers))
