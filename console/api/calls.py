"""The calls of the REST API, each with the app scope and the user permission it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from django.conf import settings
from django.core.paginator import EmptyPage, Paginator
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from ninja.security.http import HttpAuthBase
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from accounts.actions.extensions import update_contact
from accounts.actions.platform_accounts import update_business_address
from accounts.environments import Environment
from accounts.models import Extension, PlatformAccount
from accounts.platform import built_in, built_in_api
from accounts.platform.catalog import Operation
from console.api import representations as as_json
from console.api import schemas
from console.api.answers import answered, changing
from console.api.errors import not_found
from core.origin import Origin
from credentials.models.usage import Called
from credentials.oauth.bearer import Bearer, BearerError, authenticate
from credentials.oauth.counted_calls import count_call
from credentials.throttle import LimitGroup

REFUSALS = dict.fromkeys((400, 401, 403, 404, 429), schemas.Error)
REFUSED_CHANGES = REFUSALS | dict.fromkeys((412, 415), schemas.Error)
PER_PAGE = 100
PER_PAGE_MAX = 1000


AccountId = Annotated[
    str, Path(description="~ for the caller's own account, or its ID.", examples=["~"])
]
ExtensionId = Annotated[
    str,
    Path(
        description="~ for the caller's own extension, or an extension ID.",
        examples=["~"],
    ),
]
PageNumber = Annotated[int, Query(ge=1, le=10**9)]
PerPage = Annotated[int, Query(alias="perPage", ge=1, le=PER_PAGE_MAX)]


def _offered_permission(permission: str) -> str:
    # The message is the one that pydantic has for enumerations.
    if permission not in settings.PLATFORM.permissions:
        *others, last = map(repr, settings.PLATFORM.permissions)
        raise PydanticCustomError("enum", f"Input should be {', '.join(others)} or {last}")
    return permission


PermissionId = Annotated[
    str,
    AfterValidator(_offered_permission),
    WithJsonSchema(
        {
            "type": "string",
            "enum": list(settings.PLATFORM.permissions),
            "description": "The user permission to check.",
        }
    ),
    Query(alias="permissionId"),
]


class BearerAuth(HttpAuthBase):
    # It puts the bearer into `request.auth` if the token allows the call. This runs before ninja
    # reads the body, so a wrong body never hides a missing permission.
    openapi_scheme = "bearer"

    def __init__(
        self,
        environment: Environment,
        group: LimitGroup,
        scope: str = "",
        permission: str = "",
        operation: str = "",
    ) -> None:
        super().__init__()
        self._called = Called(built_in.API_ID, operation)
        self._environment = environment
        self._group = group
        self._scope = scope
        self._permission = permission

    def __call__(self, request: HttpRequest) -> Bearer:
        try:
            bearer = authenticate(request, self._environment)
            count_call(request, bearer, self._called, self._group)
            if self._scope:
                bearer.require_scope(self._scope)
            if self._permission:
                bearer.require_permission(self._permission)
        except BearerError as error:
            raise error.about(operation=self._called.operation)  # noqa: B904 - the same
        return bearer


def _bearer(request: HttpRequest) -> Bearer:
    return cast(Bearer, request.auth)  # type: ignore[attr-defined]


def _account(bearer: Bearer, account_id: str) -> PlatformAccount:
    # The caller's own account, as `~` or by ID. Other accounts don't exist for them.
    account = bearer.extension.account
    if account_id not in ("~", str(account.pk)):
        raise not_found("accountId")
    return account


def _extension(bearer: Bearer, account: PlatformAccount, extension_id: str) -> Extension:
    # The caller's own extension needs no user permission.
    if extension_id in ("~", str(bearer.extension.pk)):
        return bearer.extension
    bearer.require_permission(built_in.READ_EXTENSIONS)
    found = (
        Extension.objects.select_related("account", "user")
        .filter(account=account, pk=int(extension_id))
        .first()
        if extension_id.isascii() and extension_id.isdigit() and len(extension_id) <= 18
        else None
    )
    if found is None:
        raise not_found("extensionId")
    return found


def _own_extension(bearer: Bearer, account_id: str, extension_id: str) -> Extension:
    _account(bearer, account_id)
    if extension_id not in ("~", str(bearer.extension.pk)):
        raise not_found("extensionId")
    return bearer.extension


def _address_changes(body: schemas.BusinessAddressChange) -> dict[str, str]:
    # Null counts as left out.
    sent = body.model_dump(exclude_none=True)
    address = sent.pop("businessAddress", {})
    if "mainSiteName" in sent:
        sent["main_site_name"] = sent.pop("mainSiteName")
    return {**sent, **address}


def get_account(request: HttpRequest, account_id: AccountId) -> dict[str, Any]:
    return as_json.account(_account(_bearer(request), account_id))


def get_business_address(request: HttpRequest, account_id: AccountId) -> dict[str, Any]:
    return as_json.business_address(_account(_bearer(request), account_id))


def put_business_address(
    request: HttpRequest, account_id: AccountId, body: schemas.BusinessAddressChange
) -> dict[str, Any]:
    bearer = _bearer(request)
    body.refuse_other_changes(as_json.business_address(_account(bearer, account_id)))
    account = update_business_address(
        bearer.extension,
        _address_changes(body),
        origin=Origin.of(request),
        via=bearer.client.client_id,
    )
    return as_json.business_address(account)


def list_extensions(
    request: HttpRequest, account_id: AccountId, page: PageNumber = 1, per_page: PerPage = PER_PAGE
) -> dict[str, Any]:
    account = _account(_bearer(request), account_id)
    everyone = account.extensions.select_related("user").order_by("extension_number")
    try:
        found = Paginator(everyone, per_page).page(page)
    except EmptyPage as error:
        raise not_found("page") from error
    return as_json.extension_list(account, found)


def get_extension(
    request: HttpRequest, account_id: AccountId, extension_id: ExtensionId
) -> dict[str, Any]:
    bearer = _bearer(request)
    return as_json.extension(_extension(bearer, _account(bearer, account_id), extension_id))


def put_extension(
    request: HttpRequest,
    account_id: AccountId,
    extension_id: ExtensionId,
    body: schemas.ExtensionChange,
) -> dict[str, Any]:
    bearer = _bearer(request)
    extension = _extension(bearer, _account(bearer, account_id), extension_id)
    if extension != bearer.extension:
        bearer.require_permission(built_in.EDIT_USER_INFO)
    body.refuse_other_changes(as_json.extension(extension))
    changed = update_contact(
        extension,
        body.contact.model_dump(exclude_none=True) if body.contact else {},
        actor_extension=bearer.extension,
        origin=Origin.of(request),
        via=bearer.client.client_id,
    )
    return as_json.extension(changed)


def get_authz_profile(
    request: HttpRequest, account_id: AccountId, extension_id: ExtensionId
) -> dict[str, Any]:
    return as_json.authz_profile(_own_extension(_bearer(request), account_id, extension_id))


def check_authz_profile(
    request: HttpRequest,
    account_id: AccountId,
    extension_id: ExtensionId,
    permission_id: PermissionId,
) -> dict[str, Any]:
    extension = _own_extension(_bearer(request), account_id, extension_id)
    return as_json.authz_check(extension, permission_id)


@dataclass(frozen=True)
class Call:
    view: Callable[..., dict[str, Any]]
    response: type[Schema]
    note: str = ""

    @property
    def operation(self) -> Operation:
        return built_in_api.BY_ID[built_in.operation_id(self.view.__name__)]

    @property
    def method(self) -> str:
        return self.operation.method

    @property
    def path(self) -> str:
        """Below the version of the API."""
        return self.operation.path.removeprefix(f"/restapi/{as_json.VERSION}")

    @property
    def group(self) -> LimitGroup:
        return LimitGroup(self.operation.limit_group)

    @property
    def scope(self) -> str:
        return next((scope for needed in self.operation.scopes for scope in needed), "")

    @property
    def permission(self) -> str:
        return self.operation.permission

    @property
    def needs(self) -> dict[str, str]:
        """Members of the OpenAPI document."""
        facts = {
            "x-app-scope": self.scope,
            "x-user-permission": built_in.WHOLE_OF.get(self.permission, self.permission),
            "x-rate-limit-group": self.group.value,
        }
        return {name: fact for name, fact in facts.items() if fact}


_LEFT_OUT = (
    "Fields that you leave out don't change. The body can be the whole resource, as long as the "
    "fields that this call can't change have their current values."
)
_OF_PERSON = "The result depends on neither the app's scopes nor the credential's ceiling."

CALLS: tuple[Call, ...] = (
    Call(get_account, schemas.Account),
    Call(get_business_address, schemas.BusinessAddress),
    Call(put_business_address, schemas.BusinessAddress, _LEFT_OUT),
    Call(
        list_extensions,
        schemas.ExtensionList,
        "All extensions in the account, sorted by extension number.",
    ),
    Call(
        get_extension,
        schemas.Extension,
        "To read another person's extension, the caller needs the ReadExtensions user permission.",
    ),
    Call(
        put_extension,
        schemas.Extension,
        f"{_LEFT_OUT} Super Admins can change any extension. Other users can change only "
        "their own. The change applies only to this environment and doesn't "
        "affect how the person signs in.",
    ),
    Call(get_authz_profile, schemas.AuthzProfile, _OF_PERSON),
    Call(check_authz_profile, schemas.AuthzCheck, _OF_PERSON),
)


def router(environment: Environment) -> Router:
    # The calls below `/restapi/v1.0`. django-ninja binds a router to one API, so each has its own.
    calls = Router()
    version_uri = f"{environment.urls.rest_api}/{as_json.VERSION}"

    @calls.get("", auth=None, response=schemas.ApiVersion, summary="API version")
    def version(request: HttpRequest) -> dict[str, Any]:
        return {"uri": version_uri, "versionString": as_json.VERSION.lstrip("v")}

    @calls.get("/status", auth=None, response=schemas.ServiceStatus, summary="Service status")
    def status(request: HttpRequest) -> dict[str, Any]:
        return {"uri": f"{version_uri}/status", "status": "OK"}

    for call in CALLS:
        is_change = call.method != "GET"
        calls.add_api_operation(
            call.path,
            [call.method],
            answered(changing(call.view) if is_change else call.view),
            auth=BearerAuth(
                environment,
                call.group,
                call.scope,
                call.permission,
                call.operation.id,
            ),
            response={200: call.response, **(REFUSED_CHANGES if is_change else REFUSALS)},
            operation_id=call.view.__name__,
            # The OpenAPI document is ASCII, and pages use typographic apostrophes.
            summary=call.operation.summary.replace("’", "'"),
            description=call.note,
            openapi_extra=call.needs,
        )
    return calls
