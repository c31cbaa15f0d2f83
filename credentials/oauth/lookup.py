"""Reads everything that an exchange, a refresh or a call depends on, in one statement each.

No request uses rows that an earlier one read, so a revocation, a suspension, a changed role, a new
policy, and a rotated or distrusted key take effect immediately in every process. The statements
find rows by the unverified claims of a token. Callers verify the token afterwards.
"""

from dataclasses import dataclass, field
from uuid import UUID

from accounts.models import Extension, Membership, Organization, PlatformAccount, User
from core.postgresql.statements import Columns, Instances, JoinedSelect, instance, link
from credentials import jose
from credentials.jose import ParsedToken
from credentials.models.app_access import PermittedClient
from credentials.models.applications import Application, Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.policies import Policy
from credentials.models.refresh_tokens import EndedSession, RefreshToken
from credentials.models.signing_keys import KeyPurpose, SigningKey
from credentials.policy_rules import CHECKED_AT_USE

# The ID of no row, for claims that aren't UUIDs.
NOBODY = UUID(int=0)


_POLICY_COLUMNS = ("id", *CHECKED_AT_USE)
_NO_LIMITS = tuple(
    tuple(value) if isinstance(value := getattr(Policy(), column), list) else value
    for column in _POLICY_COLUMNS
)


def _no_limits() -> Policy:
    # For an organization without a row. `Policy()` takes ten times as long.
    return instance(Policy, _POLICY_COLUMNS, _NO_LIMITS)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The rows that one statement found; None for those that don't exist."""

    client: Client | None = None
    credential: JwtCredential | None = None
    policy: Policy = field(default_factory=_no_limits, compare=False)
    """Of the credential's organization and environment; without limits if there is no row."""
    is_listed: bool = False
    """Whether the credential's list of specific apps names the client."""
    key: SigningKey | None = None
    """The key of the credential or of the access token that was presented."""
    signing_key: SigningKey | None = None
    """The current key for access tokens of the credential's environment."""
    refresh_token: RefreshToken | None = field(default=None, repr=False)
    session_has_ended: bool = False


_CLIENT = {
    "client": Columns(
        Client,
        (
            "id", "application_id", "environment", "client_id", "secret_digest",
            "former_secret_digest", "former_secret_ends_at", "status", "is_resource_server",
        ),
    ),
    "application": Columns(
        Application,
        (
            "id", "organization_id", "is_public", "uses_jwt_flow", "issues_refresh_tokens",
            "scopes", "suspended_at",
        ),
    ),
    "provider": Columns(Organization, ("id", "suspended_at")),
}  # fmt: skip
_CREDENTIAL = {
    "credential": Columns(
        JwtCredential,
        (
            "id", "extension_id", "signing_key_id", "issuer", "app_access", "issued_at",
            "expires_at", "revoked_at", "superseded_at", "awaits_first_use", "allowed_networks",
            "ceiling", "paused_until",
        ),
    ),
    "membership": Columns(Membership, ("id", "user_id", "role")),
    "home": Columns(Organization, ("id", "suspended_at")),
    "policy": Columns(Policy, _POLICY_COLUMNS),
}  # fmt: skip
# The checks and the access token need these columns of the owner.
_OWNER_CHECKED = {
    "extension": Columns(Extension, ("id", "account_id", "user_id", "user_role", "status")),
    "account": Columns(PlatformAccount, ("id", "organization_id", "environment")),
    "person": Columns(User, ("id", "is_active")),
}
# Responses about a token need more columns.
_OWNER_TOLD = {
    "extension": Columns.whole(Extension, but=("account_environment", "created_at")),
    "account": Columns.whole(PlatformAccount, but=("created_at",)),
    "person": Columns(User, ("id", "is_active", "email", "first_name", "last_name")),
}
_OWNER = """
LEFT JOIN {extension} ON extension.id = credential.extension_id
LEFT JOIN {account} ON account.id = extension.account_id
LEFT JOIN {home} ON home.id = account.organization_id
LEFT JOIN {person} ON person.id = extension.user_id
LEFT JOIN {membership} ON membership.user_id = person.id
LEFT JOIN {policy} ON policy.organization_id = account.organization_id
  AND policy.environment = account.environment
LEFT JOIN {listed} ON listed.credential_id = credential.id AND listed.client_id = client.id
"""
_LISTED = {"listed": PermittedClient}
_LISTED_CLIENT = {"listed_client_id": "listed.client_id"}
_KEY = Columns(SigningKey, ("kid", "environment", "purpose", "public_jwk", "distrusted_at"))
_SIGNING = f"""
LEFT JOIN {{signing}} ON signing.environment = account.environment
  AND signing.purpose = '{KeyPurpose.ACCESS_TOKEN.value}' AND signing.activated_at IS NOT NULL
  AND signing.retired_at IS NULL AND signing.distrusted_at IS NULL
"""
_SIGNING_KEY = {"signing": Columns(SigningKey, ("kid", "sealed_private_key"))}

_CLIENT_ROWS = """
{client} JOIN {application} ON application.id = client.application_id
JOIN {provider} ON provider.id = application.organization_id
"""

