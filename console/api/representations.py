"""Rows as the REST API's resources."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Page

from accounts.environments import Environment
from accounts.models import Extension, PlatformAccount
from accounts.platform import built_in, built_in_api

VERSION = built_in_api.VERSION


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
    is_admin = all(map(extension.role.covers, built_in.PERMISSIONS))
    return {
        "uri": rest_uri(account, "extension", str(extension.pk)),
        "id": str(extension.pk),
        "extensionNumber": str(extension.extension_number),
        "name": f"{contact['firstName']} {contact['lastName']}".strip(),
        "type": "User",
        "status": extension.status,
        "contact": contact,
        "permissions": {"admin": {"enabled": is_admin}},
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
    role = extension.role
    return {
        "uri": _authz_uri(extension),
        "permissions": [
            _permission(extension, permission)
            for permission in settings.PLATFORM.permissions
            if role.covers_own(permission)
        ],
    }


def authz_check(extension: Extension, permission: str) -> dict[str, Any]:
    granted = extension.role.covers_own(permission)
    details = _permission(extension, permission)
    return {
        "uri": details["permission"]["uri"],
        "successful": granted,
        "details": details if granted else details | {"scopes": []},
    }


def _authz_uri(extension: Extension) -> str:
    return rest_uri(extension.account, "extension", str(extension.pk), "authz-profile")


def _permission(extension: Extension, permission: str) -> dict[str, Any]:
    uri = f"{_authz_uri(extension)}/check?{urlencode({'permissionId': permission})}"
    is_own = not extension.role.covers(permission)
    reach = {
        built_in.READ_EXTENSIONS: "AllExtensions",
        built_in.EDIT_USER_INFO: "Self" if is_own else "AllExtensions",
    }
    return {
        "permission": {"uri": uri, "id": permission},
        "scopes": [reach.get(permission, "Account")],
    }
