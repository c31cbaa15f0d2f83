"""The JSON document of `seed_demo --json`."""

from typing import Any

from django.conf import settings

from accounts.environments import Environment
from accounts.models import Membership
from console.demo.apps import APPS, DemoApp, client_secret
from console.demo.people import PEOPLE
from credentials.models import Application, Client, JwtCredential


def document() -> dict[str, Any]:
    memberships = {
        membership.user.email: membership
        for membership in Membership.objects.select_related("user", "organization").filter(
            user__email__in=[person.email for person in PEOPLE]
        )
    }
    return {
        "base_url": settings.ORIGIN,
        "environments": {
            environment.value: environment.urls.base_url for environment in Environment
        },
        "users": [_user(memberships[person.email]) for person in PEOPLE],
        "apps": [
            _app(app, client)
            for app in APPS
            for client in Client.objects.select_related("application__organization")
            .filter(application__name=app.name, application__owner__email=app.owner)
            .order_by("-environment")
        ],
        "credentials": [
            _credential(credential)
            for credential in JwtCredential.objects.select_related(
                "extension__account", "extension__user", "signing_key"
            )
            .filter(extension__user__email__in=memberships)
            .order_by("-extension__account__environment", "issued_at", "id")
        ],
    }


def _user(membership: Membership) -> dict[str, Any]:
    environments = {
        extension.environment for extension in membership.user.extensions.select_related("account")
    }
    return {
        "email": membership.user.email,
        "password": settings.DEMO_PASSWORD,
        "name": membership.user.name,
        "organization": membership.organization.name,
        "role": membership.role,
        "is_account_admin": membership.is_account_admin,
        "sandbox_account": Environment.SANDBOX in environments,
        "production_account": Environment.PRODUCTION in environments,
    }


def _app(app: DemoApp, client: Client) -> dict[str, Any]:
    application: Application = client.application
    return {
        "name": application.name,
        "organization": application.organization.name,
        "environment": client.environment,
        "client_id": client.client_id,
        "client_secret": client_secret(app.name, Environment(client.environment)),
        "public": application.is_public,
        "issue_refresh_tokens": application.issues_refresh_tokens,
        "scopes": application.scopes,
    }


def _credential(credential: JwtCredential) -> dict[str, Any]:
    return {
        "id": str(credential.pk),
        "label": credential.label,
        "owner": credential.extension.user.email,
        "environment": credential.environment.value,
        "app_access": credential.app_access,
        "client_ids": list(
            credential.permitted_clients.order_by("pk").values_list("client_id", flat=True)
        ),
        "status": credential.status,
        "jwt": credential.encode(),
    }
