"""Rows as the REST API's resources."""

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page

from accounts.environments import Environment
from accounts.models import Extension, PlatformAccount
from accounts.permissions import UserPermission, UserRole

VERSION = "v1.0"


def rest_uri(account: PlatformAccount, *parts: str) -> str:
    rest_api = Environment(account.environment).urls.rest_api
    return "/".join([rest_api, VERSION, "account", str(account.pk), *parts])


def account(account: PlatformAccount) -> dict[str, Any]:
    return {
        "uri": rest_uri(account),
        "id": str(account.pk),
        "mainNumber": account.main_number,
        "status": "Confirmed",
        "company": account.company,
        "environment": account.environment,
    }


def business_address(account: PlatformAccount) -> dict[str, Any]:
    return {
        "uri": rest_uri(account, "business-address"),
        "businessAddress": {
            "country": account.country,
            "state": account.state,
            "city": account.city,
            "street": account.street,
            "zip": account.zip,
        },
        "company": account.company,
        "email": account.email,
        "mainSiteName": account.main_site_name,
    }


def extension(extension: Extension) -> dict[str, Any]:
    account = extension.account
    contact = extension.contact_details
    return {
        "uri": rest_uri(account, "extension", str(extension.pk)),
        "id": str(extension.pk),
        "extensionNumber": str(extension.extension_number),
        "name": f"{contact['firstName']} {contact['lastName']}".strip(),
        "type": "User",
        "status": extension.status,
        "contact": contact,
        "permissions": {"admin": {"enabled": extension.user_role == UserRole.SUPER_ADMIN}},
        "account": {"id": str(account.pk), "uri": rest_uri(account)},
    }


def extension_list(account: PlatformAccount, page: Page[Extension]) -> dict[str, Any]:
    pages = page.paginator

    def link(number: int) -> dict[str, str]:
        query = urlencode({"page": number, "perPage": pages.per_page})
        return {"uri": f"{rest_uri(account, 'extension')}?{query}"}

    navigation = {"firstPage": link(1), "lastPage": link(pages.num_pages)}
    if page.has_next():
        navigation["nextPage"] = link(page.number + 1)
    if page.has_previous():
        navigation["previousPage"] = link(page.number - 1)
    records = []
    for row in page:
        row.account = account
        records.append(extension(row))
    return {
        "uri": link(page.number)["uri"],
        "records": records,
        "paging": {
            "page": page.number,
            "totalPages": pages.num_pages,
            "perPage": pages.per_page,
            "totalElements": pages.count,
            # Elements count from 0, and Django's from 1.
            "pageStart": page.start_index() - 1,
            "pageEnd": page.end_index() - 1,
        },
        "navigation": navigation,
    }


def authz_profile(extension: Extension) -> dict[str, Any]:
    granted = extension.grant.permissions
    return {
        "uri": _authz_uri(extension),
        "permissions": [
            _permission(extension, permission)
            for permission in UserPermission
            if permission in granted
        ],
    }


def authz_check(extension: Extension, permission: UserPermission) -> dict[str, Any]:
    granted = permission in extension.grant.permissions
    details = _permission(extension, permission)
    return {
        "uri": details["permission"]["uri"],
        "successful": granted,
        "details": details if granted else details | {"scopes": []},
    }


def _authz_uri(extension: Extension) -> str:
    return rest_uri(extension.account, "extension", str(extension.pk), "authz-profile")


def _permission(extension: Extension, permission: UserPermission) -> dict[str, Any]:
    uri = f"{_authz_uri(extension)}/check?{urlencode({'permissionId': permission.value})}"
    reach = {
        UserPermission.READ_EXTENSIONS: "AllExtensions",
        UserPermission.EDIT_USER_INFO: "AllExtensions"
        if extension.grant.edits_everyone
        else "Self",
    }
    return {
        "permission": {"uri": uri, "id": permission.value},
        "scopes": [reach.get(permission, "Account")],
    }
