"""docs/reference/data.md has every table, and docs/reference/logs.md every event that we log."""

import ast
import re

from django.apps import apps

from accounts.models import AuditKind
from tests.house.sources import sources
from tests.house.test_docs import sections, text_of

DATA, LOGS = "docs/reference/data.md", "docs/reference/logs.md"
LEVELS = {"secret", "personal", "internal", "public"}
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# django-structlog logs these for pages. Ours for the APIs has the same name.
OF_LIBRARIES = {"request_failed"}
# console/server_log.py names it.
OF_THE_SERVER = {"process_crashed"}


def test_every_table_is_on_the_page_about_data() -> None:
    section = sections(text_of(DATA), 2)["What we store"]
    rows = re.findall(r"^\| `(\w+\.\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE)
    of_libraries = set(re.findall(r"(?<!\| )`(\w+\.\w+)`", section.partition("Libraries bring")[2]))
    tables = {model._meta.label for model in apps.get_models()}
    assert {table for table, _levels in rows} | (of_libraries - {"manage.py"}) == tables
    assert len(rows) == len({table for table, _levels in rows})
    assert {level for _table, levels in rows for level in levels.split(", ")} == LEVELS


def events_logged() -> set[str]:
    """The constant first arguments, or the second ones of `log`, of calls to loggers."""
    return {
        str(argument.value)
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOGGING
        and ast.unparse(node.func.value) in {"logger", "log"}
        for argument in node.args[:2]
        if isinstance(argument, ast.Constant) and re.fullmatch(r"[a-z_]+", str(argument.value))
    }


def test_every_event_of_the_process_log_is_on_the_page_about_logs() -> None:
    section = sections(text_of(LOGS), 2)["Process log"]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert documented == events_logged() | OF_LIBRARIES | OF_THE_SERVER


def test_every_group_of_audit_events_is_on_the_page_about_logs() -> None:
    section = sections(text_of(LOGS), 2)["Audit log"]
    documented = set(re.findall(r"`(\w+)\.\*`", section))
    assert documented == {kind.partition(".")[0] for kind in AuditKind.values}
