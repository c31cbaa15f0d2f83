"""Marks each test by what it needs, before `-m` chooses; `tests/stages.py` has a stage for each.

`unit`: no database. pytest-django stops such a test from asking one.
`database`: rows. These run on PostgreSQL, which installations use and which refuses more: locks on
    outer joins, columns missing from GROUP BY, a statement after a failed one.
`browser`: everything in tests/browser. It needs Chromium, a client by another vendor, or a proxy.
`servers`: everything in tests/scale. It starts servers of its own, and stops or kills them.

A module or a test gives itself two more marks:

`both_databases`: the two databases answer differently here, or reach the answer in different ways,
    so it also runs on SQLite: triggers, constraints, upserts and other SQL of ours, JSON columns,
    bulk inserts, case, the order of keyset pages, races, the number of statements.
`slow`: about ten seconds or more. It starts first, so that no worker waits for it at the end.
"""

import pytest

DIRECTORIES = {"browser": "browser", "scale": "servers"}
# pytest-django's: what every fixture that touches rows asks for in the end.
DATABASE = {"db", "transactional_db"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(layer_of(item, config))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def layer_of(item: pytest.Item, config: pytest.Config) -> str:
    directory = item.path.relative_to(config.rootpath / "tests").parts[0]
    if directory in DIRECTORIES:
        return DIRECTORIES[directory]
    needs_rows = item.get_closest_marker("django_db") or DATABASE.intersection(fixtures_of(item))
    return "database" if needs_rows else "unit"


def fixtures_of(item: pytest.Item) -> list[str]:
    """With those that its fixtures ask for."""
    return item.fixturenames if isinstance(item, pytest.Function) else []
