from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from accounts import access
from accounts.actions import extensions
from accounts.environments import Environment
from accounts.forms.submissions import errors_in_messages
from accounts.platform.words import word
from accounts.roles import ConsolePermission
from accounts.sign_in.interruptions import only_post
from core.origin import Origin


@require_safe
def sandbox_account(request: HttpRequest) -> HttpResponse:
    viewer = access.member(request.user, ConsolePermission.CONSOLE_USE)
    account = viewer.organization.platform_accounts.get(environment=Environment.SANDBOX)
    context = {
        "account": account,
        "extension": account.extensions.filter(user=viewer.user).first(),
        "urls": Environment.SANDBOX.urls,
        "next": _local_path(request.GET.get("next", "")),
    }
    return render(request, "accounts/platform_accounts/sandbox_account.html", context)


@only_post
def create_sandbox_account(request: HttpRequest) -> HttpResponse:
    viewer = access.member(request.user, ConsolePermission.SANDBOX_ACCOUNT_CREATE)
    with errors_in_messages(request):
        extensions.create_sandbox_account(viewer, actor=viewer.user, origin=Origin.of(request))
        messages.success(request, f"Your sandbox {word('account')} is ready.")
    return redirect(_local_path(request.POST.get("next", "")) or "accounts:sandbox_account")


def _local_path(url: str) -> str:
    # Empty for other sites, so that a link can't use this page to send people elsewhere.
    is_local = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_local else ""
