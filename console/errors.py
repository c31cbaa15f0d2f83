"""Error pages. Below an environment's base URL, errors are JSON."""

import sys
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.urls import is_valid_path

from accounts.access import NoConsoleAccess, NotOperator, OrganizationSuspended
from accounts.sign_in.interruptions import page_of
from accounts.sign_in.step_up import NoFactor
from accounts.views.access_requests import no_access
from console.middleware import Middleware
from core import database
from core.media_types import UnsupportedMedia
from credentials.error_codes import help_link
from credentials.oauth.errors import ServiceUnavailable
from credentials.oauth.rest_errors import error_response


def _is_api(request: HttpRequest) -> bool:
    # A request has a `urlconf` on hosts that serve only environments.
    return "/restapi" in request.path or hasattr(request, "urlconf")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    status, reason = 400, ""
    if isinstance(exception, UnsupportedMedia):
        status, reason = exception.status, str(exception)
    if _is_api(request):
        return error_response(status, "CMN-101", reason or "The request is malformed.")
    return _bare_page(request, "400.html", status=status, reason=reason)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, NoConsoleAccess):
        return no_access(request)
    if isinstance(exception, OrganizationSuspended):
        return render(request, "console/suspended.html", status=403)
    if isinstance(exception, NoFactor):
        return render(request, "accounts/users/no_factor.html", status=403)
    context = {"for_operators": isinstance(exception, NotOperator)}
    return render(request, "403.html", context, status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return error_response(404, "CMN-120", "Invalid URI.")
    shorter = request.path.rstrip("/")
    if request.method == "GET" and shorter != request.path and is_valid_path(shorter):
        # The console's addresses end without a slash. With one, they lead to the same page.
        return redirect(shorter)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    # Without database and session: either could be the cause of the error.
    error = sys.exc_info()[1]
    if database.is_unavailable(error):
        return _unavailable(request, has_database=not database.is_away(error))
    request_id = getattr(request, "request_id", "")
    if _is_api(request):
        return error_response(500, "CMN-500", f"Internal error; request {request_id}.")
    return _bare_page(request, "500.html", status=500)


def _unavailable(request: HttpRequest, *, has_database: bool) -> HttpResponse:
    if _is_api(request):
        refusal = ServiceUnavailable(database.CODE, database.AWAY_MESSAGE)
        if "/restapi/oauth/" not in request.path:
            return error_response(refusal.status, refusal.code, refusal.message, refusal.headers)
        headers = refusal.headers | {"Link": help_link(refusal.code)}
        return JsonResponse(refusal.body, status=refusal.status, headers=headers)
    reason = "The console can’t decrypt its keys." if has_database else ""
    return _bare_page(
        request, "503.html", status=database.STATUS, headers=database.HEADERS, reason=reason
    )


def _bare_page(
    request: HttpRequest,
    name: str,
    *,
    status: int,
    headers: Mapping[str, str] | None = None,
    reason: str = "",
) -> HttpResponse:
    # Rendered without the request, because context processors would query the database.
    context = {
        "status": status,
        "reason": reason,
        "request_id": getattr(request, "request_id", ""),
        "theme": request.COOKIES.get(settings.THEME_COOKIE_NAME),
        "may_repeat": request.method == "GET",
    }
    page = loader.get_template(name).render(context)
    return HttpResponse(page, status=status, headers=headers)


class FormAddressMiddleware(Middleware):
    """Explains the address of a form to people who open it, or who reload what answered it."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_unexplained = response.status_code == 405 and not response.content
        if request.method != "GET" or not is_unexplained or _is_api(request):
            return response
        context = {"back": page_of(request)}
        page = render(request, "405.html", context, status=405)
        page["Allow"] = response["Allow"]
        return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _bare_page(request, "403_csrf.html", status=403)
