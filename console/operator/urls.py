from django.urls import URLPattern, path

from console.operator import decisions, organization_pages

_ORGANIZATION = "console/operator/organizations/<uuid:organization_id>"
_APP = "console/operator/apps/<uuid:application_id>"

organization_paths: list[URLPattern] = [
    path(
        "console/operator/organizations",
        organization_pages.operator_organizations,
        name="operator_organizations",
    ),
    path(_ORGANIZATION, organization_pages.operator_organization, name="operator_organization"),
    path(
        f"{_ORGANIZATION}/rename",
        decisions.operator_rename_organization,
        name="operator_rename_organization",
    ),
    path(
        f"{_ORGANIZATION}/suspend",
        decisions.operator_suspend_organization,
        name="operator_suspend_organization",
    ),
    path(
        f"{_ORGANIZATION}/resume",
        decisions.operator_resume_organization,
        name="operator_resume_organization",
    ),
    path(
        f"{_ORGANIZATION}/administrator",
        decisions.operator_invite_administrator,
        name="operator_invite_administrator",
    ),
    path(
        "console/operator/invitations/<uuid:invitation_id>/withdraw",
        decisions.operator_withdraw_invitation,
        name="operator_withdraw_invitation",
    ),
    path(
        f"{_APP}/suspend",
        decisions.operator_suspend_application,
        name="operator_suspend_application",
    ),
    path(
        f"{_APP}/resume",
        decisions.operator_resume_application,
        name="operator_resume_application",
    ),
    path(
        "console/operator/credentials/<uuid:credential_id>/revoke",
        decisions.operator_revoke_credential,
        name="operator_revoke_credential",
    ),
]
