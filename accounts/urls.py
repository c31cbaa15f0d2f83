from django.urls import path

from accounts.views import access_requests, extensions, invitations, platform_accounts, users

app_name = "accounts"
urlpatterns = [
    path("console/my-profile", users.my_profile, name="my_profile"),
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
    path("invitations/<str:token>", invitations.accept_invitation, name="accept_invitation"),
]
