from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member
from accounts.roles import ConsolePermission
from credentials.error_codes import tables_with_anchors
from credentials.explain.dry_runs import try_jwt
from credentials.explain.explanations import explained
from credentials.forms.refusals import PastedJwtForm, RequestIdForm
from credentials.models.refusals import KEPT


@sensitive_variables("jwt_form")
@sensitive_post_parameters("jwt")
@require_http_methods(["GET", "HEAD", "POST"])
def why(request: HttpRequest) -> HttpResponse:
    # The page is the answer to the POST of a JWT, so that nothing keeps the JWT in between.
    viewer = member(request.user, ConsolePermission.CONSOLE_USE)
    asks = request.method != "POST" and "request_id" in request.GET
    id_form = RequestIdForm(request.GET if asks else None)
    jwt_form = PastedJwtForm(request.POST if request.method == "POST" else None)
    context = {"id_form": id_form, "jwt_form": jwt_form, "kept_days": KEPT.days}
    if asks and id_form.is_valid():
        request_id = id_form.cleaned_data["request_id"]
        context |= {"request_id": request_id, "explanation": explained(request_id, viewer)}
    if request.method == "POST" and jwt_form.is_valid():
        context["dry_run"] = try_jwt(**jwt_form.cleaned_data, viewer=viewer)
    response = render(request, "credentials/refusals/why.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_safe
def error_codes(request: HttpRequest) -> HttpResponse:
    return render(request, "credentials/refusals/error_codes.html", {"apis": tables_with_anchors()})
