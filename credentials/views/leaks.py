from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.environments import Environment
from core.origin import Origin, client_ip, network_of
from credentials.actions.revocations import revoke_leaked_jwt_credential
from credentials.oauth.leaked import genuine_credentials, reported_jwts
from credentials.throttle import LimitGroup, RateLimited, meter_of


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def report_leaked(request: HttpRequest) -> HttpResponse:
    # The answer is the same for every JWT, so that no one can use this page to test them.
    if request.method != "POST":
        return _page(request)
    try:
        meter_of(request).count(LimitGroup.AUTH, "revoke-leaked", network_of(client_ip(request)))
    except RateLimited as limited:
        page = _page(request, limited=limited.state, status=429)
        return meter_of(request).mark(page)
    jwts = reported_jwts(request)
    for credential in genuine_credentials(jwts, Environment):
        revoke_leaked_jwt_credential(credential, origin=Origin.of(request))
    return _page(request, reported=bool(jwts), found_nothing=not jwts, status=202)


def _page(request: HttpRequest, *, status: int = 200, **context: object) -> HttpResponse:
    return render(request, "credentials/leaks/report_leaked.html", context, status=status)
