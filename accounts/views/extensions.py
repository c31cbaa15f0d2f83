from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.actions import extensions as actions
from accounts.environments import Environment
from accounts.forms.extensions import ExtensionForm, ExtensionListForm
from accounts.forms.submissions import errors_on, posted
from accounts.models import AuditEvent, Extension
from accounts.platform.words import word
from accounts.roles import ConsolePermission
from accounts.sign_in.step_up import step_up_required
from core.origin import Origin

HISTORY_LENGTH = 50


@require_safe
def extensions(request: HttpRequest) -> HttpResponse:
    viewer = access.member(request.user, ConsolePermission.EXTENSION_MANAGE)
    form = ExtensionListForm(request.GET)
    environment, search = form.wanted_environment, form.value_of("q")
    account = viewer.organization.platform_accounts.get(environment=environment)
    whole = Extension.objects.filter(account=account)
    context = {
        "environment": environment,
        "account": account,
        "tabs": [(other, _url(environment=other, q=search)) for other in Environment],
        "form": form,
        "search": search,
        "page": form.page(whole.matching(search).select_related("user"), whole=whole),
    }
    return render(request, "accounts/extensions/extensions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@step_up_required
def change_extension(request: HttpRequest, extension_id: int) -> HttpResponse:
    viewer, extension = access.extension_for(request.user, extension_id)
    form = ExtensionForm(posted(request), extension=extension)
    back = _url(environment=extension.environment)
    if form.is_valid():
        with errors_on(form):
            actions.change_extension(
                extension, **form.cleaned_data, actor=viewer.user, origin=Origin.of(request)
            )
            messages.success(request, f"We saved {extension.user.name}’s {word('login')}.")
            return redirect(back)
    context = {
        "extension": extension,
        "form": form,
        "back": back,
        "events": AuditEvent.objects.about("extension", extension.pk)[:HISTORY_LENGTH],
    }
    return render(request, "accounts/extensions/change_extension.html", context)


def _url(**query: object) -> str:
    filled = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{reverse('accounts:extensions')}?{urlencode(filled)}"
