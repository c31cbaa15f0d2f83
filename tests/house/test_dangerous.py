"""What the product never does: run code or programs that it is given, or open unknown connections.

These tests read the code. docs/explanation/security.md explains the exceptions.
"""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import ROOT, Source, sources
from tests.house.test_imports import imported_modules

# Modules that run programs, load objects from bytes, reach memory, or parse XML.
REFUSED = {
    "code", "codeop", "cPickle", "ctypes", "dill", "jsonpickle", "lxml", "marshal", "pickle", "pty",
    "shelve", "subprocess", "xml",
}  # fmt: skip
CALLS = re.compile(
    r"eval|exec|compile|__import__|os\.(?:system|popen|exec\w+|spawn\w+|posix_spawn)"
)
YAML_LOADERS = {"yaml.CSafeLoader", "yaml.SafeLoader"}
# The modules that open or serve connections, apart from what Django does, and why.
NETWORK = {
    "ftplib", "http.client", "http.server", "httpx", "prometheus_client", "psycopg", "redis",
    "requests", "smtplib", "socket", "ssl", "throttled", "urllib.request", "urllib3",
}  # fmt: skip
CONNECTING = {
    "accounts/emails.py": "knows the errors of the email server",
    "console/demo_env.py": "finds a free port of this machine",
    "console/metrics.py": "serves the metrics",
    "console/preflight.py": "asks whether the server's own port is free",
    "console/settings.py": "says how often the shared cache is tried",
    "core/outgoing.py": "calls the APIs of the platform file",
    "core/postgresql/base.py": "the database",
    "core/postgresql/prepared.py": "the database",
    "core/shared_cache.py": "the shared cache",
    "credentials/throttle.py": "the shared cache",
}
# What would make text of people into markup or code, listen to other sites, or keep data in the
# browser.
SCRIPT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    r"|postMessage|addEventListener\(\"message|localStorage|sessionStorage|indexedDB|JSON\.parse"
)


def calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_no_module_runs_code_or_programs_or_unpickles() -> None:
    found = [
        f"{source.name} imports {module}"
        for source in sources()
        for module in imported_modules(source.tree)
        if module.partition(".")[0] in REFUSED
    ]
    found += [
        f"{source.name} calls {name}"
        for source in sources()
        for name, call in calls(source)
        if CALLS.fullmatch(name) or (name == "yaml.load" and not _is_safe(call))
    ]
    assert found == []


def _is_safe(call: ast.Call) -> bool:
    loaders = {ast.unparse(each.value) for each in call.keywords if each.arg == "Loader"}
    return bool(loaders) and loaders <= YAML_LOADERS


def test_no_pattern_contains_input() -> None:
    """Functions use patterns that were written or compiled when their module was."""
    found = [
        f"{source.name}: {function.name}"
        for source in sources()
        for _name, function in source.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and re.fullmatch(r"re\.\w+", ast.unparse(node.func))
        and not isinstance(node.args[0], ast.Constant)
    ]
    lookups = [source.name for source in sources() if re.search(r"__i?regex\b", source.text)]
    assert found + lookups == []


def test_only_listed_modules_open_connections() -> None:
    found = {
        source.name
        for source in sources()
        for module in imported_modules(source.tree)
        if module in NETWORK or module.partition(".")[0] in NETWORK
    }
    assert found == set(CONNECTING)


def test_our_script_uses_no_dangerous_function() -> None:
    scripts = sorted((ROOT / "static").rglob("*.js"))
    assert scripts
    assert [found for path in scripts for found in SCRIPT.findall(path.read_text())] == []
