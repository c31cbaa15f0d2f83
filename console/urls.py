from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, register_converter
from django.views.generic import RedirectView

from accounts.views import factors, recovery_codes, sessions
from console import health
from console.csp_reports import csp_reports
from console.dashboard import dashboard
from console.docs.views import docs_file, docs_image, docs_markdown, docs_page, docs_search
from console.environment_urls import environment_paths
from console.operator.urls import organization_paths
from console.operator.views import operator_api, operator_apis
from console.reference.converters import OperationIdConverter
from console.reference.views import api_reference, operation_reference, reference
from console.search.views import search
from console.security_txt import PATH, security_txt

register_converter(OperationIdConverter, "operation_id")

urlpatterns = [
    path("", login_not_required(RedirectView.as_view(pattern_name="dashboard")), name="home"),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
    path(PATH, security_txt, name="security_txt"),
    path("csp-reports", csp_reports, name="csp_reports"),
    path("console/", dashboard, name="dashboard"),
    path("console/api-reference", reference, name="reference"),
    path("console/api-reference/<api_id>", api_reference, name="reference_api"),
    path(
        "console/api-reference/<api_id>/<operation_id:operation_id>",
        operation_reference,
        name="reference_operation",
    ),
    path("console/search", search, name="search"),
    *organization_paths,
    path("console/operator/apis", operator_apis, name="operator_apis"),
    path("console/operator/apis/<api_id>", operator_api, name="operator_api"),
    path("console", RedirectView.as_view(pattern_name="dashboard"), name="console_without_slash"),
    # These replace URLs of django-allauth, so they come first.
    path("account/password/set/", factors.set_password, name="account_set_password"),
    path("account/logout/", factors.log_out, name="account_logout"),
    path(
        "account/reauthenticate/",
        factors.reauthenticate_by_password,
        name="account_reauthenticate",
    ),
    path("account/2fa/reauthenticate/", factors.reauthenticate_by_code, name="mfa_reauthenticate"),
    path("account/2fa/authenticate/", factors.authenticate, name="mfa_authenticate"),
    path("account/2fa/webauthn/login/", factors.login_by_key, name="mfa_login_webauthn"),
    path("account/2fa/webauthn/add/", factors.add_key, name="mfa_add_webauthn"),
    path(
        "account/2fa/webauthn/keys/<int:pk>/remove/",
        factors.remove_key,
        name="mfa_remove_webauthn",
    ),
    path(
        "account/2fa/webauthn/reauthenticate/",
        factors.reauthenticate_by_key,
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "account/2fa/recovery-codes/generate/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path("account/2fa/totp/activate/", factors.activate_app, name="mfa_activate_totp"),
    path("account/sessions/", sessions.sessions, name="usersessions_list"),
    path("account/", include("allauth.urls")),
    path("", include("accounts.urls")),
    path("", include("credentials.urls")),
    # After the page of error codes, whose address, /docs/errors, looks like one of these.
    path("docs", docs_page, name="docs"),
    path("docs.md", docs_markdown, name="docs_as_markdown"),
    path("docs/search", docs_search, name="docs_search"),
    path("docs/images/<image>", docs_image, name="docs_image"),
    path("docs/files/<path:file>", docs_file, name="docs_file"),
    path("docs/<path:page>.md", docs_markdown, name="docs_markdown"),
    path("docs/<path:page>", docs_page, name="docs_page"),
    *environment_paths(),
]

handler400 = "console.errors.bad_request"
handler403 = "console.errors.permission_denied"
handler404 = "console.errors.page_not_found"
handler500 = "console.errors.server_error"
