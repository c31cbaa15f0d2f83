"""The calls of the REST API, each with the app scope and the user permission it needs."""

from typing import Any, cast

from django.http import HttpRequest
from ninja import Path, Router
from ninja.security.http import HttpAuthBase

from accounts.actions.platform_accounts import update_business_address
from accounts.environments import Environment
from accounts.models import Extension, PlatformAccount
from accounts.origin import Origin
from accounts.permissions import AppScope, UserPermission
from console.api import representations as as_json
from console.api import schemas
from console.api.errors import not_found
from credentials.bearer import Bearer, authenticate

REFUSALS = {400: schemas.Error, 401: schemas.Error, 403: schemas.Error, 404: schemas.Error}


class BearerAuth(HttpAuthBase):
    """Puts the standing bearer of the access token into `request.auth`."""

    openapi_scheme = "bearer"

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment = environment

    def __call__(self, request: HttpRequest) -> Bearer:
        return authenticate(request, self._environment)


def _bearer(request: HttpRequest) -> Bearer:
    return cast(Bearer, request.auth)  # type: ignore[attr-defined]


def _account(bearer: Bearer, account_id: str) -> PlatformAccount:
    """The caller's own account, as `~` or by id; every other one does not exist for them."""
    account = bearer.extension.account
    if account_id not in ("~", str(account.pk)):
        raise not_found("accountId")
    return account


def _extension(bearer: Bearer, account: PlatformAccount, extension_id: str) -> Extension:
    """An extension of the caller's account; one's own needs no user permission."""
    if extension_id in ("~", str(bearer.extension.pk)):
        return bearer.extension
    bearer.require_permission(UserPermission.READ_EXTENSIONS)
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


def router(environment: Environment) -> Router:
    """The calls under `/restapi/v1.0`; django-ninja binds a router to one API, so one each."""
    calls = Router()
    version_uri = f"{environment.urls.rest_api}/{as_json.VERSION}"

    @calls.get("", auth=None, response=schemas.ApiVersion, summary="API version")
    def version(request: HttpRequest) -> dict[str, Any]:
        return {"uri": version_uri, "versionString": as_json.VERSION.lstrip("v")}

    @calls.get("/status", auth=None, response=schemas.ServiceStatus, summary="Service status")
    def status(request: HttpRequest) -> dict[str, Any]:
        return {"uri": f"{version_uri}/status", "status": "OK"}

    @calls.get(
        "/account/{account_id}",
        response={200: schemas.Account, **REFUSALS},
        summary="Company account",
        description="App scope ReadAccounts, user permission ReadCompanyInfo.",
    )
    def get_account(request: HttpRequest, account_id: Path[str]) -> dict[str, Any]:
        bearer = _bearer(request)
        bearer.require_scope(AppScope.READ_ACCOUNTS)
        bearer.require_permission(UserPermission.READ_COMPANY_INFO)
        return as_json.account(_account(bearer, account_id))

    @calls.get(
        "/account/{account_id}/business-address",
        response={200: schemas.BusinessAddress, **REFUSALS},
        summary="Business address",
        description="App scope ReadAccounts, user permission ReadCompanyInfo.",
    )
    def get_business_address(request: HttpRequest, account_id: Path[str]) -> dict[str, Any]:
        bearer = _bearer(request)
        bearer.require_scope(AppScope.READ_ACCOUNTS)
        bearer.require_permission(UserPermission.READ_COMPANY_INFO)
        return as_json.business_address(_account(bearer, account_id))

    @calls.put(
        "/account/{account_id}/business-address",
        response={200: schemas.BusinessAddress, **REFUSALS},
        summary="Change the business address",
        description="App scope EditAccounts, user permission EditCompanyInfo. "
        "Fields left out stay as they are.",
    )
    def put_business_address(
        request: HttpRequest, account_id: Path[str], body: schemas.BusinessAddressChange
    ) -> dict[str, Any]:
        bearer = _bearer(request)
        bearer.require_scope(AppScope.EDIT_ACCOUNTS)
        bearer.require_permission(UserPermission.EDIT_COMPANY_INFO)
        _account(bearer, account_id)
        account = update_business_address(
            bearer.extension,
            _changes(body),
            origin=Origin.of(request),
            via=bearer.client.client_id,
        )
        return as_json.business_address(account)

    @calls.get(
        "/account/{account_id}/extension/{extension_id}",
        response={200: schemas.Extension, **REFUSALS},
        summary="Extension",
        description="App scope ReadAccounts; for an extension of somebody else the user "
        "permission ReadExtensions.",
    )
    def get_extension(
        request: HttpRequest, account_id: Path[str], extension_id: Path[str]
    ) -> dict[str, Any]:
        bearer = _bearer(request)
        bearer.require_scope(AppScope.READ_ACCOUNTS)
        account = _account(bearer, account_id)
        return as_json.extension(_extension(bearer, account, extension_id))

    return calls


def _changes(body: schemas.BusinessAddressChange) -> dict[str, str]:
    """The model fields that the request names; null counts as left out."""
    sent: dict[str, str | None] = {
        "company": body.company,
        "email": body.email,
        "main_site_name": body.mainSiteName,
    }
    if body.businessAddress is not None:
        sent |= body.businessAddress.model_dump()
    return {field: value for field, value in sent.items() if value is not None}
