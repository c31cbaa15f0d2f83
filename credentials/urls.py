from django.urls import URLPattern, include, path, register_converter

from accounts.converters import EnvironmentConverter
from credentials import error_codes
from credentials.audit_links import register_links
from credentials.converters import KeyPurposeConverter
from credentials.views import (
    abilities,
    applications,
    clients,
    create_jwt_credential,
    developers,
    exchange_tests,
    inventory,
    jwt_credentials,
    leaks,
    memberships,
    pauses,
    permitted_apps,
    policies,
    refusals,
    revocations,
    rotations,
    shown_jwts,
    signing_keys,
    token_sessions,
    usage,
)

register_converter(EnvironmentConverter, "environment")
register_links()
register_converter(KeyPurposeConverter, "key_purpose")

application_patterns: list[URLPattern] = [
    path("apps", applications.applications, name="applications"),
    path("apps/create", applications.create_application, name="create_application"),
    path("apps/<uuid:application_id>", applications.application, name="application"),
    path("apps/<uuid:application_id>/usage", usage.application_usage, name="application_usage"),
    path(
        "apps/<uuid:application_id>/settings",
        applications.application_settings,
        name="application_settings",
    ),
    path(
        "apps/<uuid:application_id>/retire",
        applications.retire_application,
        name="retire_application",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/issue",
        clients.issue_client,
        name="issue_client",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/replace-secret",
        clients.replace_client_secret,
        name="replace_client_secret",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/end-former-secret",
        clients.end_former_secret,
        name="end_former_secret",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/suspend",
        clients.suspend_client,
        name="suspend_client",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/resume",
        clients.resume_client,
        name="resume_client",
    ),
    path(
        "apps/<uuid:application_id>/sessions",
        token_sessions.application_sessions,
        name="application_sessions",
    ),
    path(
        "apps/<uuid:application_id>/sessions/<uuid:token_session_id>/end",
        token_sessions.end_application_session,
        name="end_application_session",
    ),
    path(
        "apps/<uuid:application_id>/clients/<environment:environment>/end-sessions",
        token_sessions.end_application_sessions,
        name="end_application_sessions",
    ),
]

membership_patterns: list[URLPattern] = [
    path("organization/access/people/<uuid:user_id>", memberships.change_role, name="change_role"),
    path(
        "organization/access/people/<uuid:user_id>/remove",
        memberships.remove_access,
        name="remove_access",
    ),
    path(
        "organization/access/people/<uuid:user_id>/end-sessions",
        memberships.end_sessions,
        name="end_sessions",
    ),
    path(
        "organization/access/people/<uuid:user_id>/password-reset",
        memberships.send_password_reset,
        name="send_password_reset",
    ),
    path(
        "organization/access/people/<uuid:user_id>/deactivate",
        memberships.deactivate,
        name="deactivate",
    ),
    path(
        "organization/access/people/<uuid:user_id>/reactivate",
        memberships.reactivate,
        name="reactivate",
    ),
    path(
        "organization/<uuid:user_id>/apps",
        memberships.transfer_applications,
        name="transfer_applications",
    ),
]

policy_patterns: list[URLPattern] = [
    path("organization/policies", policies.policies, name="policies"),
    path("organization/policies/second-factor", policies.second_factor, name="second_factor"),
    path("organization/policies/<environment:environment>", policies.policy, name="policy"),
]

operator_patterns: list[URLPattern] = [
    path("signing-keys", signing_keys.signing_keys, name="signing_keys"),
    path(
        "signing-keys/<environment:environment>/<key_purpose:purpose>/rotate",
        signing_keys.rotate_signing_key,
        name="rotate_signing_key",
    ),
    path(
        "signing-keys/<slug:kid>/distrust",
        signing_keys.distrust_signing_key,
        name="distrust_signing_key",
    ),
]

developer_patterns: list[URLPattern] = [
    path("organization", developers.developers, name="developers"),
    path("organization/<uuid:user_id>", developers.developer, name="developer"),
    path("organization/credentials", inventory.credentials, name="credentials"),
    path(
        "organization/credentials/revoke", inventory.revoke_credentials, name="revoke_credentials"
    ),
    path("organization/credentials/pause", pauses.pause_credentials, name="pause_credentials"),
    path(
        "organization/credentials/export", inventory.export_credentials, name="export_credentials"
    ),
]


def jwt_credential_patterns(prefix: str) -> list[URLPattern]:
    """The credential pages: of oneself, or below an `<user_id>` of the organization."""
    one = f"{prefix}/<uuid:credential_id>"
    return [
        path(prefix, jwt_credentials.jwt_credentials, name="list"),
        path(f"{prefix}/create", create_jwt_credential.create_jwt_credential, name="create"),
        path(f"{prefix}/create/apps", permitted_apps.change_new_apps, name="new_apps"),
        path(one, jwt_credentials.jwt_credential, name="detail"),
        path(f"{one}/apps", permitted_apps.change_apps, name="apps"),
        path(f"{one}/created", create_jwt_credential.created, name="created"),
        path(f"{one}/operations", abilities.operations, name="operations"),
        path(f"{one}/pause", pauses.pause, name="pause"),
        path(f"{one}/resume", pauses.resume, name="resume"),
        path(f"{one}/revoke", revocations.revoke, name="revoke"),
        path(f"{one}/show", shown_jwts.show, name="show"),
        path(f"{one}/sessions", token_sessions.credential_sessions, name="sessions"),
        path(
            f"{one}/sessions/<uuid:token_session_id>/end",
            token_sessions.end_credential_session,
            name="end_session",
        ),
        path(
            f"{one}/sessions/end-all",
            token_sessions.end_credential_sessions,
            name="end_sessions",
        ),
        path(f"{one}/test", exchange_tests.try_exchange, name="test"),
        path(f"{one}/rotate", rotations.rotate, name="rotate"),
        path(f"{one}/rotation", rotations.rotation, name="rotation"),
        path(f"{one}/rotation/extend", rotations.extend_rotation, name="extend_rotation"),
        path(f"{one}/rotation/undo", rotations.undo_rotation, name="undo_rotation"),
        path(f"{one}/rotation/finish", rotations.finish_rotation, name="finish_rotation"),
    ]


my_patterns = jwt_credential_patterns("my-credentials")
developer_credential_patterns = jwt_credential_patterns("organization/<uuid:user_id>/credentials")

refusal_patterns: list[URLPattern] = [
    path("console/why", refusals.why, name="why"),
    # Error bodies link here, so people without an account can open it too.
    path(error_codes.PAGE.removeprefix("/"), refusals.error_codes, name="error_codes"),
]

urlpatterns = [
    path("report-leaked", leaks.report_leaked, name="report_leaked"),
    path("", include((refusal_patterns, "refusals"))),
    path("console/", include((application_patterns, "credentials"))),
    path(
        "console/",
        include(([*developer_patterns, *membership_patterns, *policy_patterns], "organization")),
    ),
    path("console/operator/", include((operator_patterns, "operator"))),
    path("console/", include((my_patterns, "jwt_credentials"), namespace="my_credentials")),
    path(
        "console/",
        include(
            (developer_credential_patterns, "jwt_credentials"), namespace="developer_credentials"
        ),
    ),
]
