"""Which credential an assertion is (RFC 7523 §3)."""

from uuid import UUID

from accounts.environments import Environment, token_endpoint
from credentials import jose
from credentials.models import JwtCredential
from credentials.models.signing_keys import KeyPurpose
from credentials.oauth import errors
from credentials.oauth.lookup import Lookup, trusted_key


def genuine_credential(assertion: str, environment: Environment) -> JwtCredential:
    """The row of a credential that we signed. Raises `InvalidGrant`."""
    return verified_credential(jose.parsed_or_none(assertion), environment, None)


def verified_credential(
    parsed: jose.ParsedToken | None, environment: Environment, lookup: Lookup | None
) -> JwtCredential:
    """The same of a parsed assertion; `lookup` holds the rows, if they were read already."""
    key = trusted_key(parsed.kid, KeyPurpose.CREDENTIAL, lookup) if parsed else None
    if parsed is None or key is None:
        raise errors.invalid_assertion()
    try:
        claims = jose.verify_parsed(parsed, jwk=key.public_jwk, token_type=jose.CREDENTIAL_TYPE)
    except jose.InvalidToken as error:
        raise errors.invalid_assertion() from error
    home = Environment(key.environment)
    issuer = claims.get("iss")
    if issuer not in home.urls.accepted_base_urls or claims.get("aud") != token_endpoint(issuer):
        raise errors.invalid_assertion()
    if home is not environment:
        raise errors.other_environment(home).about(credential_id=str(claims.get("jti")))
    credential = lookup.credential if lookup else _row(claims.get("jti"))
    if credential is None or credential.claims != claims:
        raise errors.invalid_assertion()
    return credential


def _row(jti: object) -> JwtCredential | None:
    try:
        pk = UUID(str(jti))
    except ValueError:
        return None
    return JwtCredential.objects.presented(pk)
