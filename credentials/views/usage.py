"""What an app does: its exchanges and calls, which credentials it uses, and from where."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from credentials import access
from credentials.reports.client_usage import client_usage
from credentials.views.client_tabs import client_tabs, page_of_credential


@require_safe
def application_usage(request: HttpRequest, application_id: UUID) -> HttpResponse:
    """One environment at a time: `?environment=sandbox`, else production if there is a client."""
    viewer, application = access.application_for(request.user, application_id)
    tabs, shown = client_tabs(application, request.GET.get("environment", ""))
    context: dict[str, object] = {
        "application": application,
        "may_change": application.managed_by(viewer) and not application.is_retired,
        "tabs": tabs,
        "client": shown,
    }
    if shown is not None:
        use = client_usage(shown, viewer)
        context |= {
            "use": use,
            "credentials": [
                (each, page_of_credential(each.credential, viewer)) for each in use.credentials
            ],
        }
    return render(request, "credentials/usage/application_usage.html", context)
