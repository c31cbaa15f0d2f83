"""Imports point one way, and only the signing modules import cryptography.

import-linter holds the packages and layers; its contracts are in pyproject.toml.
"""

import ast
from collections.abc import Iterator

from importlinter.cli import lint_imports

from tests.house.sources import PACKAGES, ROOT, sources

# The only files that can import them. Other code that needs cryptography calls these.
SIGNING_LIBRARIES = {"jwt", "cryptography"}
SIGNERS = {"credentials/jose.py", "core/vault.py"}


def imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports are absolute."
            yield str(node.module)


def test_imports_point_one_way() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_no_function_imports_a_module_of_ours() -> None:
    hidden = [
        f"{source.name}: {name} imports {module}"
        for source in sources()
        for name, function in source.functions()
        for module in imported_modules(function)
        if module.partition(".")[0] in PACKAGES
    ]
    assert not hidden


def test_only_two_modules_import_cryptography() -> None:
    importers = {
        source.name
        for source in sources()
        for module in imported_modules(source.tree)
        if module.partition(".")[0] in SIGNING_LIBRARIES
    }
    assert importers == SIGNERS
