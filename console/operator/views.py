"""The APIs of the platform, for operators: what calls need, how many there were, and which clients
can introspect tokens.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import operator
from console.operator.calls import call_table, gateways_of
from console.operator.operations import CalledOperationListForm
from console.reference.apis import api_or_404, described_apis
from credentials.models import Client
from credentials.oauth.refusal_log import ANONYMOUS_PER_ADDRESS
from credentials.reports.api_calls import api_calls

CLIENTS_SHOWN = 50


@require_safe
def operator_apis(request: HttpRequest) -> HttpResponse:
    operator(request.user)
    apis = list(described_apis().values())
    if len(apis) == 1:
        return redirect("operator_api", apis[0].id)
    return render(request, "console/operator/apis.html", {"apis": apis})


@require_safe
def operator_api(request: HttpRequest, api_id: str) -> HttpResponse:
    operator(request.user)
    api = api_or_404(api_id)
    calls = api_calls(api)
    clients = list(Client.objects.resource_servers(list(api.servers))[: CLIENTS_SHOWN + 1])
    context = {
        "api": api,
        "apis": described_apis(),
        "gateways": gateways_of(api),
        "since": calls.since,
        "table": call_table(api, calls),
        "recorded_per_minute": ANONYMOUS_PER_ADDRESS,
        "clients": clients[:CLIENTS_SHOWN],
        "has_more_clients": len(clients) > CLIENTS_SHOWN,
        "form": CalledOperationListForm(request.GET, api=api, tallies=calls.by_operation),
    }
    return render(request, "console/operator/api.html", context)
