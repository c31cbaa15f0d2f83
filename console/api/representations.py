"""Rows as the REST API's resources."""

from typing import Any

from accounts.environments import Environment
from accounts.models import Extension, PlatformAccount
from accounts.permissions import UserRole

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
    user = extension.user
    return {
        "uri": rest_uri(account, "extension", str(extension.pk)),
        "id": str(extension.pk),
        "extensionNumber": str(extension.extension_number),
        "name": user.name,
        "type": "User",
        "status": extension.status,
        "contact": {
            "firstName": user.first_name,
            "lastName": user.last_name,
            "company": account.company,
            "email": user.email,
        },
        "permissions": {"admin": {"enabled": extension.user_role == UserRole.SUPER_ADMIN}},
        "account": {"id": str(account.pk), "uri": rest_uri(account)},
    }
