"""Ready-to-run code for the page of a new JWT. It reads the client secret from the environment."""

from dataclasses import dataclass, field

from accounts.environments import EnvironmentUrls

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

call = Request(
    BASE_URL + "/restapi/v1.0/account/~/extension/~",
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

  const call = await fetch(BASE_URL + "/restapi/v1.0/account/~/extension/~", {{
    headers: {{ Authorization: "Bearer " + access_token }},
  }});
  console.log(await call.json());
}})();
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


def snippets(*, urls: EnvironmentUrls, client_id: str, jwt: str) -> list[Snippet]:
    values = {
        "base_url": urls.base_url,
        "token_endpoint": urls.token_endpoint,
        "client_id": client_id,
        "jwt": jwt,
    }
    templates = [
        ("curl", "curl", _CURL),
        ("Python", "python", _PYTHON),
        ("JavaScript", "javascript", _JAVASCRIPT),
        (".env", "dotenv", _DOTENV),
    ]
    return [Snippet(name, slug, template.format(**values)) for name, slug, template in templates]
