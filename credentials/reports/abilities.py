"""What a credential can do: the operations of each API, and why apps can't call the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from accounts.platform import built_in
from accounts.platform.catalog import Operation
from accounts.platform.operations import operations_by_api
from credentials.models import Client, JwtCredential


@dataclass(frozen=True)
class Ability:
    """An operation, and what keeps apps from calling it, each empty if nothing does."""

    operation: Operation
    app_lacks: str
    ceiling_lacks: str
    owner_lacks: str

    @property
    def is_allowed(self) -> bool:
        return not (self.app_lacks or self.ceiling_lacks or self.owner_lacks)


@dataclass(frozen=True)
class ApiAbilities:
    """The operations of an API."""

    id: str
    label: str
    abilities: Sequence[Ability]

    @property
    def allowed(self) -> int:
        return sum(each.is_allowed for each in self.abilities)

    @property
    def app_lacks(self) -> int:
        return sum(bool(each.app_lacks) for each in self.abilities)

    @property
    def ceiling_lacks(self) -> int:
        return sum(bool(each.ceiling_lacks) for each in self.abilities)

    @property
    def owner_lacks(self) -> int:
        return sum(bool(each.owner_lacks) for each in self.abilities)


def abilities(credential: JwtCredential, clients: Sequence[Client]) -> list[ApiAbilities]:
    """By API, what at least one of these clients can call with the credential."""
    every = {
        client.application.effective_scopes
        for client in clients
        if client.is_active and client.application.uses_jwt_flow
    }
    # A call needs all of its scopes from one app. Apps with fewer scopes than another don't matter.
    apps = [scopes for scopes in every if not any(scopes < other for other in every)]
    return [
        ApiAbilities(api, label, [_ability(each, credential, apps) for each in operations])
        for (api, label), operations in operations_by_api(settings.PLATFORM).items()
    ]


def _ability(
    operation: Operation, credential: JwtCredential, apps: Sequence[frozenset[str]]
) -> Ability:
    role, in_words = credential.extension.role, settings.PLATFORM.scope_string
    permission = operation.permission
    lacks_permission = bool(permission) and not role.covers(permission)
    lacked = min((operation.lacking(scopes) for scopes in apps), key=len, default=frozenset())
    within = [credential.within_ceiling(scopes) for scopes in apps] if not lacked else []
    # If no app has the scopes, the ceiling is judged as if an app had all of them.
    judged = within or [credential.within_ceiling(frozenset(settings.PLATFORM.scopes))]
    above = min((operation.lacking(scopes) for scopes in judged), key=len)
    return Ability(
        operation,
        app_lacks=in_words(lacked) if apps else "an active app",
        ceiling_lacks=in_words(above),
        owner_lacks=built_in.WHOLE_OF.get(permission, permission) if lacks_permission else "",
    )
