"""Ready-to-run code for the page of a new JWT. It reads the client secret from the environment."""

from dataclasses import dataclass, field

from django.conf import settings

from accounts.environments import Environment

# Both secrets reach curl through standard input. On a command line, everyone on the machine could
# read them in the process list, and the shell would keep them in its history.
_CURL = """\
# JWT and CLIENT_SECRET are read from the environment: neither is in the process list.
curl -sS {token_endpoint} --config - <<END
user = "{client_id}:$CLIENT_SECRET"
data = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer"
data-urlencode = "assertion=$JWT"
END
"""

_PYTHON = """\
import base64, json, os
from urllib.parse import urlencode
from urllib.request import Request, urlopen

BASE_URL = "{base_url}"
CLIENT_ID = "{client_id}"
JWT = "{jwt}"

basic = base64.b64encode(f"{{CLIENT_ID}}:{{os.environ['CLIENT_SECRET']}}".encode()).decode()
grant = {{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": JWT}}
exchange = Request(
    BASE_URL + "/restapi/oauth/token",
    data=urlencode(grant).encode(),
    headers={{"Authorization": "Basic " + basic}},
)
token = json.load(urlopen(exchange))["access_token"]
"""

_PYTHON_CALL = """
call = Request(
    {address},
    headers={{"Authorization": "Bearer " + token}},
)
print(json.load(urlopen(call)))
"""

_JAVASCRIPT = """\
const BASE_URL = "{base_url}";
const CLIENT_ID = "{client_id}";
const JWT = "{jwt}";

(async () => {{
  const basic = Buffer.from(`${{CLIENT_ID}}:${{process.env.CLIENT_SECRET}}`).toString("base64");
  const exchange = await fetch(BASE_URL + "/restapi/oauth/token", {{
    method: "POST",
    headers: {{ Authorization: "Basic " + basic }},
    body: new URLSearchParams({{
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: JWT,
    }}),
  }});
  const {{ access_token }} = await exchange.json();
{call}}})();
"""

_JAVASCRIPT_CALL = """
  const call = await fetch({address}, {{
    headers: {{ Authorization: "Bearer " + access_token }},
  }});
  console.log(await call.json());
"""

_DOTENV = """\
BASE_URL={base_url}
CLIENT_ID={client_id}
CLIENT_SECRET=
JWT={jwt}
"""


@dataclass(frozen=True)
class Snippet:
    name: str
    slug: str
    code: str = field(repr=False)


def snippets(*, environment: Environment, client_id: str, jwt: str) -> list[Snippet]:
    urls, address = environment.urls, _address_of_a_call(environment)
    values = {
        "base_url": urls.base_url,
        "token_endpoint": urls.token_endpoint,
        "client_id": client_id,
        "jwt": jwt,
    }
    python_call = _PYTHON_CALL.format(address=address) if address else ""
    javascript_call = _JAVASCRIPT_CALL.format(address=address) if address else ""
    return [
        Snippet("curl", "curl", _CURL.format(**values)),
        Snippet("Python", "python", _PYTHON.format(**values) + python_call),
        Snippet("JavaScript", "javascript", _JAVASCRIPT.format(**values, call=javascript_call)),
        Snippet(".env", "dotenv", _DOTENV.format(**values)),
    ]


def _address_of_a_call(environment: Environment) -> str:
    """An expression, valid in Python and JavaScript; empty if no operation is simple to call."""
    platform = settings.PLATFORM
    if platform.built_in_api:
        return 'BASE_URL + "/restapi/v1.0/account/~/extension/~"'
    addresses = (
        f'"{api.servers[environment]}{operation.path}"'
        for api in platform.apis.values()
        if environment in api.servers
        for operation in api.operations
        if operation.method == "GET" and "{" not in operation.path
    )
    return next(addresses, "")
