"""Code that makes the same call as *Try it*. It reads the access token from the environment."""

import json
import shlex

from core.outgoing import OutgoingCall
from credentials.snippets import Snippet

_OF_TRY_IT = "User-Agent"


def call_snippets(call: OutgoingCall) -> list[Snippet]:
    headers = {name: value for name, value in call.headers.items() if name != _OF_TRY_IT}
    body = (call.body or b"").decode()
    return [
        Snippet("curl", "try-curl", _curl(call, headers, body)),
        Snippet("Python", "try-python", _python(call, headers, body)),
        Snippet("JavaScript", "try-javascript", _javascript(call, headers, body)),
    ]


def _curl(call: OutgoingCall, headers: dict[str, str], body: str) -> str:
    # The token reaches curl through standard input, so it isn't in the process list.
    options = ["--head"] if call.method == "HEAD" else ["--request", call.method]
    lines = [
        f"curl -sS --config - {' '.join(options)} {shlex.quote(call.url)}",
        *(f"--header {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()),
        *([f"--data-raw {shlex.quote(body)}"] if body else []),
    ]
    command = " \\\n    ".join(lines)
    return f'printf \'header = "Authorization: Bearer %s"\' "$ACCESS_TOKEN" |\n  {command}\n'


def _python(call: OutgoingCall, headers: dict[str, str], body: str) -> str:
    named = [f"        {name!r}: {value!r}," for name, value in headers.items()]
    lines = [
        "import os",
        "from urllib.request import Request, urlopen",
        "",
        "call = Request(",
        f"    {call.url!r},",
        f"    method={call.method!r},",
        *([f"    data={body!r}.encode(),"] if body else []),
        "    headers={",
        *named,
        '        "Authorization": "Bearer " + os.environ["ACCESS_TOKEN"],',
        "    },",
        ")",
        "print(urlopen(call).read().decode())",
    ]
    return "\n".join(lines) + "\n"


def _javascript(call: OutgoingCall, headers: dict[str, str], body: str) -> str:
    named = [f"      {json.dumps(name)}: {json.dumps(value)}," for name, value in headers.items()]
    lines = [
        "(async () => {",
        f"  const call = await fetch({json.dumps(call.url)}, {{",
        f"    method: {json.dumps(call.method)},",
        "    headers: {",
        *named,
        '      "Authorization": "Bearer " + process.env.ACCESS_TOKEN,',
        "    },",
        *([f"    body: {json.dumps(body)},"] if body else []),
        "  });",
        "  console.log(call.status, await call.text());",
        "})();",
    ]
    return "\n".join(lines) + "\n"
