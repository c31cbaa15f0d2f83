"""Authorization server metadata (RFC 8414)."""

from typing import Any

from django.conf import settings

from accounts.environments import Environment
from credentials.oauth.grants import GRANTS
from credentials.oauth.targets import resources

CLIENT_AUTHENTICATION = ["client_secret_basic", "client_secret_post"]


def server_metadata(environment: Environment) -> dict[str, Any]:
    urls = environment.urls
    oauth = f"{urls.rest_api}/oauth"
    document = {
        "issuer": urls.base_url,
        "token_endpoint": urls.token_endpoint,
        "token_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "revocation_endpoint": f"{oauth}/revoke",
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "introspection_endpoint": f"{oauth}/introspect",
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        # Ours, beside the registered members: where a leaked JWT credential is reported.
        "revoke_leaked_endpoint": f"{oauth}/revoke-leaked",
        "jwks_uri": f"{oauth}/jwks",
        "grant_types_supported": list(GRANTS),
        # RFC 8414 requires the member; no grant of ours uses the authorization endpoint.
        "response_types_supported": [],
        "scopes_supported": list(settings.PLATFORM.scopes),
    }
    if named := resources(environment):
        # RFC 9728 §4: what clients can name in `resource`.
        document["protected_resources"] = named
    return document
