from django.urls import path

from accounts.views import (
    access,
    access_requests,
    audit,
    extensions,
    invitations,
    notices,
    platform_accounts,
    sessions,
    users,
)

app_name = "accounts"
urlpatterns = [
    path("console/my-profile", users.my_profile, name="my_profile"),
    path("console/notices", notices.notices, name="notices"),
    path("console/notices/read", notices.read_all_notices, name="read_all_notices"),
    path("console/notices/<int:notice_id>/read", notices.read_notice, name="read_notice"),
    path("console/sandbox", platform_accounts.sandbox_account, name="sandbox_account"),
    path(
        "console/sandbox/create",
        platform_accounts.create_sandbox_account,
        name="create_sandbox_account",
    ),
    path("console/request-access", access_requests.request_access, name="request_access"),
    path("console/organization/extensions", extensions.extensions, name="extensions"),
    path(
        "console/organization/extensions/<int:extension_id>",
        extensions.change_extension,
        name="change_extension",
    ),
    path("console/organization/access", access.access, name="access"),
    path(
        "console/organization/access/requests/<uuid:request_id>/approve",
        access_requests.approve_access_request,
        name="approve_access_request",
    ),
    path(
        "console/organization/access/requests/<uuid:request_id>/decline",
        access_requests.decline_access_request,
        name="decline_access_request",
    ),
    path("console/organization/access/invite", invitations.invite, name="invite"),
    path(
        "console/organization/access/invitations/<uuid:invitation_id>/resend",
        invitations.resend_invitation,
        name="resend_invitation",
    ),
    path(
        "console/organization/access/invitations/<uuid:invitation_id>/withdraw",
        invitations.withdraw_invitation,
        name="withdraw_invitation",
    ),
    path("console/organization/audit", audit.audit_log, name="audit_log"),
    path("console/organization/audit/export", audit.export_audit_log, name="export_audit_log"),
    path("account/sessions/end-others", sessions.end_other_sessions, name="end_other_sessions"),
    path("account/sessions/<int:session_id>/end", sessions.end_session, name="end_session"),
    path("invitations/accept", invitations.accept_invitation, name="accept_invitation"),
    path("invitations/<str:token>", invitations.open_invitation, name="open_invitation"),
]
