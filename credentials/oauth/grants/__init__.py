from credentials.oauth.grants import jwt_bearer, refresh_token
from credentials.oauth.grants.grant import Grant

# Where the token endpoint leaves the grant type for the metrics.
GRANT_IN_ENVIRON = "console.grant_type"

# To add a grant, add a module that makes a `Grant`, and add it here.
GRANTS: dict[str, Grant] = {
    grant.grant_type: grant for grant in (jwt_bearer.GRANT, refresh_token.GRANT)
}
