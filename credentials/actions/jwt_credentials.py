import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.environments import Environment
from accounts.models import AuditKind, Extension, Membership, User
from accounts.platform.words import word
from core import leaks, networks, texts
from core.origin import Origin
from credentials import jose, notices
from credentials.actions.expiration import end_of
from credentials.actions.managed_credentials import locked_credential, require_manager
from credentials.actions.permitted_apps import permittable_clients
from credentials.actions.scopes import chosen_ceiling, widens
from credentials.actions.shown_jwts import creator_may_see
from credentials.actions.signing_keys import current_signing_key
from credentials.models import (
    AppAccess,
    Client,
    JwtCredential,
    PermittedClient,
    Policy,
)
from credentials.models.signing_keys import KeyPurpose
from credentials.policy_rules import Stage, refusals_of_creation, refusals_of_form


@transaction.atomic
def create_jwt_credential(
    owner: Membership,
    *,
    environment: Environment,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    expires_on: date | None,
    allowed_networks: Sequence[str] = (),
    ceiling: Sequence[str] | None = None,
    actor: User,
    origin: Origin,
    submission_key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> JwtCredential:
    """A new credential of `owner`; `expires_on` is its last day (UTC), None means never.

    A repeated `submission_key` is a double submit, which gets the credential of the first one.
    Raises `ValidationError` by form field.
    """
    at = at or timezone.now()
    creator = require_manager(owner, actor)
    extension = enabled_extension(owner, environment)
    if submission_key and (
        existing := JwtCredential.objects.filter(
            submission_key=submission_key, extension=extension, created_by=actor
        ).first()
    ):
        return existing
    credential = new_credential(
        extension,
        creator=creator,
        label=label,
        app_access=app_access,
        client_ids=client_ids,
        expires_on=expires_on,
        allowed_networks=allowed_networks,
        ceiling=chosen_ceiling(ceiling),
        submission_key=submission_key,
        at=at,
    )
    record_creation(credential, client_ids, actor=actor, origin=origin, at=at)
    notices.jwt_credential_created(
        credential, created_by=actor, creator_sees_jwt=creator_may_see(credential, actor)
    )
    return credential


def _require_clean_label(label: str) -> None:
    texts.refuse_faults(label=label)
    leaks.refuse_secrets(label=label)


def new_credential(
    extension: Extension,
    *,
    creator: Membership,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    expires_on: date | None,
    allowed_networks: Sequence[str],
    ceiling: list[str] | None,
    submission_key: uuid.UUID | None,
    at: datetime,
    kept: Sequence[Client] = (),
    awaits_first_use: bool = False,
) -> JwtCredential:
    """The row and its list of apps, without an event or an email.

    Clients in `kept` can be on the list even if they are suspended, because the credential that
    this one replaces already lists them.
    """
    _require_clean_label(label)
    owner, environment = extension.user.membership, extension.environment
    credential = JwtCredential(
        organization=owner.organization,
        extension=extension,
        issuer=environment.urls.base_url,
        label=label.strip(),
        app_access=app_access,
        issued_at=at.replace(microsecond=0),
        expires_at=end_of(expires_on, at),
        allowed_networks=_networks_of(allowed_networks),
        ceiling=ceiling,
        created_by=creator.user,
        submission_key=submission_key or uuid.uuid4(),
        awaits_first_use=awaits_first_use,
    )
    policy = Policy.objects.governing(owner.organization_id, environment)
    _require_allowed(refusals_of_creation(policy, credential, creator))
    clients = permittable_clients(
        app_access, client_ids, environment=environment, owner=owner, kept=kept
    )
    credential.signing_key = current_signing_key(environment, KeyPurpose.CREDENTIAL)
    # Raises `Unreadable` before anything is saved, because no one could ever see this JWT.
    jose.unseal(credential.signing_key.sealed_private_key)
    _insert(credential)
    _permit(credential, clients, at=at)
    return credential


def record_creation(
    credential: JwtCredential,
    client_ids: Sequence[str],
    *,
    actor: User,
    origin: Origin,
    at: datetime,
    **details: Any,
) -> None:
    specific = credential.app_access == AppAccess.SPECIFIC
    audit.record(
        AuditKind.JWT_CREDENTIAL_CREATED,
        actor=actor,
        origin=origin,
        target=credential,
        at=at,
        owner=credential.extension.user.email,
        environment=credential.environment,
        app_access=credential.app_access,
        client_ids=list(dict.fromkeys(client_ids)) if specific else [],
        expires_at=None if credential.never_expires else credential.expires_at,
        allowed_networks=credential.allowed_networks,
        ceiling=credential.ceiling,
        **details,
    )


def _require_allowed(refusals: dict[str, str]) -> None:
    if refusals:
        raise ValidationError(dict[str, Any](refusals))


def _networks_of(entries: Sequence[str]) -> list[str]:
    """In canonical spelling. Raises `ValidationError` by form field."""
    try:
        return networks.canonical_networks(entries)
    except ValidationError as error:
        raise ValidationError({"allowed_networks": error}) from error


def _insert(credential: JwtCredential) -> None:
    # The rows it refers to were just read, and saving checks constraints: no need to ask the
    # database for each of them first. The unique submission key decides between two simultaneous
    # requests with the same form.
    references = {field.name for field in credential._meta.fields if field.is_relation}
    credential.full_clean(exclude=references, validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            credential.save(force_insert=True)
    except IntegrityError as error:
        raise ValidationError(
            {
                "submission_key": "You already sent this form, and it created a credential. To "
                "create another one, choose Create JWT again."
            }
        ) from error


def enabled_extension(owner: Membership, environment: Environment) -> Extension:
    if not owner.is_developer or not owner.user.is_active:
        raise ValidationError({"environment": f"{owner.user.name} needs the Developer role first."})
    extension = (
        Extension.objects.select_for_update(of=("self",))
        .select_related("account", "user__membership__organization")
        .filter(user=owner.user, account__environment=environment)
        .first()
    )
    where, account = environment.label.lower(), word("account")
    if extension is None:
        raise ValidationError(
            {"environment": f"{owner.user.name} doesn’t have a {where} {account} yet."}
        )
    if not extension.is_enabled:
        raise ValidationError({"environment": f"The {where} {account} is disabled."})
    return extension


@transaction.atomic
def update_jwt_credential(
    credential: JwtCredential,
    *,
    label: str,
    app_access: AppAccess,
    client_ids: Sequence[str],
    ceiling: Sequence[str] | None,
    allowed_networks: Sequence[str] | None = None,
    actor: User,
    origin: Origin,
) -> JwtCredential:
    """Change what its owner chose; None for `allowed_networks` leaves them as they are."""
    """Change the label, the apps and the networks; None leaves the networks unchanged.

    An app that is removed from the list fails at its next request.
    """
    _require_clean_label(label)
    locked = locked_credential(credential)
    require_manager(locked.owner, actor)
    if locked.is_ended():
        how = "replaced" if locked.is_replaced() else "revoked"
        raise ValidationError(f"This credential was {how}, so you can’t change it.")
    present = list(Client.objects.filter(permitted_by__credential=locked).order_by("pk"))
    clients = permittable_clients(
        app_access, client_ids, environment=locked.environment, owner=locked.owner, kept=present
    )
    before = _changeable(locked, present)
    locked.label, locked.app_access = label.strip(), app_access.value
    if allowed_networks is not None:
        locked.allowed_networks = _networks_of(allowed_networks)
    locked.ceiling = chosen_ceiling(ceiling, held=locked.ceiling)
    _require_allowed(refusals_of_form(locked.policy, locked, Stage.EDIT))
    changed = audit.changes(before, _changeable(locked, clients))
    if not changed:
        return locked
    locked.full_clean()
    locked.save(update_fields=["label", "app_access", "allowed_networks", "ceiling"])
    locked.permitted.exclude(client__in=clients).delete()
    _permit(locked, [client for client in clients if client not in present], at=timezone.now())
    is_wider = widens(before["ceiling"], locked.ceiling)
    audit.record(
        AuditKind.JWT_CREDENTIAL_WIDENED if is_wider else AuditKind.JWT_CREDENTIAL_UPDATED,
        actor=actor,
        origin=origin,
        target=locked,
        changes=changed,
    )
    return locked


def _permit(credential: JwtCredential, clients: Sequence[Client], *, at: datetime) -> None:
    PermittedClient.objects.bulk_create(
        PermittedClient(credential=credential, client=client, added_at=at) for client in clients
    )


def _changeable(credential: JwtCredential, clients: Sequence[Client]) -> dict[str, Any]:
    """The changeable values, as the history shows them."""
    return {
        "label": credential.label,
        "app_access": credential.app_access,
        "client_ids": sorted(client.client_id for client in clients),
        "allowed_networks": credential.allowed_networks,
        "ceiling": credential.ceiling,
    }