_EXCHANGE = JoinedSelect(
    f"{_CLIENT_ROWS} "
    "LEFT JOIN {credential} ON credential.id = %s "
    "LEFT JOIN {key} ON key.kid = credential.signing_key_id "
    f"{_OWNER} {_SIGNING} WHERE client.client_id = %s",
    {**_CLIENT, **_CREDENTIAL, **_OWNER_CHECKED, "key": _KEY, **_SIGNING_KEY},
    others=_LISTED,
    also=_LISTED_CLIENT,
)
_REFRESH = JoinedSelect(
    f"{_CLIENT_ROWS} "
    "LEFT JOIN {token} ON token.token_digest = %s AND token.client_id = client.id "
    "LEFT JOIN {ended} ON ended.session_id = token.session_id "
    "LEFT JOIN {credential} ON credential.id = token.credential_id "
    f"{_OWNER} {_SIGNING} WHERE client.client_id = %s",
    {
        **_CLIENT,
        **_CREDENTIAL,
        **_OWNER_TOLD,
        "token": Columns.whole(RefreshToken, but=("address",)),
        **_SIGNING_KEY,
    },
    others={**_LISTED, "ended": EndedSession},
    also={**_LISTED_CLIENT, "ended_session_id": "ended.session_id"},
)
# The rows that an access token names, besides its key.
_NAMED = f"""
LEFT JOIN {{client}} ON client.client_id = %s AND client.environment = key.environment
LEFT JOIN {{application}} ON application.id = client.application_id
LEFT JOIN {{provider}} ON provider.id = application.organization_id
LEFT JOIN {{credential}} ON credential.id = %s
LEFT JOIN {{ended}} ON ended.session_id = %s
{_OWNER}
"""
_NAMED_PARTS = {"key": _KEY, **_CLIENT, **_CREDENTIAL, **_OWNER_TOLD}
_CALL = JoinedSelect(
    f"{{key}} {_NAMED} WHERE key.kid = %s",
    _NAMED_PARTS,
    others={**_LISTED, "ended": EndedSession},
    also={**_LISTED_CLIENT, "ended_session_id": "ended.session_id"},
)
_QUESTION = JoinedSelect(
    "{asking} JOIN {asking_application} ON asking_application.id = asking.application_id "
    "JOIN {asking_provider} ON asking_provider.id = asking_application.organization_id "
    f"LEFT JOIN {{key}} ON key.kid = %s {_NAMED} WHERE asking.client_id = %s",
    {
        **{f"asking_{name}": part for name, part in _CLIENT.items() if name != "client"},
        "asking": _CLIENT["client"],
        **_NAMED_PARTS,
    },
    others={**_LISTED, "ended": EndedSession},
    also={**_LISTED_CLIENT, "ended_session_id": "ended.session_id"},
)
STATEMENTS = {"exchange": _EXCHANGE, "refresh": _REFRESH, "call": _CALL, "question": _QUESTION}


def look_up_exchange(client_id: str, credential_id: str) -> Lookup:
    return _lookup(_EXCHANGE.first([_uuid(credential_id), _storable(client_id)]))


def look_up_refresh(client_id: str, token_digest: str) -> Lookup:
    return _lookup(_REFRESH.first([token_digest, _storable(client_id)]))


def look_up_call(token: ParsedToken) -> Lookup:
    return _lookup(_CALL.first([*_claimed_ids(token), token.kid]))


def look_up_question(asking_client_id: str, token: ParsedToken) -> tuple[Lookup, Lookup]:
    """The client that asks about an access token, and the rows that the token names."""
    found = _QUESTION.first([token.kid, *_claimed_ids(token), _storable(asking_client_id)])
    if found is None:
        return Lookup(), Lookup()
    asking: Client = found["asking"]
    _link_client(asking, found["asking_application"], found["asking_provider"])
    return Lookup(client=asking), _lookup(found)


def trusted_key(kid: str, purpose: KeyPurpose, lookup: Lookup | None) -> SigningKey | None:
    key = lookup.key if lookup else None
    if key is None or key.kid != kid:
        key = SigningKey.objects.filter(kid=kid).first() if kid else None
    if key is None or key.purpose != purpose:
        return None
    if key.distrusted_at is not None:
        jose.forget_key(key.public_jwk)
        return None
    return key


def _claimed_ids(token: ParsedToken) -> list[object]:
    return [
        _storable(token.claimed("client_id")),
        _uuid(token.claimed("credential_id")),
        _uuid(token.claimed("sid")),
    ]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return NOBODY


def _storable(text: str) -> str:
    # PostgreSQL refuses NUL and surrogates. No client ID has the characters that replace them.
    return text.replace("\x00", " ").encode(errors="replace").decode()


def _lookup(found: Instances | None) -> Lookup:
    if found is None:
        return Lookup()
    client, credential, token = found["client"], found["credential"], found.get("token")
    if client is not None:
        _link_client(client, found["application"], found["provider"])
    if credential is not None:
        _link_owner(found)
    if token is not None:
        link(token, "client", client)
        link(token, "credential", credential)
    return Lookup(
        client,
        credential,
        found["policy"] or _no_limits(),
        found["listed_client_id"] is not None,
        found.get("key"),
        found.get("signing"),
        token,
        found.get("ended_session_id") is not None,
    )


def _link_client(client: Client, application: Application, provider: Organization) -> None:
    link(client, "application", application)
    link(application, "organization", provider)


def _link_owner(found: Instances) -> None:
    credential, extension = found["credential"], found["extension"]
    link(credential, "extension", extension)
    link(extension, "account", found["account"])
    link(found["account"], "organization", found["home"])
    link(extension, "user", found["person"])
    if found["membership"] is not None:
        link(found["person"], "membership", found["membership"])
