from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import member
from accounts.roles import ConsolePermission
from console.search.query import SearchQuery
from console.search.sources import found_everywhere


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    query = SearchQuery.of(request.GET.get("q", ""))
    context = {"query": query.text, "groups": found_everywhere(viewer, query)}
    # The dialog asks while someone types, and needs only the results.
    part = "HX-Request" in request.headers
    template = "console/search/_results.html" if part else "console/search/search.html"
    return render(request, template, context)
