"""Files, views and functions stay small enough to read, and a name means one thing."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator

import complexipy
import pytest

from tests.house.sources import ROOT, Source, sources, tracked_files

MOST_LINES = 400
MOST_LINES_OF_TESTS = 600
MOST_LINES_OF_A_VIEW = 25
MOST_COMPLEX = 10

# Django, structlog and our own forms of URL modules look for these names.
NAMES_OF_FRAMEWORKS = {"Command", "app_name", "logger", "register", "urlpatterns"}
# Each grant says the same things about itself, Django chose the names of settings, and the classes
# of the schemas are components of the OpenAPI document, under the names of the original API.
NAMED_BY_OTHERS = ("credentials/oauth/grants/", "console/settings.py", "console/api/schemas.py")

# What a rule finds: the offender, and its file.
Offenders = Iterator[tuple[str, str]]


def package_of(source: Source) -> str:
    return source.name.partition("/")[0]


def is_view(source: Source, function: ast.FunctionDef) -> bool:
    in_console = source.path.parent.name == "console"
    takes_a_request = [argument.arg for argument in function.args.args][:1] == ["request"]
    return "/views" in source.name or (in_console and takes_a_request)


def long_files() -> Offenders:
    for path in tracked_files():
        if path.suffix != ".py" or "migrations" in path.parts:
            continue
        name = path.relative_to(ROOT).as_posix()
        most = MOST_LINES_OF_TESTS if name.startswith("tests/") else MOST_LINES
        if len(path.read_text().splitlines()) > most:
            yield name, name


def long_views() -> Offenders:
    for source in sources():
        for name, function in source.functions():
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if is_view(source, function) and lines > MOST_LINES_OF_A_VIEW:
                yield f"{package_of(source)} {name}", source.name


def complex_functions() -> Offenders:
    for source in sources():
        for function in complexipy.file_complexity(str(source.path)).functions:
            if function.complexity > MOST_COMPLEX:
                yield f"{package_of(source)} {function.name}", source.name


def public_names(source: Source) -> Iterator[tuple[str, ast.stmt]]:
    for node in source.tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from ((target.id, node) for target in targets if isinstance(target, ast.Name))


def names_with_two_meanings() -> Offenders:
    """Classes are unique in the product, functions and constants in their package.

    A view is left out: it has the name of its page, which is often that of the action it calls.
    """
    files: dict[str, set[str]] = defaultdict(set)
    for source in sources():
        if source.name.startswith(NAMED_BY_OTHERS):
            continue
        for name, node in public_names(source):
            if name.startswith("_") or name in NAMES_OF_FRAMEWORKS:
                continue
            if isinstance(node, ast.FunctionDef) and is_view(source, node):
                continue
            scope = "everywhere" if isinstance(node, ast.ClassDef) else package_of(source)
            files[f"{scope} {name}"].add(source.name)
    for name, found in files.items():
        if len(found) > 1:
            yield name, ", ".join(sorted(found))


RULES: dict[str, Callable[[], Offenders]] = {
    "long file": long_files,
    "long view": long_views,
    "complex": complex_functions,
    "two meanings": names_with_two_meanings,
}


@pytest.mark.parametrize("rule", RULES)
def test_code_is_small_and_named_once(rule: str) -> None:
    assert dict(RULES[rule]()) == {}, "Split it, simplify it, or give it a name of its own."
