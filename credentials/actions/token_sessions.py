"""People end token sessions. Apps end their own with RFC 7009 (credentials/oauth/views.py)."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import AuditKind, Membership, User
from core.origin import Origin
from credentials.actions.applications import require_app_manager
from credentials.actions.managed_credentials import locked_credential, require_manager
from credentials.actions.refresh_tokens import end_session, end_sessions
from credentials.models import Client, JwtCredential, RefreshToken
from credentials.models.refresh_tokens import RefreshTokenQuerySet


@transaction.atomic
def end_token_session(
    last: RefreshToken, *, actor: User, origin: Origin, at: datetime | None = None
) -> None:
    """End the session of this token, for managers of its credential or of its app.

    Every token of the session fails at its next request.
    """
    at = at or timezone.now()
    _require_manager_of_either(last, actor)
    if not end_session(last.session_id, at=at):
        raise ValidationError("This session has already ended.")
    audit.record(
        AuditKind.TOKEN_SESSION_ENDED,
        actor=actor,
        origin=origin,
        target=last.credential,
        at=at,
        client_id=last.client.client_id,
        session_id=str(last.session_id),
        started_at=last.session_started_at,
        last_address=last.address or "",
    )


def _require_manager_of_either(last: RefreshToken, actor: User) -> None:
    membership = Membership.objects.select_related("organization", "user").get(user=actor)
    # The event goes to the log of the credential's organization, which other organizations' people
    # must not appear in.
    is_own = last.credential.organization_id == membership.organization_id
    if not (is_own and last.client.application.managed_by(membership)):
        require_manager(last.credential.owner, actor)


@transaction.atomic
def end_sessions_of_credential(
    credential: JwtCredential, *, actor: User, origin: Origin, at: datetime | None = None
) -> int:
    """End all sessions of a credential, with any app, and return how many."""
    at = at or timezone.now()
    locked = locked_credential(credential)
    require_manager(locked.owner, actor)
    ended = _end(RefreshToken.objects.refreshable(at).filter(credential=locked), at)
    if ended:
        audit.record(
            AuditKind.TOKEN_SESSIONS_ENDED,
            actor=actor,
            origin=origin,
            target=locked,
            at=at,
            sessions=ended,
        )
    return ended


@transaction.atomic
def end_sessions_of_client(
    client: Client, *, actor: User, origin: Origin, at: datetime | None = None
) -> int:
    """End all sessions of an app in one environment, with any credential."""
    at = at or timezone.now()
    # Its managers can end each of them with its client secret, and stop the app altogether. So
    # they needn't see the credentials.
    require_app_manager(client.application, actor)
    ended = _end(RefreshToken.objects.refreshable(at).filter(client=client), at)
    if ended:
        audit.record(
            AuditKind.CLIENT_SESSIONS_ENDED,
            actor=actor,
            origin=origin,
            target=client,
            at=at,
            environment=client.environment,
            sessions=ended,
        )
    return ended


def _end(sessions: RefreshTokenQuerySet, at: datetime) -> int:
    ids = list(sessions.order_by().values_list("session_id", flat=True))
    end_sessions(ids, at=at)
    return len(ids)
