"""Arrows never turn back: console → credentials → accounts, and urls → views → … → pure."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.sources import PACKAGES, Source, sources

PACKAGE_ORDER = ("accounts", "credentials", "console")

# From the bottom to the top. A module may import its own layer and those below, in every package.
# The longest prefix that fits places a module; a module that none fits has no place yet.
LAYERS: dict[str, tuple[str, ...]] = {
    # Tables, values and functions: they know no model and no request of ours.
    "pure": (
        "accounts.browsers",
        "accounts.audit_chain",
        "accounts.converters",
        "accounts.database",
        "accounts.environments",
        "accounts.leaks",
        "accounts.moments",
        "accounts.texts",
        "accounts.origin",
        "accounts.pagination",
        "accounts.passwords",
        "accounts.permissions",
        "accounts.postgresql",
        "accounts.raw_secrets",
        "accounts.roles",
        "accounts.sessions",
        "accounts.shared_cache",
        "accounts.vault",
        "accounts.spreadsheets",
        "credentials.background",
        "credentials.error_codes",
        "credentials.charts",
        "credentials.jose",
        "credentials.networks",
        "credentials.oauth.errors",
        "credentials.oauth.parameters",
        "credentials.refused",
        "credentials.snippets",
        "credentials.throttle",
        "console.demo_env",
        "console.env",
        "console.uploads",
    ),
    "models": ("accounts.models", "credentials.models", "credentials.statements"),
    # They read models, and what they write belongs to the action that calls them.
    "beside actions": (
        "accounts.access",
        "accounts.audit",
        "accounts.audit_links",
        "accounts.emails",
        "accounts.notices",
        "accounts.second_factor",
        "credentials.access",
        "credentials.audit_links",
        "credentials.bearer",
        "credentials.checks",
        "credentials.converters",
        "credentials.keys",
        "credentials.notices",
        "credentials.oauth.client_auth",
    ),
    "actions": ("accounts.actions", "credentials.actions"),
    "forms": (
        "accounts.forms",
        "credentials.explanations",
        "credentials.fixes",
        "credentials.forms",
        "credentials.oauth.dry_run",
        "credentials.oauth.grants",
        "credentials.oauth.leaked",
        "credentials.oauth.metadata",
        "credentials.oauth.tokens",
        "credentials.refusals",
        "credentials.trials",
        "credentials.walks",
    ),
    # The edges: pages, the two APIs, commands, and what the frameworks call.
    "views": (
        "accounts.adapter",
        "accounts.mfa_adapter",
        "accounts.management",
        "accounts.step_up",
        "accounts.templatetags",
        "accounts.views",
        "credentials.management",
        "credentials.oauth.views",
        "credentials.templatetags",
        "credentials.views",
        "console.api",
        "console.context",
        "console.dashboard",
        "console.demo",
        "console.demo_usage",
        "console.errors",
        "console.health",
        "console.badges",
        "console.icons",
        "console.load",
        "console.management",
        "console.metrics",
        "console.reference",
        "console.templates",
        "console.templatetags",
    ),
    "urls": (
        "accounts.apps",
        "accounts.urls",
        "credentials.apps",
        "credentials.oauth.urls",
        "credentials.urls",
        "console.apis",
        "console.apps",
        "console.checks",
        "console.environment_urls",
        "console.middleware",
        "console.second_factor",
        "console.settings",
        "console.urls",
        "console.wsgi",
    ),
}
LEVELS = {prefix: level for level, prefixes in enumerate(LAYERS.values()) for prefix in prefixes}
# Packages that only hold others.
HOLDERS = {*PACKAGES, "credentials.oauth"}

# The only files that may import them: whatever else needs cryptography asks one of them.
SIGNING_LIBRARIES = {"jwt", "cryptography"}
SIGNERS = {"credentials/jose.py", "accounts/vault.py"}

MODULES = {source.module for source in sources()}


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """The dotted names of what is imported: `from a import b` is `a.b` where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports are absolute."
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


def own_imports(source: Source) -> set[str]:
    return {
        name for name in imported_modules(source.tree) if name.partition(".")[0] in PACKAGE_ORDER
    }


def level_of(module: str) -> int | None:
    """The layer of the longest prefix that names the module or a package around it."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((LEVELS[prefix] for prefix in prefixes if prefix in LEVELS), None)


def pairs() -> Iterator[tuple[str, str]]:
    for source in sources():
        for imported in sorted(own_imports(source)):
            yield source.module, imported


def test_every_module_has_a_place() -> None:
    homeless = [name for name in MODULES - HOLDERS if level_of(name) is None]
    assert not homeless, "Give it a layer in LAYERS."


def test_the_table_names_no_module_that_is_gone() -> None:
    optional = {"apps", "checks", "demo", "management", "templatetags"}
    gone = [
        prefix
        for prefix in LEVELS
        if prefix.rpartition(".")[2] not in optional
        and not any(module == prefix or module.startswith(f"{prefix}.") for module in MODULES)
    ]
    assert not gone


def test_packages_point_one_way() -> None:
    rank = {package: index for index, package in enumerate(PACKAGE_ORDER)}
    backwards = [
        f"{importer} imports {imported}"
        for importer, imported in pairs()
        if rank[imported.partition(".")[0]] > rank[importer.partition(".")[0]]
    ]
    assert not backwards


def test_layers_point_one_way() -> None:
    names = list(LAYERS)
    upwards = []
    for importer, imported in pairs():
        lower, upper = level_of(imported), level_of(importer)
        if lower is not None and upper is not None and lower > upper:
            upwards.append(f"{importer} ({names[upper]}) imports {imported} ({names[lower]})")
    assert not upwards


def test_no_module_imports_itself_by_detours() -> None:
    graph = {source.module: own_imports(source) - {source.module} for source in sources()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Cycle: {' → '.join(error.args[1])}")


def test_nothing_of_ours_is_imported_inside_a_function() -> None:
    hidden = [
        f"{source.name}: {name} imports {module}"
        for source in sources()
        for name, function in source.functions()
        for module in imported_modules(function)
        if module.partition(".")[0] in PACKAGE_ORDER
    ]
    assert not hidden


def test_only_jose_signs() -> None:
    importers = {
        source.name
        for source in sources()
        for module in imported_modules(source.tree)
        if module.partition(".")[0] in SIGNING_LIBRARIES
    }
    assert importers == SIGNERS
